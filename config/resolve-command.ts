/** One command of the portal and how it is carried out in the ERP. */

import { didYouMean } from "../base/nearest.ts";
import { typeNamed } from "../protocol/model.ts";
import type { CommandConfig, IdempotencyConfig, Step, Write } from "./config.ts";
import type { Path } from "./document.ts";
import { many, nth } from "./resolve-read.ts";
import { commandParameters, resolveStep } from "./resolve-step.ts";
import { type CommandScope, resolveWrite } from "./resolve-write.ts";
import { expressionOf, hasExpression, knownName, type Scene, sqlOf, tableOf } from "./scene.ts";
import type { CommandNode } from "./schema-command.ts";
import { selectFault } from "./sql-text.ts";

/** Commands of the portal's model that change something and need no bytes. */
export const commandNames = [
  "ticket.create",
  "ticket.update",
  "ticket.close",
  "message.create",
  "person.update",
  "meterReading.create",
  "invoice.create",
  "payment.create",
  "workOrder.create",
  "workOrder.update",
  "purchaseOrder.create",
  "purchaseOrder.update",
  "warranty.create",
  "asset.update",
] as const;

const later: Readonly<Record<string, string>> = {
  "document.create": "Attachments come with a later version: leave it out.",
};

export function resolveCommand(scene: Scene, name: string, node: CommandNode): CommandConfig {
  const path: Path = ["commands", name];
  const known = knownCommand(scene, path, name);
  const type = known ? (name.split(".")[0] as string) : undefined;
  const found = type === undefined ? undefined : typeNamed(scene.types, type);
  const fields = found === undefined ? undefined : Object.keys(found.schema.shape);
  const results: string[] = [];
  const scope = { fields, results };
  const steps = node.steps.map((step, index) => resolveStep(scene, step, { path: [...path, "steps", index], scope }));
  if (!scene.lost([...path, "steps"])) checkOverflow(scene, steps);
  const idempotency = idempotencyOf(scene, path, { node, steps, creates: name.endsWith(".create") });
  noteCommits(scene, path, { steps, idempotency });
  return {
    name,
    idempotency,
    steps: idempotency.way === "column" ? withIdColumn(scene, path, { steps, way: idempotency }) : steps,
    result: resultOf(scene, [...path, "result"], { node: node.result, type, scope, late: node.staging !== undefined }),
    staging: stagingOf(scene, path, { node, idempotency }),
    draft: node.draft,
    perHour: node.perHour,
    at: scene.place(path),
  };
}

function knownCommand(scene: Scene, path: Path, name: string): boolean {
  if ((commandNames as readonly string[]).includes(name)) return true;
  if (name.startsWith("x-")) return knownOwnCommand(scene, path, name);
  const until = Object.hasOwn(later, name) ? later[name] : undefined;
  if (name === "person.match" || name === "link")
    scene.fault(
      path,
      `\`${name}\` writes nothing, so there are no steps of it`,
      "Write `persons: { match: true }` in its place.",
    );
  else if (until === undefined) scene.fault(path, `There is no command \`${name.slice(0, 60)}\``, didYouMean(name, commandNames));
  else scene.fault(path, `\`${name.slice(0, 60)}\` is not supported yet by this version`, until);
  return false;
}

/** Of a type of the customer's own: it is made and changed like the model's. */
function knownOwnCommand(scene: Scene, path: Path, name: string): boolean {
  const declared = Object.keys(scene.file.ownTypes ?? {});
  const known = declared.flatMap((type) => [`${type}.create`, `${type}.update`]);
  if (known.includes(name)) return true;
  const remedy = declared.length > 0 ? didYouMean(name, known) : "Declare the type in `ownTypes`.";
  scene.fault(path, `There is no command \`${name.slice(0, 60)}\``, remedy);
  return false;
}

/** What goes over in `overflow` must be written somewhere, or text would be lost. */
function checkOverflow(scene: Scene, steps: readonly Step[]): void {
  const writes = steps.flatMap((step) => {
    if (step.kind === "call") return Object.values(step.args);
    return "values" in step ? Object.values(step.values) : [];
  });
  const lines = steps.flatMap((step) => (step.kind === "insertLines" ? [step.field] : []));
  const sql = steps.flatMap((step) => (step.kind === "sql" ? [step.sql.sql] : []));
  const writesField = (write: Write, field: string): boolean =>
    write.kind === "from"
      ? write.field === field
      : write.kind === "expression" && new RegExp(`\\b${field}\\b`).test(write.expression.cel);
  for (const write of writes) {
    if (write.kind !== "from" || write.overflow === undefined) continue;
    const field = write.overflow;
    if (
      lines.includes(field) ||
      writes.some((other) => other !== write && writesField(other, field)) ||
      sql.some((text) => text.includes(`:field.${field}`))
    )
      continue;
    scene.faults.push({
      ...write.at,
      message: `The rest of a long text goes on in \`${field}\`, which no step writes`,
      remedy: `Write \`{ from: ${field} }\` to a column, or leave \`overflow\` out: a longer text is then refused.`,
    });
  }
}

