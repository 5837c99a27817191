/** Least-privilege scripts for MariaDB and MySQL: SELECT, INSERT and UPDATE by columns (dev.mysql.com and mariadb.com/kb, "GRANT"). */
import {
  type Comparison,
  columnRights,
  compareRights,
  type GrantNeeds,
  type GrantScript,
  type GrantServer,
  givenAnew,
  type Right,
  rightsByObject,
  tablePath,
} from "../grants.ts";
import { askServer } from "./describe.ts";
import type { Link } from "./link.ts";
import { mysqlSyntax, textLiteral } from "./sql.ts";

const operation = "look up the account's rights";

/** @param settings of the configuration: whose account, which database */
export function mysqlGrantScript({ database, user }: { database: string; user: string }): GrantScript {
  return (kind, needs, server) => {
    const account = server?.account ?? `${textLiteral(user)}@'%'`;
    const about = `-- ERP Fuser, for ${account} in ${database}${server === undefined ? "" : ` on ${server.version}`}`;
    switch (kind) {
      case "init":
        return [
          `${about}: reads the schema, so that a configuration can be drafted; afterwards the script of \`erpfuser grants\` takes its place`,
          `-- CREATE USER ${account} IDENTIFIED BY 'a password of your choice';`,
          `GRANT SELECT ON ${mysqlSyntax.quote(database.replace(/[_%]/g, "\\$&"))}.* TO ${account};`,
        ];
      case "ledger":
        return [
          `${about}: the ledger of commands that were carried out`,
          ...needs.ledgers.map((name) => ledgerTable(tablePath(name, database))),
        ];
      case "grant":
        return [
          `${about}: exactly what the configuration needs`,
          `-- CREATE USER ${account} IDENTIFIED BY 'a password of your choice';`,
          ...statements("GRANT", rightsFor(needs, database, server), account),
        ];
      case "revoke":
        return [
          `${about}: takes back what the configuration needs`,
          ...statements("REVOKE", rightsFor(needs, database, server), account),
        ];
    }
  };
}

function ledgerTable(table: readonly string[]): string {
  const columns = "command_id VARCHAR(64) NOT NULL PRIMARY KEY, results TEXT";
  return `CREATE TABLE ${quoted(table)} (${columns}) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;`;
}

function rightsFor(needs: GrantNeeds, database: string, server: GrantServer | undefined): Right[] {
  const tables = needs.tables.flatMap(({ table, read, insert, update, remove }) => {
    const path = tablePath(table, database);
    return [
      ...columnRights("SELECT", path, read),
      ...columnRights("INSERT", path, insert),
      ...columnRights("UPDATE", path, update),
      ...(remove ? [{ right: "DELETE", object: path }] : []),
    ];
  });
  const calls = needs.calls.map(({ name, kind }): Right => {
    const [schema = database, routine = name] = tablePath(name, database);
    return { right: "EXECUTE", object: [schema, routineName(kind, routine)] };
  });
  const feeds = needs.feeds.length === 0 ? [] : ["REPLICATION SLAVE", monitor(server)].map((right) => ({ right, object: [] }));
  return [...tables, ...calls, ...feeds];
}

const routineName = (kind: string, name: string): string => `${kind.toUpperCase()} ${name}`;

/** MariaDB 10.5 gave the right to see the binlog's position a name of its own (mariadb.com/kb, "GRANT"). */
function monitor(server: GrantServer | undefined): string {
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+).*mariadb/i.exec(server?.version ?? "") ?? []).map(Number);
  return major > 10 || (major === 10 && minor >= 5) ? "BINLOG MONITOR" : "REPLICATION CLIENT";
}

/** One statement per object, so that a DBA sees at a glance what is done to each. */
function statements(verb: "GRANT" | "REVOKE", rights: readonly Right[], account: string): string[] {
  return rightsByObject(rights).map(({ object, rights: on }) => {
    const lists = [...on].map(([right, columns]) => {
      return columns.length === 0 ? right : `${right} (${columns.map((name) => mysqlSyntax.quote(name)).join(", ")})`;
    });
    return `${verb} ${lists.join(", ")} ON ${objectOf(object)} ${verb === "GRANT" ? "TO" : "FROM"} ${account};`;
  });
}

function objectOf([schema, name]: readonly string[]): string {
  if (schema === undefined) return "*.*";
  if (name === undefined) return `${mysqlSyntax.quote(schema)}.*`;
  const [, kind, routine] = /^(PROCEDURE|FUNCTION) (.*)$/.exec(name) ?? [];
  return kind === undefined ? quoted([schema, name]) : `${kind} ${quoted([schema, routine as string])}`;
}

const quoted = (path: readonly string[]): string => path.map((part) => mysqlSyntax.quote(part)).join(".");

