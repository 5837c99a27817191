/** What a lying, broken or just odd agent says to the portal: sequences of steps on one or several links. */
import type { Chance } from "./chance.ts";
import { messages, model, typeNames } from "./documents.ts";
import { fromSchema, type Schema, someJson } from "./from-schema.ts";
import { damagedStep, messageStep, type RawStep } from "./raw-steps.ts";

export type PortalStep =
  /** On which link; one that is not there yet is opened first. */
  | { on: number; do: "raw"; step: RawStep }
  /** A `start` with the connection number that the portal gave, plus a lie. */
  | { on: number; do: "start"; start: { epoch: string; renewed?: string; next: number }; lie: number }
  /** Waits until all before was handled. */
  | { on: number; do: "sync" }
  | { on: number; do: "cut" }
  /** The portal's people issue a command. */
  | { on: number; do: "issue" };

export interface PortalCase {
  steps: PortalStep[];
}

const usual = ["property", "building", "unit", "person", "utilisationPeriod", "ticket", "catalogEntry"];
const epochs = ["epoch-0001", "epoch-0002", "\ud800epoch-3", "epoch\u0000-4"];

export function makePortalCase(chance: Chance): PortalCase {
  const talk = { chance, steps: [] as PortalStep[], next: 1, epoch: epochs[0] as string };
  for (let left = chance.below(3); left > 0; left--) talk.steps.push({ on: 0, do: "issue" });
  const links = chance.between(1, 3);
  for (let on = 0; on < links; on++) converse(talk, on);
  return { steps: talk.steps };
}

interface Talk {
  chance: Chance;
  steps: PortalStep[];
  /** Number that the next item should have. */
  next: number;
  epoch: string;
}

function converse(talk: Talk, on: number): void {
  const { chance, steps } = talk;
  const say = (step: RawStep): void => void steps.push({ on, do: "raw", step });
  if (chance.oneIn(12)) say(anything(talk));
  greet(talk, on);
  for (let left = chance.below(7); left > 0; left--) {
    if (chance.oneIn(8)) steps.push({ on, do: "issue" });
    // A link that was superseded speaks on.
    const speaker = on > 0 && chance.oneIn(6) ? on - 1 : on;
    steps.push({ on: speaker, do: "raw", step: anything(talk) });
    if (chance.oneIn(3)) steps.push({ on, do: "sync" });
  }
  if (chance.oneIn(3)) steps.push({ on, do: "cut" });
  else if (chance.oneIn(2)) say(messageStep({ type: "bye", reason: "done" }));
}

function greet(talk: Talk, on: number): void {
  const { chance, steps } = talk;
  const hello = helloOf(talk);
  const damaged = chance.oneIn(10);
  steps.push({ on, do: "raw", step: damaged ? damagedStep(chance, hello, true) : messageStep(hello, chance.oneIn(8)) });
  steps.push({ on, do: "sync" });
  if (chance.oneIn(12)) return;
  if (chance.oneIn(15))
    return void steps.push({
      on,
      do: "raw",
      step: damagedStep(chance, { type: "start", connection: on + 1, epoch: talk.epoch, next: talk.next }, true),
    });
  const epoch = chance.oneIn(6) ? chance.pick(epochs) : talk.epoch;
  const renewed = epoch !== hello.epoch || chance.oneIn(8) ? { renewed: chance.pick(["first", "requested", "cloned"]) } : {};
  if (epoch !== talk.epoch) talk.next = 1;
  talk.epoch = epoch;
  steps.push({
    on,
    do: "start",
    start: { epoch, ...(chance.oneIn(20) ? {} : renewed), next: talk.next },
    lie: chance.oneIn(15) ? chance.pick([-1, 1, 1_000]) : 0,
  });
}