/**
 * A procedure that commits by itself takes its effect out of our transaction. Afterwards only an id that was there before it can tell that it ran: the
 * ledger's entry, or the command's id as one of its arguments.
 */
function noteCommits(
  scene: Scene,
  path: Path,
  { steps, idempotency }: { steps: readonly Step[]; idempotency: IdempotencyConfig },
): void {
  if (idempotency.way === "ledger") return;
  for (const [index, step] of steps.entries()) {
    if (step.kind !== "call") continue;
    const told = Object.values(step.args).some(
      (write) => write.kind === "expression" && /\bcommand\s*\.\s*id\b/.test(write.expression.cel),
    );
    if (told) continue;
    scene.note(
      [...path, "steps", index, "call"],
      "call-may-commit",
      "If this procedure commits by itself, an interrupted command could be carried out twice",
      "Ask the ERP's vendor. If it does: `idempotency: { ledger: … }`, or an argument that holds `command.id`.",
    );
  }
}

interface Parts {
  node: CommandNode;
  steps: readonly Step[];
  creates: boolean;
}

function idempotencyOf(scene: Scene, above: Path, { node, steps, creates }: Parts): IdempotencyConfig {
  const path = [...above, "idempotency"];
  const at = scene.place(path);
  const way = node.idempotency;
  if (way === undefined || typeof way === "string" || "base" in way) {
    if (typeof way === "object" && !way.base) scene.fault(path, "`base` can only be true", "Write `idempotency: base`.");
    if (!scene.broken(path) && !scene.lost([...above, "steps"]))
      checkBase(scene, way === undefined ? above : path, { node, steps, creates });
    return { way: "base", at };
  }
  if ("ledger" in way) return { way: "ledger", table: tableOf(scene, [...path, "ledger"], way.ledger), at };
  if ("column" in way) return columnWay(scene, path, { column: way.column, value: way.value });
  const probe = [...path, "probe"];
  const sql = sqlOf(scene, probe, way.probe, { origins: { command: commandParameters, field: true }, rule: selectFault });
  if (!/:command\.id\b/.test(sql.sql))
    scene.note(
      probe,
      "probe-by-content",
      "The probe does not look for the command's id: an interrupted command can only become uncertain",
      "Compare a column with `:command.id`.",
    );
  return { way: "probe", sql, at };
}

function checkBase(scene: Scene, path: Path, { node, steps, creates }: Parts): void {
  const guarded = steps.some((step) => step.kind === "update") && steps.every((step) => step.kind === "update");
  if (guarded && !creates) return;
  const remedy =
    'Add `idempotency: { column: TABLE.COLUMN, value: "${command.id}" }`, `{ ledger: schema.table }` or `{ probe: SELECT … }`.';
  if (node.idempotency === undefined)
    scene.fault(path, "The command does not say how the ERP tells whether it was carried out before", remedy);
  else scene.fault(path, "Base values recognise `update` steps only: an interrupted command could be carried out twice", remedy);
}

function columnWay(scene: Scene, path: Path, { column, value }: { column: string; value: string }): IdempotencyConfig {
  const name = /^(.+)\.([^.]+)$/.exec(column.trim());
  if (name === null) scene.fault([...path, "column"], "The column is named with its table", "Write TABLE.COLUMN.");
  const at = [...path, "value"];
  if (!hasExpression(value))
    scene.fault(
      at,
      "The value must contain the command's id",
      'Write "${command.id}", or "${short(command.id, 20)}" where the column is short.',
    );
  const expression = hasExpression(value) ? expressionOf(scene, at, value) : { cel: "command.id", at: scene.place(at) };
  if (hasExpression(value) && !/\bcommand\s*\.\s*id\b/.test(expression.cel))
    scene.fault(
      at,
      "The value does not contain `command.id`: the ERP could not tell two commands apart",
      'Write "${command.id}", or "${short(command.id, 20)}" where the column is short.',
    );
  return {
    way: "column",
    table: tableOf(scene, [...path, "column"], name?.[1] ?? column),
    column: name?.[2] ?? "",
    value: expression,
    at: scene.place(path),
  };
}

