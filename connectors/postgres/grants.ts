/** Least-privilege scripts for PostgreSQL: SELECT, INSERT and UPDATE by columns (postgresql.org, "GRANT"). */
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
import type { PostgresSettings } from "./config.ts";
import { askServer } from "./describe.ts";
import { compareFeed, feedCounterpart, feedRights, feedScript } from "./feed-grants.ts";
import { part, quoted, usualSchema } from "./grant-names.ts";
import type { Link } from "./link.ts";

const operation = "look up the account's rights";

export function postgresGrantScript(settings: Pick<PostgresSettings, "database" | "schema" | "user">): GrantScript {
  const { database, user } = settings;
  const schema = usualSchema(settings);
  return (kind, needs, server) => {
    const account = server?.account ?? part(user);
    const about = `-- ERP Fuser, for ${account} in ${database}${server === undefined ? "" : ` on PostgreSQL ${server.version}`}`;
    switch (kind) {
      case "init":
        return [
          `${about}: reads the schema, so that a configuration can be drafted; afterwards the script of \`erpfuser grants\` takes its place`,
          `-- CREATE ROLE ${account} LOGIN PASSWORD 'a password of your choice';`,
          `GRANT USAGE ON SCHEMA ${part(schema)} TO ${account};`,
          `GRANT SELECT ON ALL TABLES IN SCHEMA ${part(schema)} TO ${account};`,
        ];
      case "ledger":
        return [
          `${about}: the ledger of commands that were carried out`,
          ...needs.ledgers.map(
            (table) =>
              `CREATE TABLE ${quoted(tablePath(table, schema))} (command_id varchar(64) NOT NULL PRIMARY KEY, results text);`,
          ),
        ];
      case "grant":
        return [
          `${about}: exactly what the configuration needs`,
          `-- CREATE ROLE ${account} LOGIN PASSWORD 'a password of your choice';`,
          ...schemasOf(needs, schema).map((name) => `GRANT USAGE ON SCHEMA ${part(name)} TO ${account};`),
          ...statements("GRANT", [...tableRights(needs, schema), ...callRights(needs, schema)], account),
          ...feedScript(feedRights(needs, settings), account),
          ...(needs.tables.some(({ insert }) => insert.length > 0)
            ? [
                "-- A serial column (not an identity one) of a table that is inserted into needs GRANT USAGE ON SEQUENCE: `erpfuser check` names it",
              ]
            : []),
        ];
      case "revoke":
        return [
          `${about}: takes back what the configuration needs`,
          ...feedCounterpart(feedRights(needs, settings), account),
          ...statements("REVOKE", [...tableRights(needs, schema), ...callRights(needs, schema)], account),
          ...schemasOf(needs, schema).map((name) => `REVOKE USAGE ON SCHEMA ${part(name)} FROM ${account};`),
        ];
    }
  };
}

function schemasOf({ tables, calls }: GrantNeeds, usual: string): string[] {
  const names = [...tables.map(({ table }) => table), ...calls.map(({ name }) => name)];
  return [...new Set(names.map((name) => tablePath(name, usual)[0] as string))];
}

function tableRights({ tables }: GrantNeeds, schema: string): Right[] {
  return tables.flatMap(({ table, read, insert, update, remove }) => {
    const object = tablePath(table, schema);
    return [
      ...columnRights("SELECT", object, read),
      ...columnRights("INSERT", object, insert),
      ...columnRights("UPDATE", object, update),
      ...(remove ? [{ right: "DELETE", object }] : []),
    ];
  });
}

const callRights = ({ calls }: GrantNeeds, schema: string): Right[] =>
  calls.map(({ name }) => ({ right: "EXECUTE", object: tablePath(name, schema) }));

function statements(verb: "GRANT" | "REVOKE", rights: readonly Right[], account: string): string[] {
  return rightsByObject(rights).map(({ object, rights: on }) => {
    const lists = [...on].map(([right, columns]) =>
      columns.length === 0 ? right : `${right} (${columns.map(part).join(", ")})`,
    );
    const kind = on.has("EXECUTE") ? "ROUTINE " : "";
    return `${verb} ${lists.join(", ")} ON ${kind}${quoted(object)} ${verb === "GRANT" ? "TO" : "FROM"} ${account};`;
  });
}

export async function grantServer(link: Link, signal: AbortSignal): Promise<GrantServer> {
  const [row] = await askServer(
    link,
    "SELECT current_setting('server_version') AS version, current_user::text AS account",
    signal,
    operation,
  );
  return { version: String(row?.version), account: part(String(row?.account)) };
}

