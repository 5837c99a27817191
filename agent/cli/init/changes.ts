/** How a drafted source notices changes: the database's own feed where it can be used, a column that grows with each change, or the comparison alone. */
import type { Column } from "../../../connectors/connector.ts";
import { codeText } from "../../map/code-maps.ts";
import type { Bench } from "./bench.ts";
import { type DraftedField, quoted } from "./drafted.ts";
import { filled } from "./evidence.ts";

export interface Powers {
  /** Name of a feed that can be used as it is, with the account as it is. */
  feed: string | undefined;
  /** Name of one that would make the server keep something for the agent. */
  offered?: string;
  /** Columns that the database itself raises with each change. */
  rowVersions: boolean;
}

/** Comments on a feed that nobody has chosen yet. */
export const feedLines = ({ offered }: Powers): string[] =>
  offered === undefined
    ? []
    : [
        `# The database can tell of changes itself: \`changes: { feed: ${offered} }\` in a source. It is not chosen here, since the server then keeps its log`,
        "#   for the agent until that has read it, and needs to be prepared: docs/erp-databases.md, and what `erpfuser check` says.",
      ];

const compared = "compare: 15m";

export function changes(bench: Bench, powers: Powers): DraftedField[] {
  if (powers.feed !== undefined) return [{ name: "changes", yaml: `{ feed: ${powers.feed}, compare: "0 3 * * *" }` }];
  const version = powers.rowVersions ? bench.table.columns.find((column) => isRowVersion(column)) : undefined;
  if (version !== undefined)
    return [{ name: "changes", yaml: `{ column: ${quoted(version.name)}, kind: rowversion, every: 5s, compare: "0 3 * * *" }` }];
  const plain: DraftedField = { name: "changes", yaml: `{ ${compared} }` };
  const column = bench.columns.one("changed", ({ type }) => type === "datetime" || type === "instant");
  if (column === undefined) return [plain];
  const stamped = `{ column: ${quoted(column.name)}, kind: timestamp, grain: ${grainOf(bench, column)}, every: 5s, compare: "0 3 * * *" }`;
  const why = doubts(bench, column);
  if (why === undefined) return [{ name: "changes", yaml: stamped }];
  return [plain, { name: "changes", yaml: stamped, off: why }];
}

const isRowVersion = ({ type, length, name }: Column): boolean =>
  type === "bytes" && length === 8 && /^(timestamp|rowversion|rv|rowver|ts|sysversion)$/i.test(name);

/** Why the column is not taken although its name speaks for it. */
function doubts(bench: Bench, column: Column): string | undefined {
  const { name } = column;
  const rows = bench.sample.rows.length;
  const values = filled(bench.sample, name);
  if (values.length < rows)
    return `${rows - values.length} of ${rows} rows looked at have no ${name}: their changes would wait for the comparison`;
  if (rows > 1 && new Set(values.map(codeText)).size === 1)
    return `all rows looked at have the same ${name}: nothing seems to set it`;
  if (!bench.table.indexedColumns.includes(name))
    return `${name} has no index: each question would read the whole table; ask the DBA for one`;
  return undefined;
}

/** Milliseconds in any of them: the column tells fractions; midnight in all: days. */
function grainOf(bench: Bench, column: Column): "second" | "day" | "fraction" {
  const texts = filled(bench.sample, column.name).map(codeText);
  if (texts.length > 0 && texts.every((text) => /T00:00:00Z?$/.test(text))) return "day";
  return texts.some((text) => /:\d\d\.\d*[1-9]/.test(text)) ? "fraction" : "second";
}
