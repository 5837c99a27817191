/** Small work that the agent does again and again beside its parts. */
import { describeError, FuserError } from "../base/errors.ts";
import { repeat } from "../base/loop.ts";
import type { AgentParts } from "./agent.ts";

/** Between two tries after a trouble that passes by itself. */
const backoff = { minMs: 1_000, maxMs: 30_000 };

export interface WaitOutOptions {
  parts: Pick<AgentParts, "clock" | "random" | "log">;
  /** Name in the log. */
  part: string;
  everyMs: number;
}

/**
 * Repeats `step` until the signal aborts. A trouble that passes by itself, such as a full disk, is told once and waited out: it must not end the agent.
 * @throws what `step` throws but transient errors
 */
export async function waitOut(
  { parts, part, everyMs }: WaitOutOptions,
  step: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random } = parts;
  const log = parts.log.part(part);
  let told: string | undefined;
  await repeat({
    ...{ clock, random, signal, backoff },
    async step(inner) {
      await step(inner);
      if (told !== undefined) log.info("It works again", { code: told });
      told = undefined;
      return everyMs;
    },
    onError(error, retryInMs) {
      const code = error instanceof FuserError ? error.code : "internal-error";
      if (retryInMs !== undefined && code !== told) log.warn(describeError(error), { code });
      told = code;
    },
  });
}
