/** A database that has whatever a configuration asks for, each column of a type that its name and a salt decide: for compiling configurations without one. */
import type { Column, ColumnType, Connector, DescribedQuery, SourceQuery, Table } from "../../connectors/connector.ts";
import { sqliteDialect } from "../../connectors/sqlite/sql.ts";

export const columnTypes: readonly ColumnType[] = [
  "text",
  "integer",
  "decimal",
  "float",
  "boolean",
  "date",
  "time",
  "datetime",
  "instant",
  "bytes",
];

export type GuessConnector = Pick<Connector, "dialect" | "describe" | "describeQuery">;

/** `names`: columns that every table has. */
export function guessConnector(names: readonly string[], salt: number): GuessConnector {
  const columns = names.map((name) => guessedColumn(name, salt));
  return {
    dialect: sqliteDialect,
    async describe(_signal, tables = []): Promise<Table[]> {
      return tables.map((name) => ({
        ...{ name, kind: "table", columns, primaryKey: names.slice(0, 1), uniqueIndexes: names.map((column) => [column]) },
        ...{ foreignKeys: [], indexedColumns: names, rows: 1, transactional: true },
      }));
    },
    async describeQuery(source: SourceQuery): Promise<DescribedQuery> {
      const child = (sql: string): Column[] =>
        [...(/select\s+(.*?)\s+from/is.exec(sql)?.[1] ?? "").matchAll(/(\w+)\s*(?:,|$)/g)].map(([, name]) =>
          guessedColumn(name ?? "", salt),
        );
      return {
        columns: source.columns.map((name) => guessedColumn(name, salt)),
        children: source.children.map(({ sql }) => child(sql)),
        rows: 1,
      };
    },
  };
}

/** Most columns of an old ERP are texts and integers. */
function guessedColumn(name: string, salt: number): Column {
  let hash = salt;
  for (const char of name) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) >>> 0;
  const type = salt % 3 === 0 ? "text" : (columnTypes[hash % (columnTypes.length * 2)] ?? "text");
  return { name, type, nullable: true, length: type === "text" ? 40 : undefined, hasDefault: false, autoIncrement: false };
}

/** Texts of a configuration that may be meant as columns. */
export function namesIn(text: string): string[] {
  return [...new Set(text.match(/\b[A-Za-z_][A-Za-z0-9_]{0,29}\b/g) ?? [])].slice(0, 400);
}
