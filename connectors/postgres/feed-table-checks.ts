import type { FeedTable } from "../feed.ts";
import type { Problem } from "./feed-check.ts";
import { type Lack, lacksOf } from "./feed-published.ts";
import type { CatalogTable, Watched } from "./feed-tables.ts";

interface TableCheck {
  tables: readonly FeedTable[];
  watched: Watched;
  /** Of the publication. */
  name: string;
}

/** What of tables and publication would keep changes from us, or would hurt the ERP once published. */
export function tableProblems(check: TableCheck): Problem[] {
  return [
    ...check.tables.flatMap((table, index) => eachTable(table, check.watched.tables[index] ?? [])),
    ...publicationProblems(check),
  ];
}

function eachTable({ table, key, own }: FeedTable, parts: readonly CatalogTable[]): Problem[] {
  const root = parts.find((part) => part.root);
  if (root === undefined) {
    const remedy = "Correct its name in the configuration, or let the DBA grant SELECT.";
    return [{ severity: "error", code: "erp-object-missing", place: table, message: "There is no such table", remedy }];
  }
  if (!["r", "p"].includes(root.kind)) {
    return [
      {
        severity: "error",
        code: "erp-feed-table",
        place: table,
        message: "Only tables are told of: this is a view, a foreign table or the like",
        remedy: "Name the tables behind it (`touchedBy`), or take another way to notice changes for this source.",
      },
    ];
  }
  return parts.filter(({ kind }) => kind !== "p").flatMap((part) => keyProblems(table, { part, key, own }));
}

function keyProblems(
  place: string,
  { part, key, own }: { part: CatalogTable; key: readonly string[]; own: readonly string[] },
): Problem[] {
  const column = (name: string) => part.columns.find((each) => each.name === name);
  const hidden = [...new Set([...key, ...own])].filter((name) => {
    const found = column(name);
    return found === undefined || found.generated || (part.sent !== undefined && !part.sent.includes(name));
  });
  if (hidden.length > 0) {
    return [
      {
        severity: "error",
        code: "erp-feed-table",
        place,
        message: `The server does not send ${hidden.join(", ")} of ${part.name}: no such column, a generated one, or left out by the publication`,
        remedy: "Name stored columns as the key, and publish the table without a list of columns.",
      },
    ];
  }
  const identity = part.columns.filter((each) => each.identity).map(({ name }) => name);
  // The row's own key is enough: by it the agent knows what the row hung on.
  const wanted = own.length > 0 ? own : key;
  if (wanted.every((name) => identity.includes(name))) return [];
  const without = identity.length === 0;
  return [
    {
      severity: "error",
      code: "erp-feed-identity",
      place,
      message: without
        ? `${part.name} has no replica identity: once it is published, the server refuses every UPDATE and DELETE of the ERP on it`
        : `A deleted or renumbered row of ${part.name} is told by ${identity.join(", ")} alone, not by ${wanted.join(", ")}`,
      remedy: `Before the table is published: ${identityRemedy(part, wanted)}`,
    },
  ];
}

function identityRemedy({ name }: CatalogTable, wanted: readonly string[]): string {
  return `ALTER TABLE ${name} REPLICA IDENTITY USING INDEX …; -- a unique index over (${wanted.join(", ")}), all of them NOT NULL; without one: ALTER TABLE ${name} REPLICA IDENTITY FULL; -- which makes updates write more log`;
}

function publicationProblems({ tables, watched, name }: TableCheck): Problem[] {
  const roots = [...new Set(watched.tables.flatMap((parts) => parts.filter((part) => part.root).map((part) => part.name)))];
  const list = roots.join(", ");
  const identityFirst = "A table without replica identity must be given one before, or the ERP can't update it any more.";
  const remedies: Record<Lack["by"], string> = {
    creation: `Let the tables' owner run: CREATE PUBLICATION ${name} FOR TABLE ${list}; -- ${identityFirst}`,
    tables: `Let its owner run: ALTER PUBLICATION ${name} SET TABLE ${list}; -- ${identityFirst}`,
    operations: `Let its owner run: ALTER PUBLICATION ${name} SET (publish = 'insert, update, delete, truncate');`,
  };
  // A table that is not there is told by itself.
  const there = tables.filter((_, index) => (watched.tables[index] ?? []).length > 0);
  const parts = watched.tables.filter((each) => each.length > 0);
  return lacksOf({ tables: there, watched: { ...watched, tables: parts }, name }).map(({ what, by }) => ({
    severity: "error",
    code: "erp-feed-unpublished",
    message: what,
    remedy: remedies[by],
  }));
}
