/** One step of a command. */

import type { Blanks } from "../base/blanks.ts";
import { connectors } from "../connectors/registry.ts";
import type { Step } from "./config.ts";
import type { Path } from "./document.ts";
import { resolveNumber } from "./resolve-number.ts";
import { type CommandScope, characterRuleOf, knownField, resolveWrites } from "./resolve-write.ts";
import { conditionOf, type Scene, sqlOf, tableOf } from "./scene.ts";
import type { BlanksNode } from "./schema-blanks.ts";
import type { StepNode } from "./schema-command.ts";

/** Parameters of the command itself, `:command.id` and so on. */
export const commandParameters = ["id", "name", "actor", "onBehalfOf", "issuedAt"] as const;

/** What a step may refer to; its own results are added. */
interface StepScope extends CommandScope {
  results: string[];
}

interface At {
  path: Path;
  scope: StepScope;
}

export function resolveStep(scene: Scene, node: StepNode, { path, scope }: At): Step {
  const common = { when: conditionOf(scene, [...path, "when"], node.when), at: scene.place(path) };
  if ("insert" in node) {
    const values = resolveWrites(scene, [...path, "values"], { nodes: node.values, scope });
    needsColumns(scene, [...path, "values"], values);
    const returning = results(scene, [...path, "returning"], { names: node.returning ?? {}, scope });
    const blanks = blanksOf(node.blanks);
    return { ...common, kind: "insert", table: tableOf(scene, [...path, "insert"], node.insert), values, blanks, returning };
  }
  if ("insertLines" in node) return { ...common, ...linesStep(scene, node, { path, scope }) };
  if ("update" in node) {
    const key = resolveWrites(scene, [...path, "key"], { nodes: node.key, scope });
    const values = resolveWrites(scene, [...path, "values"], { nodes: node.values, scope });
    needsColumns(scene, [...path, "key"], key);
    needsColumns(scene, [...path, "values"], values);
    return {
      ...common,
      kind: "update",
      table: tableOf(scene, [...path, "update"], node.update),
      key,
      values,
      version: versionOf(scene, path, node),
      expectRows: node.expectRows,
    };
  }
  if ("sql" in node) {
    const origins = {
      command: commandParameters,
      field: scope.fields ?? (true as const),
      result: [...scope.results],
    };
    const sql = sqlOf(scene, [...path, "sql"], node.sql, { origins });
    return { ...common, kind: "sql", sql, out: results(scene, [...path, "out"], { names: node.out ?? {}, scope }) };
  }
  if ("call" in node) return { ...common, ...callStep(scene, node, { path, scope }) };
  addResult(scene, [...path, "number"], { name: typeof node.number === "string" ? node.number : node.number.as, scope });
  return { ...common, ...resolveNumber(scene, node, { path, scope }) };
}

function linesStep(scene: Scene, node: Extract<StepNode, { insertLines: unknown }>, { path, scope }: At) {
  const values = resolveWrites(scene, [...path, "values"], { nodes: node.values, scope });
  const broken = scene.broken([...path, "values"]);
  knownField(scene, [...path, "from"], { name: node.from, scope });
  if (scope.results.includes("line"))
    scene.fault(
      path,
      "An earlier step has a result `line`, which is the line itself here",
      "Choose another name for the result.",
    );
  const written = Object.values(values).some(
    (write) => write.kind === "expression" && /\bline\s*\.\s*text\b/.test(write.expression.cel),
  );
  if (!written && !broken)
    scene.fault(
      [...path, "values"],
      "The lines are written nowhere",
      'Add `COLUMN: "${line.text}"`, and `"${line.number}"` for the number.',
    );
  return {
    kind: "insertLines" as const,
    table: tableOf(scene, [...path, "insertLines"], node.insertLines),
    field: node.from,
    width: node.width,
    characters: characterRuleOf(scene, path, node),
    values,
    blanks: blanksOf(node.blanks),
  };
}

/** Without the keys that are not there. */
function blanksOf(node: BlanksNode | undefined): Blanks | undefined {
  return node && Object.fromEntries(Object.entries(node).filter(([, value]) => value !== undefined));
}

/** The column that counts a row's changes; only one row can be guarded by it. */
function versionOf(scene: Scene, path: Path, node: Extract<StepNode, { update: unknown }>): string | undefined {
  const column = node.version?.column;
  if (column === undefined) return undefined;
  if (node.expectRows !== 1)
    scene.fault([...path, "version"], "A version belongs to one row", "Leave `expectRows` out, or `version`.");
  const isIt = (name: string): boolean => name.toLowerCase() === column.toLowerCase();
  if (Object.keys(node.values).some(isIt))
    scene.fault(
      [...path, "version"],
      "The version is written by `values` too",
      "Leave the column out of `values`: it is raised by one.",
    );
  return column;
}

function needsColumns(scene: Scene, path: Path, writes: object): void {
  if (Object.keys(writes).length === 0 && !scene.broken(path)) scene.fault(path, "No column is named", "Write `COLUMN: value`.");
}

/** Names that expressions know already. */
const taken = ["now", "command", "vars", "line", "id", "true", "false", "null", "in"];

/** Result names of a step, which later steps use like fields. */
function results(
  scene: Scene,
  path: Path,
  { names, scope }: { names: Readonly<Record<string, string>>; scope: StepScope },
): Readonly<Record<string, string>> {
  for (const name of Object.keys(names)) addResult(scene, [...path, name], { name, scope });
  return names;
}

function addResult(scene: Scene, path: Path, { name, scope }: { name: string; scope: StepScope }): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    scene.fault(path, `\`${name.slice(0, 60)}\` is no name for a result`, "Use letters, digits and `_`.");
  else if (scope.results.includes(name)) scene.fault(path, `An earlier step has a result \`${name}\``, "Choose another name.");
  else if (scope.fields?.includes(name)) scene.fault(path, `\`${name}\` is a field of the command`, "Choose another name.");
  else if (taken.includes(name) && name !== "line")
    scene.fault(path, `\`${name}\` has a meaning in expressions`, "Choose another name.");
  scope.results.push(name);
}

function callStep(scene: Scene, node: Extract<StepNode, { call: unknown }>, { path, scope }: At) {
  const { connector } = scene.file.erp;
  if (connectors[connector]?.dialect.capabilities.unsupported.includes("call"))
    scene.fault(
      [...path, "call"],
      `The ${connector} database has no procedures`,
      "Write the work as `insert`, `update`, `number` or `sql` steps.",
    );
  const args = resolveWrites(scene, [...path, "args"], { nodes: node.args, scope });
  // As in `args`, the parameter's name comes first.
  const named = Object.entries(node.out ?? {});
  for (const [parameter, name] of named) addResult(scene, [...path, "out", parameter], { name, scope });
  const out = Object.fromEntries(named.map(([parameter, name]) => [name, parameter]));
  const rows = results(scene, [...path, "rows"], { names: node.rows ?? {}, scope });
  if (node.returns !== undefined) addResult(scene, [...path, "returns"], { name: node.returns, scope });
  const procedure = tableOf(scene, [...path, "call"], node.call);
  return { kind: "call" as const, procedure, args, out, rows, returns: node.returns };
}
