import { askServer } from "./describe.ts";
import { type Inspection, idOf, operation, type Problem } from "./inspection.ts";
import { postgresSyntax, textLiteral } from "./sql.ts";

const code = "erp-rights-too-many";

/** Rights that the agent never needs; each is a way to do harm with a stolen password. */
export async function rightsProblems(inspection: Inspection): Promise<Problem[]> {
  const { link, signal } = inspection;
  const [role] = await askServer(
    link,
    "SELECT quote_ident(rolname) AS name, rolsuper AS super, rolcreaterole AS roles, rolcreatedb AS databases, rolbypassrls AS bypass FROM pg_roles WHERE rolname = current_user",
    signal,
    operation,
  );
  const name = role?.name ?? "the account";
  if (role?.super === "t") {
    const message = "The account is a superuser: it may do everything, in every database of the server";
    return [{ severity: "warning", code, message, remedy: ownAccount }];
  }
  const attributes = [
    ...(role?.roles === "t" ? ["CREATEROLE"] : []),
    ...(role?.databases === "t" ? ["CREATEDB"] : []),
    ...(role?.bypass === "t" && !(await needsBypass(inspection)) ? ["BYPASSRLS"] : []),
  ];
  const problems = attributes.map(
    (attribute): Problem => ({
      severity: "warning",
      code,
      message: `The account may do more than it needs: ${attribute}`,
      remedy: `ALTER ROLE ${name} NO${attribute}`,
    }),
  );
  return [
    ...problems,
    ...(await memberships(inspection, name)),
    ...(await onTables(inspection, name)),
    ...(await creations(inspection, name)),
  ];
}

const ownAccount =
  "Give the agent an account of its own, with SELECT on what is read and INSERT and UPDATE on what is written: the script of `erpfuser grants`.";

/** Where a table has row level security, only this right shows all of its rows. */
async function needsBypass({ link, needs, signal }: Inspection): Promise<boolean> {
  if (needs.read.length === 0) return false;
  const [row] = await askServer(
    link,
    `SELECT count(*) AS n FROM pg_class WHERE relrowsecurity AND oid IN (${idsOf(needs.read)})`,
    signal,
    operation,
  );
  return row?.n !== "0";
}

async function memberships({ link, signal }: Inspection, name: string): Promise<Problem[]> {
  const rows = await askServer(
    link,
    "SELECT rolname AS role FROM pg_roles WHERE rolname IN ('pg_write_all_data', 'pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files') AND pg_has_role(current_user, oid, 'MEMBER')",
    signal,
    operation,
  );
  return rows.map(({ role }) => ({
    severity: "warning",
    code,
    message: `The account may do more than it needs, as a member of ${role}`,
    remedy: `REVOKE ${role} FROM ${name}`,
  }));
}

/** Tables that are read and may be written, written ones that may be emptied, and those that belong to the account. */
async function onTables({ link, needs, signal }: Inspection, name: string): Promise<Problem[]> {
  const all = [...new Set([...needs.read, ...needs.write])];
  if (all.length === 0) return [];
  const list = all.map((table) => `(${textLiteral(table)}, ${idOf(table)}, ${needs.write.includes(table)})`).join(", ");
  const rows = await askServer(
    link,
    `SELECT t.name, pg_has_role(c.relowner, 'USAGE') AS owned, concat_ws(', ',
      CASE WHEN NOT t.written AND has_table_privilege(c.oid, 'INSERT') THEN 'INSERT' END,
      CASE WHEN NOT t.written AND has_table_privilege(c.oid, 'UPDATE') THEN 'UPDATE' END,
      CASE WHEN has_table_privilege(c.oid, 'DELETE') THEN 'DELETE' END,
      CASE WHEN has_table_privilege(c.oid, 'TRUNCATE') THEN 'TRUNCATE' END,
      CASE WHEN has_table_privilege(c.oid, 'TRIGGER') THEN 'TRIGGER' END) AS excess
    FROM (VALUES ${list}) t (name, id, written) JOIN pg_class c ON c.oid = t.id ORDER BY t.name`,
    signal,
    operation,
  );
  return rows.flatMap((row): Problem[] => {
    const table = row.name as string;
    const quoted = postgresSyntax.quote(table);
    if (row.owned === "t") {
      const message = `${table} belongs to the account, which may therefore change and drop it`;
      return [
        {
          severity: "warning",
          code,
          place: table,
          message,
          remedy: `ALTER TABLE ${quoted} OWNER TO another role, or ${ownAccount}`,
        },
      ];
    }
    if (!row.excess) return [];
    const message = `The account may do more than it needs in ${table}: ${row.excess}`;
    return [{ severity: "warning", code, place: table, message, remedy: `REVOKE ${row.excess} ON ${quoted} FROM ${name}` }];
  });
}

/** Up to version 14 everybody may create tables in the schema `public`. */
async function creations({ link, signal }: Inspection, name: string): Promise<Problem[]> {
  const rows = await askServer(
    link,
    "SELECT quote_ident(nspname) AS schema FROM pg_namespace WHERE nspname = ANY(current_schemas(false)) AND has_schema_privilege(oid, 'CREATE')",
    signal,
    operation,
  );
  return rows.map(({ schema }) => ({
    severity: "info",
    code,
    message: `The account may create tables in the schema ${schema}, which it never does`,
    remedy: `REVOKE CREATE ON SCHEMA ${schema} FROM PUBLIC, ${name}`,
  }));
}

const idsOf = (tables: readonly string[]): string => tables.map(idOf).join(", ");
