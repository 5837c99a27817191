/**
 * Least-privilege scripts for SQL Server: SELECT and UPDATE by columns; INSERT and the rest know no columns (learn.microsoft.com, "GRANT Object Permissions").
 * Parsed by a grammar of T-SQL in the tests, and run against the double, which lets an account do no more than it was given; not verified on a real server:
 * `npm run contract` there, then `erpfuser check`.
 */
import {
  columnRights,
  type GrantNeeds,
  type GrantScript,
  type GrantServer,
  type Right,
  rightsByObject,
  tablePath,
} from "../grants.ts";
import type { MssqlSettings } from "./config.ts";

/** Where a name has no schema: what the server itself looks in behind the account's own. */
export const usualSchema = "dbo";

export function mssqlGrantScript({ database, user, domain }: Pick<MssqlSettings, "database" | "user" | "domain">): GrantScript {
  const name = domain === undefined ? user : `${domain}\\${user}`;
  return (kind, needs, server) => {
    const login = part(name);
    const account = server?.account ?? login;
    const about = `-- ERP Fuser, for ${name} in ${database}${server === undefined ? "" : ` on SQL Server ${server.version}`}`;
    const how = domain === undefined ? "WITH PASSWORD = 'a password of your choice'" : "FROM WINDOWS";
    const begin = [`USE ${part(database)};`, `-- CREATE LOGIN ${login} ${how}; CREATE USER ${account} FOR LOGIN ${login};`];
    switch (kind) {
      case "init":
        return [
          `${about}: reads the schema, so that a configuration can be drafted; afterwards the script of \`erpfuser grants\` takes its place`,
          ...begin,
          `GRANT SELECT TO ${account};`,
        ];
      case "ledger":
        return [
          `${about}: the ledger of commands that were carried out`,
          `USE ${part(database)};`,
          ...needs.ledgers.map((table) => ledgerTable(quoted(tablePath(table, usualSchema)))),
        ];
      case "grant":
        return [
          `${about}: exactly what the configuration needs`,
          ...begin,
          ...statements("GRANT", rightsFor(needs, server), account),
        ];
      case "revoke":
        return [
          `${about}: takes back what the configuration needs`,
          `USE ${part(database)};`,
          ...statements("REVOKE", rightsFor(needs, server), account),
        ];
    }
  };
}

function ledgerTable(table: string): string {
  return `CREATE TABLE ${table} (command_id VARCHAR(64) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY, results NVARCHAR(MAX) NULL);`;
}

/** What the configuration needs; a table's path begins with its schema. */
export function rightsFor({ tables, calls, feeds, sequences = [] }: GrantNeeds, server?: GrantServer): Right[] {
  const same = (one: readonly string[], other: readonly string[]): boolean =>
    quoted(one).toLowerCase() === quoted(other).toLowerCase();
  const isRead = (path: readonly string[]): boolean => server?.tableFunctions?.some((one) => same(one, path)) ?? false;
  const onTables = tables.flatMap(({ table, read, insert, update, remove }) => {
    const object = tablePath(table, usualSchema);
    return [
      ...columnRights("SELECT", object, read),
      ...(insert.length > 0 ? [{ right: "INSERT", object }] : []),
      ...columnRights("UPDATE", object, update),
      ...(remove ? [{ right: "DELETE", object }] : []),
    ];
  });
  const told = feeds.flatMap(({ name, tables: list }) => (name === "change-tracking" ? list : []));
  return [
    ...onTables,
    ...told.map((table) => ({ right: "VIEW CHANGE TRACKING", object: tablePath(table, usualSchema) })),
    ...sequences.map((name) => ({ right: "UPDATE", object: tablePath(name, usualSchema) })),
    ...calls
      .map(({ name }) => tablePath(name, usualSchema))
      .map((object) => ({ right: isRead(object) ? "SELECT" : "EXECUTE", object })),
  ];
}

/** One statement per right and object. @param ending goes behind the account */
export function statements(
  verb: "GRANT" | "REVOKE" | "REVOKE GRANT OPTION FOR",
  rights: readonly Right[],
  account: string,
  ending = "",
): string[] {
  return rightsByObject(rights).flatMap(({ object, rights: on }) =>
    [...on].map(([right, columns]) => {
      const what = columns.length === 0 ? right : `${right} (${columns.map(part).join(", ")})`;
      return `${verb} ${what}${onObject(object)} ${verb === "GRANT" ? "TO" : "FROM"} ${account}${ending};`;
    }),
  );
}

/** The database itself, a schema, or what is in one. */
function onObject([schema, ...rest]: readonly string[]): string {
  if (schema === undefined) return "";
  return rest.length === 0 ? ` ON SCHEMA::${part(schema)}` : ` ON ${quoted([schema, ...rest])}`;
}

/** A name with dots of its own is one part here. */
export const part = (name: string): string => `[${name.replaceAll("]", "]]")}]`;

export const quoted = (path: readonly string[]): string => path.map(part).join(".");