/**
 * Rights on tables and their columns that were given to the account itself, and what it may do without any: as a superuser, as the owner of tables, as a member of other
 * roles. Procedures are open to all unless somebody closed them, and `check` tries them.
 */
export async function compareGrants(
  link: Link,
  { needs, settings, signal }: { needs: GrantNeeds; settings: PostgresSettings; signal: AbortSignal },
): Promise<Comparison> {
  const server = await grantServer(link, signal);
  const { account } = server;
  const rows = await askServer(link, held, signal, operation);
  const rights = rows.map(({ schema, name, column, right }): Right => {
    const object = [schema, name, ...(column === null ? [] : [column])].map(String);
    return { right: String(right), object };
  });
  const wanted = tableRights(needs, usualSchema(settings));
  const feed = await compareFeed(link, { wanted: feedRights(needs, settings), account, signal });
  const { missing, tooMany } = compareRights(wanted, rights);
  const { before, after } = givenAnew(wanted, rights, tooMany);
  // Rights that may be handed on: those that are needed stay, without that.
  const handedOn = rights.filter((one, index) => rows[index]?.grantable === "t" && !tooMany.includes(one));
  return {
    server,
    missing: [...statements("GRANT", missing, account), ...feed.missing],
    tooMany: [
      ...statements("GRANT", before, account),
      ...statements("REVOKE", tooMany, account),
      ...statements("GRANT", after, account),
      ...handedOn.flatMap((one) =>
        statements("REVOKE", [one], account).map((line) => line.replace(/^REVOKE /, "REVOKE GRANT OPTION FOR ")),
      ),
      ...feed.tooMany,
      ...(await beyondGrants(link, { needs, settings, account }, signal)),
    ],
  };
}

/** What no GRANT on a table gives, and no REVOKE there takes back. */
async function beyondGrants(
  link: Link,
  { needs, settings, account }: { needs: GrantNeeds; settings: PostgresSettings; account: string },
  signal: AbortSignal,
): Promise<string[]> {
  const [role] = await askServer(
    link,
    'SELECT rolsuper AS "SUPERUSER", rolcreaterole AS "CREATEROLE", rolcreatedb AS "CREATEDB", rolbypassrls AS "BYPASSRLS", rolreplication AS "REPLICATION" FROM pg_roles WHERE rolname = current_user',
    signal,
    operation,
  );
  const needed = new Set([
    ...(needs.feeds.length > 0 ? ["REPLICATION"] : []),
    ...((await hasRowSecurity(link, needs, usualSchema(settings), signal)) ? ["BYPASSRLS"] : []),
  ]);
  const attributes = Object.entries(role ?? {}).flatMap(([name, set]) => (set === "t" && !needed.has(name) ? [`NO${name}`] : []));
  const roles = await askServer(
    link,
    "SELECT r.rolname AS name FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE m.member = (SELECT oid FROM pg_roles WHERE rolname = current_user) ORDER BY 1",
    signal,
    operation,
  );
  const owned = await askServer(
    link,
    "SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) ORDER BY 1, 2 LIMIT 100",
    signal,
    operation,
  );
  return [
    ...(attributes.length > 0 ? [`ALTER ROLE ${account} ${attributes.join(" ")};`] : []),
    ...roles.map(({ name }) => `REVOKE ${part(String(name))} FROM ${account};`),
    ...owned.map(({ schema, name }) => {
      return `-- it owns ${quoted([String(schema), String(name)])}: ALTER TABLE ${quoted([String(schema), String(name)])} OWNER TO another_role;`;
    }),
  ];
}

/** Where a table has row level security, only BYPASSRLS shows all of its rows. */
async function hasRowSecurity(link: Link, { tables }: GrantNeeds, schema: string, signal: AbortSignal): Promise<boolean> {
  const rows = await askServer(
    link,
    "SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relrowsecurity",
    signal,
    operation,
  );
  const secured = new Set(rows.map((row) => `${row.schema}.${row.name}`));
  return tables.some(({ table }) => secured.has(tablePath(table, schema).join(".")));
}

/** Of tables and of columns, outside of the system's own schemas; an owner's are told as what they are. */
const held = `
  SELECT n.nspname AS schema, c.relname AS name, a.attname AS column, acl.privilege_type AS right, acl.is_grantable AS grantable
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
      SELECT NULL::name AS attname, c.relacl AS acl
      UNION ALL SELECT t.attname, t.attacl FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL
    ) a CROSS JOIN LATERAL aclexplode(a.acl) acl
  WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND acl.grantee = (SELECT oid FROM pg_roles WHERE rolname = current_user) AND c.relowner <> acl.grantee
  ORDER BY 1, 2, 3, 4`;
