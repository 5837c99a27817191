/** What a lying, broken or just odd portal says to the agent: a script for each link that the agent opens. */
import type { Chance } from "./chance.ts";
import { fitsModel, messages, model, typeNames } from "./documents.ts";
import { fromSchema, type Schema } from "./from-schema.ts";
import { damagedStep, messageStep, type RawStep } from "./raw-steps.ts";

export type AgentStep =
  | { do: "raw"; step: RawStep }
  /** What is not said by the script is filled in from the agent's hello. */
  | { do: "welcome"; lies: Record<string, unknown>; last: number | null | "right"; seen: number }
  /** `beyond`: past the highest number heard (or short of it). Refusals are as far below. */
  | { do: "ack"; beyond: number; refused: readonly number[] }
  /** Answers what the agent asked of the inventory, or what it did not ask. */
  | { do: "answer"; change: Record<string, unknown> }
  | { do: "sync" }
  /** The agent has something more to send. */
  | { do: "append"; items: readonly SentItem[] };

export interface SentItem {
  type: string;
  id: string;
  fields: Record<string, unknown>;
}

export interface AgentCase {
  queued: readonly SentItem[];
  /** One script per link; after the last one the portal is gone. */
  links: readonly (readonly AgentStep[])[];
}

export function makeAgentCase(chance: Chance): AgentCase {
  const numbers = { item: 0, command: 0 };
  const links = Array.from({ length: chance.between(1, 3) }, () => scriptOf(chance, numbers));
  return { queued: itemsOf(chance, numbers), links };
}

interface Numbers {
  item: number;
  command: number;
}

function itemsOf(chance: Chance, numbers: Numbers): SentItem[] {
  return Array.from({ length: chance.below(5) }, (): SentItem => {
    const type = chance.pick(typeNames);
    const fields = fromSchema(chance, (model.$defs as Record<string, Schema>)[type] as Schema, model) as Record<string, unknown>;
    numbers.item += 1;
    if (fitsModel(type, fields)) return { type, id: `E.${numbers.item}`, fields };
    return { type: "property", id: `E.${numbers.item}`, fields: { name: `P ${numbers.item}` } };
  });
}

function scriptOf(chance: Chance, numbers: Numbers): AgentStep[] {
  const steps: AgentStep[] = [];
  if (chance.oneIn(10))
    steps.push({
      do: "raw",
      step: chance.oneIn(2) ? messageStep(anyMessage(chance, numbers)) : damagedStep(chance, anyMessage(chance, numbers), false),
    });
  if (chance.oneIn(12)) return steps;
  if (chance.oneIn(12)) steps.push({ do: "raw", step: damagedStep(chance, plainWelcome, false) });
  else steps.push(welcomeOf(chance), { do: "sync" });
  for (let left = chance.below(8); left > 0; left--) {
    steps.push(stepOf(chance, numbers));
    if (chance.oneIn(3)) steps.push({ do: "sync" });
  }
  return steps;
}

const plainWelcome = {
  ...{ type: "welcome", protocol: 1, model: 1, connection: 1, seen: 0, last: null, types: typeNames },
  ...{ windowItems: 100, windowBytes: 100_000, maxFrameBytes: 65_536, heartbeatSeconds: 30, now: "2026-11-22T10:00:00Z" },
};

function welcomeOf(chance: Chance): AgentStep {
  const lies: Record<string, unknown> = {};
  if (chance.oneIn(6)) lies.windowItems = chance.pick([1, 2, Number.MAX_SAFE_INTEGER]);
  if (chance.oneIn(6)) lies.windowBytes = chance.pick([1_024, Number.MAX_SAFE_INTEGER]);
  if (chance.oneIn(6)) lies.maxFrameBytes = chance.pick([1_024, 2_000, Number.MAX_SAFE_INTEGER]);
  if (chance.oneIn(8)) lies.heartbeatSeconds = chance.pick([1, 3_600]);
  if (chance.oneIn(8)) lies.now = chance.pick(["0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"]);
  if (chance.oneIn(10)) lies.types = chance.some([...typeNames, "spaceship"]);
  if (chance.oneIn(10)) lies.otherHost = "host-b";
  if (chance.oneIn(30)) lies.protocol = 2;
  if (chance.oneIn(10)) lies.connection = chance.pick([1, 2 ** 40, 2 ** 52]);
  const last = chance.oneIn(5) ? chance.pick([null, 0, 1, 2, 1_000, Number.MAX_SAFE_INTEGER]) : "right";
  return { do: "welcome", lies, last, seen: chance.oneIn(10) ? chance.pick([1, 1_000]) : 0 };
}

function stepOf(chance: Chance, numbers: Numbers): AgentStep {
  switch (chance.below(10)) {
    case 0:
    case 1:
      return {
        do: "ack",
        beyond: chance.oneIn(5) ? chance.pick([1_000, 2 ** 52, -1, -100]) : 0,
        refused: chance.oneIn(2) ? [] : [chance.below(3), chance.below(3) - 1],
      };
    case 2:
      return { do: "append", items: itemsOf(chance, numbers) };
    case 3:
      return { do: "answer", change: chance.oneIn(2) ? {} : answerChange(chance) };
    case 4:
    case 5:
      return { do: "raw", step: damagedStep(chance, anyMessage(chance, numbers), false) };
    default:
      return { do: "raw", step: messageStep(anyMessage(chance, numbers), chance.oneIn(5)) };
  }
}

const answerChange = (chance: Chance): Record<string, unknown> =>
  chance.pick([
    { outcome: "refused", reason: "no" },
    { ids: [], complete: false },
    { ids: [["E.1", "0123456789abcdef"]], complete: false },
    {
      ids: [
        ["E.1", "0123456789abcdef"],
        ["E.1", "ffffffffffffffff"],
      ],
      complete: true,
    },
    { ranges: [{ first: "E.9", last: "E.1", count: 1, digest: "0123456789abcdef" }], complete: true },
  ]);

/** Any message of a portal by its schema; commands mostly under names of their own. */
function anyMessage(chance: Chance, numbers: Numbers): unknown {
  const kind = chance.pick([
    "command",
    "command",
    "command",
    "settled",
    "request",
    "blob-request",
    "blob-ack",
    "lookup",
    "answer",
    "ack",
    "welcome",
    "bye",
  ]);
  const message = fromSchema(chance, { $ref: `#/$defs/${kind}` }, messages) as Record<string, unknown>;
  if (kind === "command" && !chance.oneIn(5)) message.id = `COMMAND-${++numbers.command}`;
  return message;
}