/** Server and account of a connection. */
export async function grantServer(link: Link, signal: AbortSignal): Promise<GrantServer> {
  const [row] = await askServer(link, "SELECT VERSION() AS version, CURRENT_USER() AS account", signal, operation);
  const [, user = "", host = "%"] = /^(.*)@([^@]*)$/s.exec(row?.account ?? "") ?? [];
  const version = row?.version ?? "";
  const product = /mariadb/i.test(version) ? version : `MySQL ${version}`;
  return { version: product, account: `${textLiteral(user)}@${textLiteral(host)}` };
}

/** What the account holds, against what it needs. */
export async function compareGrants(
  link: Link,
  { needs, database, signal }: { needs: GrantNeeds; database: string; signal: AbortSignal },
): Promise<Comparison> {
  const server = await grantServer(link, signal);
  const { account } = server;
  const shown = await shownGrants(link, signal);
  const { rights, patterns } = await heldRights(link, shown, signal);
  const wanted = rightsFor(needs, database, server);
  const { missing, tooMany } = compareRights(wanted, rights);
  const { before, after } = givenAnew(wanted, rights, tooMany);
  // A right on databases is taken back by the very pattern that it was given with.
  const taken = tooMany.map((one) => ({ ...one, object: patterns.get(one) ?? one.object }));
  return {
    server,
    missing: statements("GRANT", missing, account),
    tooMany: [
      ...statements("GRANT", before, account),
      ...statements("REVOKE", taken, account),
      ...rolesIn(shown).map((role) => `REVOKE ${role} FROM ${account};`),
      ...statements("GRANT", after, account),
    ],
  };
}

/** What SHOW GRANTS says of the account itself; an active role's own lines are not among it. */
async function shownGrants(link: Link, signal: AbortSignal): Promise<string[]> {
  const [me] = await askServer(link, "SELECT CURRENT_USER() AS account", signal, operation);
  const [, user = "", host = ""] = /^(.*)@([^@]*)$/s.exec(me?.account ?? "") ?? [];
  const to = ` TO ${mysqlSyntax.quote(user)}@${mysqlSyntax.quote(host)}`;
  // Names are one part each here, with dots of their own as well.
  const plain = to.replaceAll("`.`", ".");
  return (await askServer(link, "SHOW GRANTS", signal, operation))
    .map((row) => Object.values(row)[0] ?? "")
    .filter((line) => line.includes(plain));
}

/** Roles that were given to the account: nothing of the script comes by one, and what they hold is not told apart. */
function rolesIn(shown: readonly string[]): string[] {
  return shown.flatMap((line) => {
    const [, roles] = /^GRANT ((?:`(?:[^`]|``)+`(?:@`(?:[^`]|``)*`)?(?:, ?)?)+) TO /.exec(line) ?? [];
    return roles === undefined ? [] : roles.split(/, ?(?=`)/);
  });
}

/** By information_schema, which shows an account its own; procedures stand in SHOW GRANTS alone. */
async function heldRights(
  link: Link,
  shown: readonly string[],
  signal: AbortSignal,
): Promise<{ rights: Right[]; patterns: Map<Right, readonly string[]> }> {
  const mine =
    " WHERE GRANTEE = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";
  const ask = (what: string) => askServer(link, `SELECT ${what}${mine} AND PRIVILEGE_TYPE <> 'USAGE'`, signal, operation);
  const rows = [
    ...(await ask("PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.USER_PRIVILEGES")),
    ...(await ask("PRIVILEGE_TYPE, IS_GRANTABLE, TABLE_SCHEMA FROM information_schema.SCHEMA_PRIVILEGES")),
    ...(await ask("PRIVILEGE_TYPE, IS_GRANTABLE, TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLE_PRIVILEGES")),
    ...(await ask(
      "PRIVILEGE_TYPE, IS_GRANTABLE, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMN_PRIVILEGES",
    )),
  ];
  const patterns = new Map<Right, readonly string[]>();
  const rights = rows.flatMap((row): Right[] => {
    // `_` is a wildcard in the name of a database that rights are given on, and is written `\_` where it is none.
    const path = [row.table_schema?.replaceAll("\\_", "_"), row.table_name, row.column_name];
    const object = path.filter((part) => part !== undefined && part !== null);
    const right = { right: row.privilege_type ?? "", object };
    const list = row.is_grantable === "YES" ? [right, { right: "GRANT OPTION", object: object.slice(0, 2) }] : [right];
    if (object.length === 1) for (const one of list) patterns.set(one, [row.table_schema as string]);
    return list;
  });
  const routines = shown.flatMap((line): Right[] => {
    const [, right, kind, schema, name] = /^GRANT (.+?) ON (PROCEDURE|FUNCTION) `(.+?)`\.`(.+?)` TO /.exec(line) ?? [];
    return right === undefined
      ? []
      : right.split(", ").map((one) => ({ right: one, object: [schema as string, `${kind} ${name}`] }));
  });
  return { rights: [...rights, ...routines], patterns };
}
