/**
 * What the account was given, against what it needs. Its own rights are compared one by one; what comes by a role, by ownership or by `public` needs no GRANT and is named as
 * such, and what was given and does not hold, because it is denied elsewhere, as well. Not verified on a real server.
 */
import {
  type Comparison,
  compareRights,
  type GrantNeeds,
  type GrantServer,
  givenAnew,
  type Right,
  tablePath,
} from "../grants.ts";
import { bind, concat, join } from "../statement.ts";
import { part, quoted, rightsFor, statements, usualSchema } from "./grants.ts";
import type { Link } from "./link.ts";
import { ask, type Told } from "./session.ts";

interface Asking {
  link: Link;
  signal: AbortSignal;
}

interface Account {
  server: GrantServer;
  /** Name of the login, quoted. */
  login: string;
  /** `dbo` and `guest` are nobody's own: there is no user for the login. */
  user: string;
  sysadmin: boolean;
}

const rowsOf = ({ link, signal }: Asking, text: string): Promise<Told[]> =>
  ask(link, text, { signal, operation: "look up the account's rights" });

async function accountOf(asking: Asking): Promise<Account> {
  const [row] = await rowsOf(
    asking,
    "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version, USER_NAME() AS account, SUSER_SNAME() AS login, IS_SRVROLEMEMBER('sysadmin') AS admin",
  );
  const user = row?.account ?? "";
  const login = part(row?.login ?? "");
  const account = user === "dbo" || user === "guest" ? login : part(user);
  const functions = await rowsOf(
    asking,
    "SELECT s.name AS owner, o.name AS name FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id WHERE o.type IN ('IF', 'TF', 'FT') ORDER BY s.name, o.name",
  );
  const tableFunctions = functions.map(({ owner, name }) => [owner ?? "", name ?? ""]);
  return { server: { version: row?.version ?? "", account, tableFunctions }, login, user, sysadmin: row?.admin === "1" };
}

export const grantServer = async (link: Link, signal: AbortSignal): Promise<GrantServer> =>
  (await accountOf({ link, signal })).server;

/** @throws FuserError what the connection throws */
export async function compareGrants(
  link: Link,
  { needs, database, signal }: { needs: GrantNeeds; database: string; signal: AbortSignal },
): Promise<Comparison> {
  const asking = { link, signal };
  const account = await accountOf(asking);
  const { server, login } = account;
  const wanted = rightsFor(needs, server);
  if (account.user === "dbo" || account.user === "guest") {
    const create = `CREATE USER ${login} FOR LOGIN ${login};`;
    return {
      server,
      missing: [create, ...statements("GRANT", wanted, login)],
      tooMany: account.user === "dbo" ? [ownership(account, database)] : [],
    };
  }
  const rows = await heldRows(asking);
  const own = rows.filter(({ everybody }) => !everybody);
  const named = own.filter((one) => one.object !== undefined) as (Held & Right)[];
  const held: readonly Right[] = named;
  const handedOn = new Set<Right>(named.filter((one) => one.handedOn));
  const { missing, tooMany } = compareRights(wanted, held);
  const excess = tooMany.filter((one) => !isOptional(one, needs));
  const { before, after } = givenAnew(wanted, held, excess);
  const kept = [...handedOn].filter((one) => !excess.includes(one));
  return {
    server,
    missing: [
      ...statements("GRANT", missing, server.account),
      ...(await denied(
        asking,
        wanted.filter((one) => !missing.includes(one)),
      )),
    ],
    tooMany: [
      ...statements("GRANT", before, server.account),
      ...statements(
        "REVOKE",
        excess.filter((one) => !handedOn.has(one)),
        server.account,
      ),
      ...statements(
        "REVOKE",
        excess.filter((one) => handedOn.has(one)),
        server.account,
        " CASCADE",
      ),
      ...statements("REVOKE GRANT OPTION FOR", kept, server.account, " CASCADE"),
      ...statements("GRANT", after, server.account),
      ...(await roles(asking, account)),
      ...(await ofServer(asking, account, database)),
      ...(await owned(asking)),
      ...own.flatMap(({ object, right, kind }) =>
        object === undefined ? [`-- it has ${right} on what is no table (sys.database_permissions, class ${kind})`] : [],
      ),
      ...ofEverybody(rows, wanted),
    ],
  };
}

