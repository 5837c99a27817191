/** The first time that everything of the ERP is at the portal. */
import { FuserError } from "../../../base/errors.ts";
import { readStatusFile } from "../../status-file.ts";
import { agentStore } from "./agent-store.ts";
import type { Progress } from "./progress.ts";
import { underWay } from "./rest.ts";
import type { World } from "./world.ts";

export interface FirstSync {
  /** Rows that the agent's sources read. */
  rows: number;
  /** From the agent's start to the last ack. */
  seconds: number;
}

const lookEveryMs = 250;
const withinMs = 30 * 60_000;

/** Waits for it, and notes the agent's peak of memory. @throws FuserError `demo-no-first-sync` after half an hour */
export async function awaitFirstSync(world: World, progress: Progress): Promise<FirstSync> {
  const { session, agent, portal, home, signal } = world;
  const step = progress.step("First sync", world.company.rows);
  const started = session.clock.monotonic();
  for (;;) {
    const at = await portal.agent();
    const entities = Object.values(at?.entities ?? {}).reduce((sum, count) => sum + count, 0);
    step.update(entities, at?.connected ? "entities at the portal" : "connecting");
    const file = readStatusFile(home.state);
    if (file?.inStepSince !== undefined) {
      const seconds = (session.clock.monotonic() - started) / 1_000;
      agent.sampleMemory("firstSync");
      const status = await agent.status();
      if (underWay(status, at).length === 0) {
        const rows = (await agentStore(home, session.clock)).firstRows();
        step.done(`${entities} entities of ${rows} rows at the portal`);
        return { rows, seconds: Math.round(seconds * 10) / 10 };
      }
    }
    if (session.clock.monotonic() - started > withinMs) throw tooLong(entities);
    await session.clock.sleep(lookEveryMs, signal);
  }
}

function tooLong(entities: number): FuserError {
  return new FuserError("transient", `The first sync took too long; the portal holds ${entities} entities`, {
    code: "demo-no-first-sync",
    operation: "wait for the first sync",
    hint: "See the agent's log in the demo's directory",
  });
}
