import type { Clock } from "../../base/time.ts";
import { httpFault } from "../../protocol/enrolment.ts";
import { besideChannel } from "./enrol.ts";
import { httpFailure } from "./failures.ts";
import { postJson } from "./https-post.ts";
import type { TransportSettings } from "./transport.ts";

export interface ProbeParts {
  /** Address of the channel as configured. */
  portal: string;
  transport: TransportSettings;
  /** A signed token; undefined before the enrolment. */
  token: string | undefined;
  clock: Clock;
  signal: AbortSignal;
}

/**
 * Asks the portal something that it refuses for its form alone, so that way, certificate, key and clock are seen to be right without taking the
 * channel from an agent that runs. Returns the portal's clock minus ours, ms.
 * @throws FuserError that says why the portal can't be reached or does not take this agent (failures.ts)
 */
export async function probePortal(parts: ProbeParts): Promise<{ clockOffsetMs: number }> {
  const { portal, transport, token, clock, signal } = parts;
  const address = besideChannel(portal, token === undefined ? "enrol" : "rotate");
  const operation = "reach the portal";
  const { answer, attempt } = await postJson({
    address,
    body: {},
    operation,
    transport,
    clock,
    signal,
    ...(token === undefined ? {} : { token }),
  });
  const fault = answer.fromProxy ? undefined : httpFault.safeParse(parseJson(answer.body)).data;
  if (fault?.error !== "malformed" && fault?.error !== "slow-down") throw httpFailure(answer, attempt, clock.now());
  return { clockOffsetMs: Date.parse(fault.now) - clock.now() };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
