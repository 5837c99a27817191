/** The `number` step: a counter, or the highest number of a column plus one, plain or written by a mask. */
import { type MaskPart, maskParts } from "../base/number-mask.ts";
import type { Step } from "./config.ts";
import type { Path } from "./document.ts";
import { type CommandScope, resolveWrites } from "./resolve-write.ts";
import { type Scene, tableOf } from "./scene.ts";
import type { StepNode } from "./schema-command.ts";

type NumberNode = Extract<StepNode, { number: unknown }>;
type NumberStep = Pick<Extract<Step, { kind: "number" }>, "kind" | "as" | "from" | "mask">;

interface At {
  path: Path;
  scope: CommandScope;
}

export function resolveNumber(scene: Scene, node: NumberNode, { path, scope }: At): NumberStep {
  const inner = typeof node.number === "string" ? undefined : node.number;
  const as = inner === undefined ? (node.number as string) : inner.as;
  const at = inner === undefined ? path : [...path, "number"];
  const { counter, max, mask: maskText } = inner ?? node;
  if ((counter === undefined) === (max === undefined) && !scene.broken([...at, "counter"]) && !scene.broken([...at, "max"]))
    scene.fault(
      at,
      "A number comes from either `counter` or `max`",
      "Write `counter: { table, column, where }`, or `max: { table, column, where }`.",
    );
  const mask = maskText === undefined ? undefined : maskOf(scene, [...at, "mask"], maskText);
  const kind = counter === undefined ? "max" : "counter";
  const from = counter ?? max ?? { table: "", column: "", where: {} };
  if (counter !== undefined && Object.keys(counter.where).length === 0 && !scene.broken([...at, "counter", "where"]))
    scene.fault([...at, "counter"], "`where` must find the counter's one row", "Add `where: { COLUMN: value }`.");
  const place = {
    table: from.table === "" ? "" : tableOf(scene, [...at, kind, "table"], from.table),
    column: from.column,
    where: resolveWrites(scene, [...at, kind, "where"], { nodes: from.where, scope }),
  };
  if (kind === "counter") return { kind: "number", as, from: { kind, ...place }, mask };
  const like = max?.like === undefined ? undefined : likeOf(scene, [...at, "max", "like"], max.like);
  return { kind: "number", as, from: { kind, ...place, from: max?.from, like }, mask };
}

function maskOf(scene: Scene, path: Path, text: string): MaskPart[] | undefined {
  const parts = maskParts(text);
  const numbers = parts?.filter((part) => "digits" in part).length;
  if (numbers === 1) return parts;
  const remedy = "Write for example `TS{yyMM}-{0000}`: zeros for the number, `yyyy`, `yy`, `MM` or `dd` for a date.";
  if (parts === undefined) scene.fault(path, "The mask has a brace that is neither a number nor a date", remedy);
  else scene.fault(path, `The mask holds ${numbers === 0 ? "no number" : "more than one number"}`, remedy);
  return undefined;
}

function likeOf(scene: Scene, path: Path, text: string): MaskPart[] | undefined {
  const parts = maskParts(text);
  if (parts === undefined || parts.some((part) => "digits" in part))
    scene.fault(path, "The pattern has a brace that is no date", "Write for example `TS____-%` or `TS{yyMM}-%`.");
  else if (/[[\]\\^]/.test(text))
    scene.fault(
      path,
      "The pattern holds a character that databases read in different ways",
      "Write `_` in its place: it stands for any one character.",
    );
  else if (!text.endsWith("%")) scene.fault(path, "The pattern leaves no room for the number", "Let it end with `%`.");
  else return parts;
  return undefined;
}