function ownership({ sysadmin, login }: Account, database: string): string {
  if (sysadmin) return `ALTER SERVER ROLE [sysadmin] DROP MEMBER ${login};`;
  return `-- it owns the database: ALTER AUTHORIZATION ON DATABASE::${part(database)} TO [sa];`;
}

interface Held {
  right: string;
  /** Undefined for what is neither the database, nor a schema, nor in one. */
  object: readonly string[] | undefined;
  kind: string;
  handedOn: boolean;
  /** Given to `public`. */
  everybody: boolean;
}

/** Rights of tables are of class 1, of schemas of class 3, of the database of class 0 (learn.microsoft.com, "sys.database_permissions"); `public` is the principal 0. */
async function heldRows(asking: Asking): Promise<Held[]> {
  const rows = await rowsOf(
    asking,
    `SELECT p.class AS kind, s.name AS owner, o.name AS object, c.name AS item, p.permission_name AS name, RTRIM(p.state) AS state, p.grantee_principal_id AS grantee
     FROM sys.database_permissions AS p
     LEFT JOIN sys.objects AS o ON p.class = 1 AND o.object_id = p.major_id
     LEFT JOIN sys.schemas AS s ON s.schema_id = CASE p.class WHEN 3 THEN p.major_id ELSE o.schema_id END
     LEFT JOIN sys.columns AS c ON p.class = 1 AND p.minor_id > 0 AND c.object_id = p.major_id AND c.column_id = p.minor_id
     WHERE p.grantee_principal_id IN (0, DATABASE_PRINCIPAL_ID()) AND p.major_id >= 0 AND p.state IN ('G', 'W') AND p.permission_name <> 'CONNECT'
     ORDER BY s.name, o.name, p.permission_name, c.name`,
  );
  return rows.map((row) => {
    const known = row.kind === "0" || row.owner !== null;
    const object = [row.owner, row.object, row.item].filter((name) => typeof name === "string");
    return {
      right: row.name ?? "",
      object: known ? object : undefined,
      kind: row.kind ?? "",
      handedOn: row.state === "W",
      everybody: row.grantee === "0",
    };
  });
}

/** With it `check` can read the text of a procedure that commands call. */
function isOptional({ right, object }: Right, { calls }: GrantNeeds): boolean {
  const name = quoted(object).toLowerCase();
  return right === "VIEW DEFINITION" && calls.some((call) => quoted(tablePath(call.name, usualSchema)).toLowerCase() === name);
}

const batch = 100;

/** What was given and does not hold. */
async function denied(asking: Asking, rights: readonly Right[]): Promise<string[]> {
  const found: Right[] = [];
  for (let start = 0; start < rights.length; start += batch) {
    const some = rights.slice(start, start + batch);
    const may = some.map(({ right, object }, index) => {
      const column = object[2] === undefined ? "" : concat(", ", bind(object[2]), ", 'COLUMN'");
      return concat(
        "HAS_PERMS_BY_NAME(",
        bind(quoted(object.slice(0, 2))),
        ", 'OBJECT', ",
        bind(right),
        column,
        `) AS may${index}`,
      );
    });
    const { link, signal } = asking;
    const [row] = await ask(link, concat("SELECT ", join(may, ", ")), { signal, operation: "look up the account's rights" });
    found.push(...some.filter((_, index) => row?.[`may${index}`] !== "1"));
  }
  return statements("GRANT", found, "the account").map(
    (line) =>
      `-- ${line.replace(/^GRANT | TO the account;$/g, "")} is given, and denied by a role, by public, on the schema or on the database`,
  );
}

