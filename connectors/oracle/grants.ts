/**
 * Least-privilege scripts for Oracle: INSERT and UPDATE by columns, SELECT of tables as a whole; what is only read may be READ from 12.2 on, which can lock nothing
 * (docs.oracle.com, "GRANT"). A right on columns can't be taken back but with the whole right. Each line is parsed by a grammar of Oracle's SQL in test/contract/oracle-statements.test.ts
 * (which knows no REVOKE: they are parsed as the GRANTs they take back); not verified on a real server: `npm run contract -- --connector oracle --url …` there, then `erpfuser check`.
 */
import {
  type Comparison,
  columnRights,
  compareRights,
  type GrantNeeds,
  type GrantScript,
  type GrantServer,
  type Right,
  rightsByObject,
} from "../grants.ts";
import { sql } from "../statement.ts";
import type { OracleSettings } from "./config.ts";
import type { Link } from "./link.ts";
import { catalogueName } from "./sql.ts";

type Settings = Pick<OracleSettings, "user" | "schema">;

/** For the agent's lock: without it commands with `probe` are refused. */
const lockRight: Right = { right: "EXECUTE", object: ["SYS", "DBMS_LOCK"] };
/** For the system change number, up to which a feed asks for versions. */
const scnRight: Right = { right: "EXECUTE", object: ["SYS", "DBMS_FLASHBACK"] };

export function oracleGrantScript(settings: Settings): GrantScript {
  const schema = ownerOf(settings);
  return (kind, needs, server) => {
    const account = server?.account ?? quoted([catalogueName(settings.user)]);
    const about = `-- ERP Fuser, for ${account}${server === undefined ? "" : ` on Oracle ${server.version}`}`;
    const create = `-- CREATE USER ${account} IDENTIFIED BY "a password of your choice"; it needs no quota, and best a profile with PASSWORD_LIFE_TIME UNLIMITED`;
    switch (kind) {
      case "init":
        return [
          `${about}: reads the schema, so that a configuration can be drafted; afterwards the script of \`erpfuser grants\` takes its place`,
          create,
          `GRANT CREATE SESSION TO ${account};`,
          `BEGIN FOR t IN (SELECT OBJECT_NAME FROM ALL_OBJECTS WHERE OWNER = '${schema.replaceAll("'", "''")}' AND OBJECT_TYPE IN ('TABLE', 'VIEW')) LOOP EXECUTE IMMEDIATE 'GRANT SELECT ON ${quoted([schema]).replaceAll("'", "''")}."' || t.OBJECT_NAME || '" TO ${account.replaceAll("'", "''")}'; END LOOP; END;`,
          "/",
        ];
      case "ledger":
        return [
          `${about}: the ledger of commands that were carried out`,
          ...needs.ledgers.map(
            (table) =>
              `CREATE TABLE ${quoted(pathOf(table, schema))} (command_id VARCHAR2(64) NOT NULL PRIMARY KEY, results VARCHAR2(4000));`,
          ),
        ];
      case "grant":
        return [
          `${about}: exactly what the configuration needs`,
          create,
          `GRANT CREATE SESSION TO ${account};`,
          ...statements("GRANT", rightsFor(needs, { schema, server }), account),
          "-- A restored or cloned database is recognised for certain with: GRANT SELECT ON SYS.V_$DATABASE; compares as of one moment want GRANT FLASHBACK ON each table",
        ];
      case "revoke":
        return [
          `${about}: takes back what the configuration needs`,
          ...statements("REVOKE", rightsFor(needs, { schema, server }), account),
          `REVOKE CREATE SESSION FROM ${account};`,
        ];
    }
  };
}

const ownerOf = ({ schema, user }: Settings): string => catalogueName(schema ?? user);

function pathOf(name: string, schema: string): string[] {
  const parts = [...name.matchAll(/"[^"]+"|[^."]+/g)].map(([part]) => catalogueName(part));
  return parts.length > 1 ? parts : [schema, ...parts];
}

