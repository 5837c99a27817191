/** What must hold once nothing moves any more: the portal shows the mapped state of the ERP, and every command is final with the effect that its result tells. */
import { isDeepStrictEqual } from "node:util";
import type { Store } from "../../../agent/store/store.ts";
import type { Hub } from "../../../portal/hub.ts";
import type { ErpServer } from "../erp/server.ts";
import { agentId } from "../world/portal-machine.ts";
import { type Expectation, expectedEntities, nameOf, rowBehind } from "./expected.ts";
import type { Oracle } from "./oracle.ts";
import { stored } from "./portal-view.ts";

export interface Rest {
  erp: ErpServer;
  hub: Hub;
  store: Store;
  oracle: Oracle;
}

const sourceOf: Readonly<Record<string, string>> = {
  property: "properties",
  building: "buildings",
  unit: "units",
  person: "persons",
  utilisationPeriod: "periods",
  ticket: "tickets",
  message: "messages",
};

/** `goneToo`: after a full compare, so that what the ERP no longer has must be gone as well; a cursor column can't know it. */
export function judgePortal({ erp, hub, store, oracle }: Rest, goneToo: boolean): string[] {
  const expected = expectedEntities(erp);
  const shown = new Map(stored(hub).map((entity) => [nameOf(entity.type, entity.id), entity]));
  const faults: string[] = [];
  const isHeld = (name: string): boolean => {
    const [type = "", id = ""] = name.split(" ");
    return store.quarantine.get(sourceOf[type] ?? "", id) !== undefined;
  };
  for (const [name, expectation] of expected) {
    const there = shown.get(name);
    const [type = "", id = ""] = name.split(" ");
    const { table, key } = rowBehind(type, id);
    if (!goneToo && oracle.isBehindSignals(table, key)) continue;
    if (mayBeHeld(expectation, expected, shown)) {
      if (expectation.unreadable && !isHeld(name)) faults.push(`${name} can't be read, and is not held by name`);
    } else if (there === undefined) faults.push(`${name} is missing at the portal`);
    else if (!isDeepStrictEqual(there.fields, expectation.fields))
      faults.push(`${name} is ${JSON.stringify(there.fields)}, should be ${JSON.stringify(expectation.fields)}`);
  }
  if (goneToo)
    for (const name of shown.keys()) if (!expected.has(name)) faults.push(`${name} is at the portal, and not in the ERP`);
  return faults;
}

/** Unreadable itself, or waiting for a parent that is. */
function mayBeHeld(
  expectation: Expectation,
  all: ReadonlyMap<string, Expectation>,
  shown: ReadonlyMap<string, unknown>,
): boolean {
  if (expectation.unreadable) return true;
  return expectation.parents.some((parent) => {
    const found = all.get(parent);
    return found?.unreadable === true && !shown.has(parent);
  });
}

export function judgeCommands({ erp, hub, oracle }: Rest): string[] {
  const faults: string[] = [];
  for (const { id, command, byBase, wanted } of oracle.commands.values()) {
    const known = hub.desk.command(id);
    // The portal itself was set back and has forgotten it: it may have been carried out, once at the most.
    if (known === undefined || known.agent_id !== agentId) continue;
    const effects = oracle.effects.get(id) ?? 0;
    const said = `${command} ${id} is ${known.outcome ?? known.state}`;
    // Values that a clerk has changed since, in a row that was deleted since: nothing in the ERP tells that it was carried out.
    const isHiddenSince = (outcome: string | null): boolean =>
      outcome === "conflict" ||
      (outcome === "rejected" && wanted !== undefined && erp.row("AUFTRAG", wanted.ticket) === undefined);
    if (known.state !== "settled") faults.push(`${said}: every command must be final`);
    else if (known.outcome === "applied") {
      if (effects === 0 && !oracle.lostEffects.has(id) && !oracle.metAsWanted.has(id)) faults.push(`${said}, and had no effect`);
    } else if (effects > 0 && !(byBase && isHiddenSince(known.outcome))) faults.push(`${said}, and took effect`);
    // After a restore the ERP may give the number of what was lost to another one.
    if (known.outcome === "applied" && !oracle.lostEffects.has(id)) faults.push(...misnamed(erp, known.result, said));
  }
  return faults;
}

/** The entity that an applied command names carries its id, where the ERP has a place for it. */
function misnamed(erp: ErpServer, result: string | null, said: string): string[] {
  const { entity, id } = JSON.parse(result ?? "{}") as { entity?: { type: string; id: string }; id: string };
  if (entity === undefined) return [];
  const { table, key } = rowBehind(entity.type, entity.id);
  const row = erp.row(table, key);
  const other = row?.FREMDNR;
  const made = said.startsWith("ticket.create") || said.startsWith("message.create");
  return made && other !== undefined && other !== null && other !== id
    ? [`${said} and names ${entity.id}, which is another command's`]
    : [];
}
