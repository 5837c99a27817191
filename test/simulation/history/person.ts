/** The admin: looks at the agent now and then, and decides what only a person may decide, by what stands in the ERP. */
import type { Running } from "../../../agent/agent.ts";
import type { World } from "../world/world.ts";

const lookEveryMs = 60_000;
const typeOf: Readonly<Record<string, string>> = {
  properties: "property",
  buildings: "building",
  units: "unit",
  persons: "person",
  periods: "utilisationPeriod",
  tickets: "ticket",
  messages: "message",
};

export function employAdmin(world: World): void {
  const { time, agent } = world;
  const look = (): void => {
    // A command line of its own: it waits while the agent's process is about to die under it.
    if (agent.agent !== undefined && time.now >= agent.fullUntil && agent.deadly === undefined) decide(world, agent.agent);
    time.after(lookEveryMs, look);
  };
  time.after(lookEveryMs, look);
}

function decide({ oracle, erp }: World, { store, capture, writeback }: Running): void {
  for (const guard of store.guards.list()) {
    if (guard.state !== "open" || guard.count === 0) continue;
    oracle.approved(guard.kind === "history" ? "deletes" : guard.kind, typeOf[guard.source] ?? "");
    capture.decideGuard(guard.id, "approve");
  }
  for (const { id, command } of store.inbox.list({ state: "uncertain" })) {
    const effects = oracle.effects.get(id) ?? 0;
    const note = erp.row("NOTIZ", oracle.notes.get(id) ?? "");
    const key = command?.command !== "message.create" || note === undefined ? undefined : `${note.AUFTR}.${note.LFD}`;
    writeback.resolve(id, effects > 0 ? { kind: "applied", key } : { kind: "rejected" });
  }
}
