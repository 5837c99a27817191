/** What the tests of the command line share: one document on stdout and nothing beside it, and a running agent that is in step. */
import { expect, vi } from "vitest";
import type { Run, Said } from "./agent-run.ts";
import type { Site } from "./site.ts";

/** Runs a command with `--json`; expects this exit code and that stdout and stderr together hold nothing but one document. Returns it. */
export async function answer(site: Site, args: readonly string[], { exit = 0, input = "" } = {}): Promise<Said["document"]> {
  const said = await site.erpfuser(args, input);
  expect(said.text.trimEnd().split("\n"), args.join(" ")).toHaveLength(1);
  expect({ args, code: said.code, document: said.document }).toMatchObject({ args, code: exit });
  return said.document;
}

/** The code of the error with which a command ends. */
export async function refusal(site: Site, args: readonly string[], exit: number, input = ""): Promise<string> {
  const { error } = await answer(site, args, { exit, input });
  expect(error?.message).toBeTruthy();
  expect(error?.hint ?? error?.findings).toBeTruthy();
  return error?.code ?? "";
}

/** Starts the agent and waits until everything was compared and acknowledged once. */
export async function runInStep(site: Site): Promise<Run> {
  const run = site.run();
  await vi.waitFor(() => expect(site.status()).toMatchObject({ pid: run.pid, inStepSince: expect.any(String) }), {
    timeout: 90_000,
    interval: 100,
  });
  return run;
}
