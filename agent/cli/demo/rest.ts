/** When all is done: nothing pending at the agent, nothing under way, every command settled at the portal, and all compared since. */
import { FuserError } from "../../../base/errors.ts";
import { readStatusFile } from "../../status-file.ts";
import type { AgentStatus } from "./agent-process.ts";
import { agentStore } from "./agent-store.ts";
import type { AgentAtPortal } from "./portal-process.ts";
import type { Step } from "./progress.ts";
import type { World } from "./world.ts";

const finalOutcomes: ReadonlySet<string> = new Set(["applied", "rejected", "conflict", "expired"]);
const lookEveryMs = 250;
/** While the agent's file or the portal tells of work, `erpfuser status` is asked at every so many looks only: each takes a process, and time of the machine. */
const looksPerQuestion = 20;

/** Of the demo's world, or of a test's. */
type Resting = Pick<World, "portal" | "signal"> & {
  agent: Pick<World["agent"], "status" | "syncFull">;
  session: Pick<World["session"], "clock">;
  home: Pick<World["home"], "configFile" | "state">;
};

type Count = (number: number, what: string) => void;

/** What is still under way, in words; empty at rest. */
export function underWay(agent: AgentStatus, portal: AgentAtPortal | undefined): string[] {
  return [...underWayAtAgent(agent), ...underWayAtPortal(portal)];
}

function underWayAtAgent(agent: AgentStatus): string[] {
  const { found, count } = findings();
  if (!agent.running) found.push("the agent does not run");
  count(agent.pending, "keys to read");
  count(agent.outbox.items, "items to send");
  for (const state of ["received", "executing", "waiting", "uncertain", "finished"]) {
    count(agent.commands[state] ?? 0, `commands ${state} at the agent`);
  }
  for (const guard of agent.guards) found.push(`guard ${guard.id} holds ${guard.count} of ${guard.source}`);
  return found;
}

function underWayAtPortal(portal: AgentAtPortal | undefined): string[] {
  const { found, count } = findings();
  if (!portal?.connected) found.push("the agent is not connected");
  for (const [state, number] of Object.entries(portal?.commands ?? {})) {
    if (!finalOutcomes.has(state)) count(number, `commands ${state} at the portal`);
  }
  return found;
}

function findings(): { found: string[]; count: Count } {
  const found: string[] = [];
  return { found, count: (number, what) => void (number > 0 && found.push(`${number} ${what}`)) };
}

/**
 * Waits until everything is at rest, with full compares of every source in between, so that what no signal told is found too. Nobody may work in
 * ERP or portal meanwhile.
 * @throws FuserError `demo-no-rest` with what is still under way after `withinMs`
 */
export async function awaitRest(world: Resting, step: Step, withinMs: number): Promise<void> {
  const { session, agent, portal, signal } = world;
  const until = session.clock.monotonic() + withinMs;
  const untilNothing = async (look: () => Promise<string[]>): Promise<void> => {
    for (let left = await look(); left.length > 0; left = await look()) {
      step.update(0, left.join(", "));
      if (session.clock.monotonic() > until) throw noRest(left, withinMs);
      await session.clock.sleep(lookEveryMs, signal);
    }
  };
  let looks = 0;
  let told = ["the agent is at work"];
  const atRest = async (): Promise<string[]> => {
    const works = readStatusFile(world.home.state)?.inStepSince === undefined;
    looks += 1;
    const isDue = looks % looksPerQuestion === 0;
    if (works && !isDue) return told;
    const at = await portal.agent();
    const left = underWayAtPortal(at);
    if (left.length > 0 && !isDue) return left;
    const found = underWay(await agent.status(), at);
    if (found.length > 0) told = found;
    return found;
  };
  await untilNothing(atRest);
  await compareAnew(world, (compared) => untilNothing(async () => (compared() ? [] : ["a full compare"])));
  await untilNothing(atRest);
}

/**
 * Every source is compared in full, from its first row to its last, after this call; `until` waits until what it is given is true. Twice, because the
 * first answer may come from a compare that began before it was asked for.
 */
export async function compareAnew(
  { session, agent, home }: Pick<Resting, "session" | "agent" | "home">,
  until: (compared: () => boolean) => Promise<unknown>,
): Promise<void> {
  const store = await agentStore(home, session.clock);
  for (let turn = 0; turn < 2; turn++) {
    const asked = session.clock.now();
    await agent.syncFull();
    await until(() => store.comparedAfter(asked));
  }
}

function noRest(left: readonly string[], withinMs: number): FuserError {
  return new FuserError("transient", `No rest within ${Math.round(withinMs / 1_000)} s: ${left.join(", ")}`, {
    code: "demo-no-rest",
    operation: "wait for rest",
    hint: "See the logs in the demo's directory; a slow machine may need --rest-within SECONDS",
  });
}