/** The id's column is written by the insert, whether or not the file names it there. */
function withIdColumn(
  scene: Scene,
  path: Path,
  { steps, way }: { steps: readonly Step[]; way: IdempotencyConfig & { way: "column" } },
): readonly Step[] {
  const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
  const index = steps.findIndex((step) => step.kind === "insert" && same(step.table, way.table));
  const step = steps[index];
  if (step?.kind !== "insert") {
    if (way.column !== "" && !scene.lost([...path, "steps"]))
      scene.faults.push({
        ...way.at,
        message: `No step inserts into \`${way.table.slice(0, 60)}\``,
        remedy: "Name the table of one of the `insert` steps, or use `ledger`.",
      });
    return steps;
  }
  const named = Object.entries(step.values).find(([column]) => same(column, way.column));
  if (named === undefined) {
    const write: Write = { kind: "expression", expression: way.value, at: way.at };
    return steps.with(index, { ...step, values: { ...step.values, [way.column]: write } });
  }
  const [, write] = named;
  if (write.kind !== "expression" || write.expression.cel !== way.value.cel)
    scene.faults.push({
      ...write.at,
      message: "The column holds the command's id and is written with something else",
      remedy: "Remove it here: the agent writes it as `idempotency` says.",
    });
  return steps;
}

/** What the ERP takes over later is only ever looked for, never written again: the look must be exact, and reach wherever the row may have gone. */
function stagingOf(
  scene: Scene,
  above: Path,
  { node, idempotency }: { node: CommandNode; idempotency: IdempotencyConfig },
): CommandConfig["staging"] {
  const { staging } = node;
  if (staging === undefined) return undefined;
  const path = [...above, "staging"];
  const exact = idempotency.way === "probe" && /:command\.id\b/.test(idempotency.sql.sql);
  if (!exact && !scene.broken([...above, "idempotency"]))
    scene.fault(
      path,
      "What became of a staged row only a probe for the command's id can tell",
      "Write `idempotency: { probe: SELECT … WHERE … = :command.id }` over the staging table, its archive and where the ERP takes the row.",
    );
  const both = staging.accepted.find((value) => staging.refused.includes(value));
  if (both !== undefined)
    scene.fault([...path, "refused"], `\`${both.slice(0, 60)}\` is in \`accepted\` too`, "Let each value mean one thing.");
  scene.note(
    path,
    "staging-lookup",
    "The probe must find the command in the staging table, in its archive and where the ERP takes it",
    "Join them with UNION ALL: a row that is found nowhere any more makes its command uncertain.",
  );
  const { status, accepted, refused, reason, poll } = staging;
  return { status, accepted, refused, reason, pollMs: poll };
}

interface ResultParts {
  /** The key is known only once the ERP has taken a staged row over. */
  late: boolean;
  node: CommandNode["result"];
  type: string | undefined;
  scope: CommandScope;
}

function resultOf(scene: Scene, path: Path, { node, type, scope, late }: ResultParts): CommandConfig["result"] {
  const known = Object.hasOwn(scene.file.sources, node.source) ? scene.file.sources[node.source] : undefined;
  if (node.key !== undefined && late)
    scene.fault(
      [...path, "key"],
      "The key of a staged row is the ERP's, and known later",
      "Leave it out: the probe's columns give it.",
    );
  if (node.key === undefined && !late && !scene.broken([...path, "key"]))
    scene.fault(path, "`key` is missing", "Add `key: …`, one part for each key column of the source.");
  if (node.key === undefined) {
    if (!scene.broken([...path, "source"]))
      knownName(scene, [...path, "source"], "source", { name: node.source, known: scene.names.sources });
    const key = many(known?.key ?? []).map((): Write => ({ kind: "null", at: scene.place(path) }));
    const number = node.number === undefined ? undefined : resolveWrite(scene, node.number, { path: [...path, "number"], scope });
    return { source: node.source, key, number };
  }
  const { key: given } = node;
  const parts = many(given as Parameters<typeof resolveWrite>[1]);
  const sourceBroken = scene.broken([...path, "source"]);
  if (!sourceBroken && knownName(scene, [...path, "source"], "source", { name: node.source, known: scene.names.sources })) {
    const source = Object.hasOwn(scene.file.sources, node.source) ? scene.file.sources[node.source] : undefined;
    if (source && type !== undefined && source.type !== type && !scene.broken(["sources", node.source, "type"]))
      scene.fault(
        [...path, "source"],
        `Source \`${node.source}\` is of type ${source.type}, and the command is about ${type}`,
        `Name a source of type ${type}.`,
      );
    const wanted = source && !scene.broken(["sources", node.source, "key"]) ? many(source.key) : undefined;
    if (wanted && wanted.length !== parts.length && !scene.broken([...path, "key"]))
      scene.fault(
        [...path, "key"],
        `The key has ${parts.length} of ${wanted.length} parts`,
        `The key of \`${node.source}\` is: ${wanted.join(", ")}.`,
      );
  }
  return {
    source: node.source,
    key: parts.map((part, index) => resolveWrite(scene, part, { path: nth([...path, "key"], given, index), scope })),
    number: node.number === undefined ? undefined : resolveWrite(scene, node.number, { path: [...path, "number"], scope }),
  };
}
