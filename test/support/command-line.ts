/** A command of the command line within this process: quicker than a process of its own, and what it answers can be looked at. */
import { Command } from "commander";
import type { Register } from "../../agent/cli/command.ts";
import { exitCodeOf } from "../../agent/cli/exit-codes.ts";
import { errorDocument } from "../../agent/cli/output.ts";
import type { Session } from "../../agent/cli/session.ts";
import { type Clock, systemClock } from "../../base/time.ts";

// With commander the process's own streams are opened, for good: that is nothing that a test file leaves behind.
for (const stream of [process.stdin, process.stdout, process.stderr] as { unref?(): void }[]) stream.unref?.();

export interface Answered {
  code: number;
  document: { error?: { code: string; message: string; hint?: string } } & Record<string, unknown>;
}

/** Runs it as `--json` does. Returns its exit code and its document. */
export async function commandLine(
  register: Register,
  { configFile, clock = systemClock }: { configFile: string; clock?: Clock },
  args: readonly string[],
): Promise<Answered> {
  const answered: Answered = { code: -1, document: {} };
  const keep = (document: unknown): void => {
    answered.document = JSON.parse(JSON.stringify(document)) as Answered["document"];
  };
  const session: Session = {
    ...{ clock, random: Math.random, signal: new AbortController().signal, env: {} },
    options: { config: configFile, json: true, verbose: false },
    out: {
      ...{ json: true, interactive: false, result: keep, line: keep, note: () => undefined },
      failure: (error) => keep({ error: errorDocument(error) }),
    },
  };
  const program = new Command().exitOverride();
  register(program, (work) => async (...given) => {
    const command = given.at(-1) as Command;
    try {
      // As program.ts does: an optional argument that was left out is none.
      const named = command.processedArgs.flat().filter((argument) => argument !== undefined);
      answered.code = await work(session, named.map(String), command.opts());
    } catch (error) {
      session.out.failure(error);
      answered.code = exitCodeOf(error);
    }
  });
  await program.parseAsync([...args], { from: "user" });
  return answered;
}
