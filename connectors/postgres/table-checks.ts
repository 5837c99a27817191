import { FuserError } from "../../base/errors.ts";
import type { Table, WriteRight } from "../connector.ts";
import { askServer, describeTables } from "./describe.ts";
import { type Inspection, idOf, operation, type Problem } from "./inspection.ts";
import { postgresSyntax } from "./sql.ts";

/** What is wrong with the tables that are read and written, each with the statement that mends it. */
export async function tableProblems(inspection: Inspection): Promise<Problem[]> {
  const { needs } = inspection;
  const problems: Problem[] = [];
  for (const name of new Set([...needs.read, ...needs.write])) {
    const found = await look(inspection, name);
    if (found instanceof FuserError || found === undefined) {
      problems.push(missing(name, found));
      continue;
    }
    if (needs.read.includes(name)) problems.push(...(await unreadable(inspection, name)));
    if (needs.write.includes(name)) problems.push(...(await writeProblems(inspection, name, found)));
  }
  return problems;
}

async function look({ link, signal }: Inspection, name: string): Promise<Table | FuserError | undefined> {
  try {
    return (await describeTables(link, [name], signal))[0];
  } catch (error) {
    // A schema that the account may not look into.
    if (error instanceof FuserError && error.code === "erp-rights") return error;
    throw error;
  }
}

function missing(name: string, error: FuserError | undefined): Problem {
  const severity = "error";
  if (error === undefined) {
    const message = `There is no table or view ${name}`;
    const remedy =
      "Correct its name (PostgreSQL keeps names in lower case unless they were created in quotes), or name its schema.";
    return { severity, code: "erp-object-missing", place: name, message, remedy };
  }
  const schema = postgresSyntax.quote(name.split(".").slice(0, -1).join("."));
  return {
    severity,
    code: error.code,
    place: name,
    message: error.message,
    remedy: `GRANT USAGE ON SCHEMA ${schema} TO the account`,
  };
}

/** Tried out, for that counts every right and every policy: nothing is read. */
async function unreadable({ link, signal }: Inspection, name: string): Promise<Problem[]> {
  const quoted = postgresSyntax.quote(name);
  try {
    await link.query(`SELECT 1 FROM ${quoted} LIMIT 0`, signal, operation);
    return [];
  } catch (error) {
    if (!(error instanceof FuserError) || error.kind !== "config") throw error;
    const remedy =
      error.code === "erp-row-security" ? "ALTER ROLE the account BYPASSRLS" : `GRANT SELECT ON ${quoted} TO the account`;
    return [{ severity: "error", code: error.code, place: name, message: error.message, remedy }];
  }
}

async function writeProblems(inspection: Inspection, name: string, table: Table): Promise<Problem[]> {
  const { link, signal } = inspection;
  const problems: Problem[] = [];
  if (table.kind === "view") {
    const message = `${name} is a view`;
    problems.push({ severity: "warning", code: "erp-view-written", place: name, message, remedy: "Write to its table." });
  } else if (!table.transactional) {
    problems.push({
      severity: "error",
      code: "erp-table-not-transactional",
      place: name,
      message: `${name} lies on another server: half a write could not be undone`,
      remedy: "Write to the table on its own server.",
    });
  }
  const [row] = await askServer(
    link,
    `SELECT has_table_privilege(c.oid, 'INSERT') OR has_any_column_privilege(c.oid, 'INSERT') AS insert,
      has_table_privilege(c.oid, 'UPDATE') OR has_any_column_privilege(c.oid, 'UPDATE') AS update,
      EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers,
      (SELECT string_agg(s.oid::regclass::text, ', ') FROM pg_depend d JOIN pg_class s ON s.oid = d.objid
        WHERE d.refobjid = c.oid AND d.deptype = 'a' AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') END) AS sequences
    FROM pg_class c WHERE c.oid = ${idOf(name)}`,
    signal,
    operation,
  );
  if (row?.triggers === "t") {
    problems.push({
      severity: "info",
      code: "erp-triggers",
      place: name,
      message: `${name} has triggers, which act on what is written`,
      remedy: "Rehearse the commands that write to it: `erpfuser preview --command`.",
    });
  }
  return [...problems, ...lackingRights(inspection, name, row ?? {})];
}

const either: readonly WriteRight[] = ["insert", "update"];

function lackingRights({ needs }: Inspection, name: string, held: Record<string, string | null>): Problem[] {
  const quoted = postgresSyntax.quote(name);
  const wanted = needs.rights?.[name];
  const lacking = (wanted ?? either).filter((right) => held[right] !== "t");
  const problems: Problem[] = [];
  if (lacking.length > 0) {
    problems.push({
      severity: wanted !== undefined || lacking.length === 2 ? "error" : "info",
      code: "erp-rights",
      place: name,
      message: `The account may not ${lacking.join(" nor ")} in ${name}`,
      remedy: `GRANT ${lacking.join(", ").toUpperCase()} ON ${quoted} TO the account`,
    });
  }
  if (held.sequences && held.insert === "t" && (wanted ?? either).includes("insert")) {
    problems.push({
      severity: "error",
      code: "erp-rights",
      place: name,
      message: `The account may insert into ${name}, but not draw its numbers`,
      remedy: `GRANT USAGE ON SEQUENCE ${held.sequences} TO the account`,
    });
  }
  return problems;
}