function rightsFor(
  { tables, calls, feeds }: GrantNeeds,
  { schema, server }: { schema: string; server: GrantServer | undefined },
): Right[] {
  const onTables = tables.flatMap(({ table, read, insert, update, remove }): Right[] => {
    const object = pathOf(table, schema);
    const writes = update.length > 0 || remove;
    const named = (columns: typeof insert): typeof insert => (columns === "all" ? "all" : columns.map(catalogueName));
    return [
      // A row that is updated is locked before, which READ does not allow.
      ...(read.length > 0 || writes ? [{ right: !writes && hasRead(server) ? "READ" : "SELECT", object }] : []),
      ...columnRights("INSERT", object, named(insert)),
      ...columnRights("UPDATE", object, named(update)),
      ...(remove ? [{ right: "DELETE", object }] : []),
    ];
  });
  const writes =
    tables.some(({ insert, update, remove }) => insert.length > 0 || update.length > 0 || remove) || calls.length > 0;
  const owners = new Set([schema, ...tables.map(({ table }) => pathOf(table, schema)[0] as string)]);
  const routines = calls.map(({ name }) => {
    const path = pathOf(name, schema);
    // The right on a routine in a package is one on the package. Two parts are a package and its routine, unless the first one owns something else that is used.
    const isPackaged = path.length === 2 && /[^.]\./.test(name) && !owners.has(path[0] as string);
    return isPackaged ? [schema, path[0] as string] : path.slice(0, 2);
  });
  const executes = [...new Set(routines.map((path) => path.join("\n")))].map(
    (path): Right => ({ right: "EXECUTE", object: path.split("\n") }),
  );
  const told = feeds.flatMap((feed) => (feed.name === "flashback-versions" ? feed.tables : []));
  const lookBack = told.map((table): Right => ({ right: "FLASHBACK", object: pathOf(table, schema) }));
  return [...onTables, ...lookBack, ...executes, ...(writes ? [lockRight] : []), ...(told.length > 0 ? [scnRight] : [])];
}

function hasRead(server: GrantServer | undefined): boolean {
  const [major = 0, minor = 0] = (server?.version ?? "").split(".").map(Number);
  return major > 12 || (major === 12 && minor >= 2);
}

function statements(verb: "GRANT" | "REVOKE", rights: readonly Right[], account: string): string[] {
  return rightsByObject(rights).map(({ object, rights: on }) => {
    const lists = [...on].map(([right, columns]) =>
      columns.length === 0 || verb === "REVOKE" ? right : `${right} (${columns.map((column) => quoted([column])).join(", ")})`,
    );
    return `${verb} ${lists.join(", ")} ON ${quoted(object)} ${verb === "GRANT" ? "TO" : "FROM"} ${account};`;
  });
}

const quoted = (path: readonly string[]): string => path.map((part) => `"${part.replaceAll('"', "")}"`).join(".");

const operation = "look up the account's rights";

export async function grantServer(link: Link, signal: AbortSignal): Promise<GrantServer> {
  const { rows } = await link.execute(sql("SELECT SYS_CONTEXT('USERENV', 'SESSION_USER') AS NAME FROM DUAL"), signal, {
    operation,
  });
  return { version: link.version, account: quoted([String(rows[0]?.[0])]) };
}

/** Rights on objects that were given to the account itself, against those that it needs; it has every right on what is its own. */
export async function compareGrants(
  link: Link,
  { needs, settings, signal }: { needs: GrantNeeds; settings: Settings; signal: AbortSignal },
): Promise<Comparison> {
  const server = await grantServer(link, signal);
  const { rows } = await link.execute(sql(held), signal, { operation });
  const rights = rows.map(([owner, name, column, right]): Right => {
    const object = [owner, name, ...(column === null ? [] : [column])].map(String);
    return { right: String(right), object };
  });
  const own = (right: Right): boolean => quoted([right.object[0] as string]) === server.account;
  const wanted = rightsFor(needs, { schema: ownerOf(settings), server }).filter((right) => !own(right));
  const { missing, tooMany: unwanted } = compareRights(wanted, rights);
  const tooMany = unwanted.filter(({ right, object }) => !optional.has(object.slice(0, 2).join(".")) && right !== "FLASHBACK");
  // A REVOKE takes a right from the whole table: what is needed of it is given back right behind.
  const again = wanted.filter((one) => !missing.includes(one) && tooMany.some((other) => isOfOneTable(one, other)));
  return {
    server,
    missing: statements("GRANT", missing, server.account),
    tooMany: [...statements("REVOKE", tooMany, server.account), ...statements("GRANT", again, server.account)],
  };
}

/** What the account may have beside its needs, for the sake of compares and of the database's identity; FLASHBACK on any table as well. */
const optional: ReadonlySet<string> = new Set(["SYS.V_$DATABASE", "SYS.DBMS_FLASHBACK"]);

const isOfOneTable = (one: Right, other: Right): boolean =>
  one.right === other.right && one.object[0] === other.object[0] && one.object[1] === other.object[1];

const held = `SELECT OWNER, TABLE_NAME, NULL AS COLUMN_NAME, PRIVILEGE FROM USER_TAB_PRIVS_RECD
 UNION ALL SELECT OWNER, TABLE_NAME, COLUMN_NAME, PRIVILEGE FROM USER_COL_PRIVS_RECD ORDER BY 1, 2, 4, 3`;
