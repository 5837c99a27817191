/** Databases of several companies: the column that tells them apart, with the companies that are there. */
import type { Asks } from "./bench.ts";
import { namedColumns } from "./column-names.ts";
import { type DraftedSource, quoted } from "./drafted.ts";
import type { Evidence } from "./evidence.ts";

/** Comments: which company is meant only a person knows. */
export function scopeLines(parts: {
  sources: readonly DraftedSource[];
  evidence: Evidence;
  asks: Asks;
  prefix: string;
}): string[] {
  const { sources, evidence, asks, prefix } = parts;
  const [first] = sources;
  if (first === undefined) return [];
  const column = namedColumns(first.table, prefix).one(
    "scope",
    ({ name }) => first.key.includes(name) || first.table.columns.length > 4,
  );
  if (column === undefined || (column.type !== "text" && column.type !== "integer")) return [];
  const having = sources.filter(({ table }) => table.columns.some(({ name }) => name === column.name));
  if (having.length < 2) return [];
  const largest = having.toSorted((one, other) => (other.table.rows ?? 0) - (one.table.rows ?? 0))[0] ?? first;
  asks.codes.set(`${largest.table.name}\n${column.name}`, { table: largest.table, column: column.name });
  const codes = evidence.codes(largest.table.name, column.name)?.codes ?? [];
  const shown = codes.filter(({ code }) => code.length <= 12);
  const without = sources.filter((source) => !having.includes(source)).map(({ name }) => name);
  const lines = [
    `# scope: { ${quoted(column.name)}: ${JSON.stringify(shown[0]?.code ?? "001")} }   # one company only: added to every source that has the column`,
    ...(shown.length > 0
      ? [`#   ${largest.table.name} holds: ${shown.map(({ code, rows }) => `${code} (${rows} rows)`).join(", ")}`]
      : []),
    ...(without.length > 0 ? [`#   ${without.join(", ")}: without that column, so they must say \`scope: none\` then`] : []),
  ];
  return shown.length === 1 ? lines.slice(0, 0) : lines;
}