function helloOf({ chance, next, epoch }: Talk): Record<string, unknown> & { epoch: string } {
  const types = (chance.oneIn(3) ? chance.some(typeNames) : usual).map((type) => ({ type, fields: [] }));
  return {
    ...{ type: "hello", protocols: [1], models: [1], agentVersion: "0-fuzz", host: chance.oneIn(6) ? "host-b" : "host-a" },
    stage: chance.oneIn(25) ? "live" : "test",
    epoch: chance.oneIn(8) ? chance.pick(epochs) : epoch,
    connection: chance.oneIn(6) ? chance.pick([7, 2 ** 31, 2 ** 52, Number.MAX_SAFE_INTEGER]) : chance.below(3),
    ...{ first: chance.below(next + 1), next },
    types,
    commands: [{ type: "ticket.create", fields: [{ name: "title", owner: "shared" }] }],
  };
}

/** Mostly `changes` that should be taken; the rest is valid talk, talk out of turn, and damage of all kinds. */
function anything(talk: Talk): RawStep {
  const { chance } = talk;
  switch (chance.below(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return messageStep(changesOf(talk, true), chance.oneIn(5));
    case 5:
    case 6:
      return damagedStep(chance, changesOf(talk, false), true);
    case 7:
      return damagedStep(chance, otherOf(chance), true);
    default:
      return messageStep(otherOf(chance), chance.oneIn(5));
  }
}

/** Any message of an agent by its schema. */
function otherOf(chance: Chance): unknown {
  const kind = chance.pick([
    "received",
    "result",
    "status",
    "inventory",
    "answer",
    "inventory",
    "received",
    "result",
    "changes",
    "hello",
    "start",
    "bye",
  ]);
  return fromSchema(chance, { $ref: `#/$defs/${kind}` }, messages);
}

function changesOf(talk: Talk, counts: boolean): Record<string, unknown> {
  const { chance } = talk;
  const tables = Array.from({ length: chance.between(1, 3) }, () => tableOf(chance));
  const from = chance.oneIn(5) ? Math.max(0, talk.next + chance.pick([-1, -2, 1, 5, -talk.next, 2 ** 40])) : talk.next;
  if (counts)
    talk.next = Math.max(
      talk.next,
      from === talk.next || from < talk.next ? from + tables.reduce((sum, { rows }) => sum + rows.length, 0) : 0,
    );
  return { type: "changes", from, tables };
}

function tableOf(chance: Chance): { rows: unknown[][]; [name: string]: unknown } {
  const type = chance.pick([...usual, ...usual, ...typeNames]);
  const op = chance.oneIn(5) ? "delete" : "upsert";
  const schema = (model.$defs as Record<string, Schema>)[type] as Schema;
  const properties = schema.properties as Record<string, Schema>;
  const required = new Set(schema.required);
  const names = Object.keys(properties).filter((name) => (required.has(name) ? !chance.oneIn(40) : chance.oneIn(3)));
  const fields = op === "delete" ? ["reason"] : names;
  const count = chance.oneIn(15) ? chance.between(20, 60) : chance.between(1, 3);
  const rows = Array.from({ length: count }, () => {
    const id = chance.oneIn(40) ? someJson(chance) : chance.pick(["E.1", "E.2", "E.3", "w:1%20.2"]);
    const time = chance.oneIn(30) ? someJson(chance) : 1_000 + chance.below(9);
    if (op === "delete")
      return [
        id,
        time,
        chance.oneIn(20)
          ? someJson(chance)
          : chance.pick(["gone", "cancelled", "erased", "merged", "renumbered", "out-of-scope"]),
      ];
    const values = fields.map((name) =>
      chance.oneIn(25) ? someJson(chance) : fromSchema(chance, properties[name] as Schema, model),
    );
    return [id, time, ...values];
  });
  const notes: Record<string, unknown> = {};
  if (chance.oneIn(8)) notes.replaces = { [chance.below(2)]: chance.pick(["E.1", "E.2", "E.4"]) };
  if (chance.oneIn(8)) notes.cause = { 0: "COMMAND1" };
  if (op === "upsert" && chance.oneIn(8)) notes.withheld = { 0: chance.some(fields) };
  return { type: chance.oneIn(60) ? "spaceship" : type, op, fields, rows, ...notes };
}