/** Roles that the account is in; those that only deny do no harm. */
async function roles(asking: Asking, { server }: Account): Promise<string[]> {
  const rows = await rowsOf(
    asking,
    "SELECT r.name AS name FROM sys.database_role_members AS m JOIN sys.database_principals AS r ON r.principal_id = m.role_principal_id WHERE m.member_principal_id = DATABASE_PRINCIPAL_ID() ORDER BY r.name",
  );
  const names = rows.map(({ name }) => name ?? "").filter((name) => !name.startsWith("db_deny"));
  return names.map((name) => `ALTER ROLE ${part(name)} DROP MEMBER ${server.account};`);
}

/** Class 100 is the server. By VIEW SERVER STATE `check` sees who else logs in with the account. */
async function ofServer(asking: Asking, { login }: Account, database: string): Promise<string[]> {
  const of = "JOIN sys.server_principals AS l ON l.principal_id =";
  const members = await rowsOf(
    asking,
    `SELECT r.name AS name FROM sys.server_role_members AS m ${of} m.member_principal_id JOIN sys.server_principals AS r ON r.principal_id = m.role_principal_id WHERE l.name = SUSER_SNAME() ORDER BY r.name`,
  );
  const rights = await rowsOf(
    asking,
    `SELECT p.permission_name AS name FROM sys.server_permissions AS p ${of} p.grantee_principal_id WHERE l.name = SUSER_SNAME() AND p.class = 100 AND p.state IN ('G', 'W') AND p.permission_name NOT IN ('CONNECT SQL', 'VIEW ANY DATABASE', 'VIEW SERVER STATE', 'VIEW SERVER PERFORMANCE STATE') ORDER BY p.permission_name`,
  );
  return [
    ...members.map(({ name }) => `ALTER SERVER ROLE ${part(name ?? "")} DROP MEMBER ${login};`),
    ...rights.map(({ name }) => `USE [master]; REVOKE ${name} FROM ${login} CASCADE; USE ${part(database)};`),
  ];
}

async function owned(asking: Asking): Promise<string[]> {
  const schemas = await rowsOf(asking, "SELECT name FROM sys.schemas WHERE principal_id = DATABASE_PRINCIPAL_ID() ORDER BY name");
  const objects = await rowsOf(
    asking,
    "SELECT s.name AS owner, o.name AS name FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id WHERE o.principal_id = DATABASE_PRINCIPAL_ID() ORDER BY s.name, o.name",
  );
  return [
    ...schemas
      .map(({ name }) => part(name ?? ""))
      .map((name) => `-- it owns the schema ${name}: ALTER AUTHORIZATION ON SCHEMA::${name} TO [dbo];`),
    ...objects
      .map(({ owner, name }) => quoted([owner ?? "", name ?? ""]))
      .map((name) => `-- it owns ${name}: ALTER AUTHORIZATION ON OBJECT::${name} TO SCHEMA OWNER;`),
  ];
}

const ofData: ReadonlySet<string> = new Set(["SELECT", "INSERT", "UPDATE", "DELETE", "ALTER", "CONTROL"]);

/** One line for what `public` may do with data: to take it away would take it from everybody. */
function ofEverybody(rows: readonly Held[], wanted: readonly Right[]): string[] {
  const all = rows.flatMap(({ everybody, right, object }) =>
    everybody && object !== undefined && ofData.has(right) ? [{ right, object }] : [],
  );
  const { tooMany } = compareRights(wanted, all);
  if (tooMany.length === 0) return [];
  const names = [
    ...new Set(tooMany.map(({ object }) => (object.length < 2 ? "the whole database or schema" : quoted(object.slice(0, 2))))),
  ];
  const rights = [...new Set(tooMany.map(({ right }) => right))].join(", ");
  const shown = `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} others` : ""}`;
  return [`-- like every account of the database it may by the role public: ${rights} on ${shown}`];
}
