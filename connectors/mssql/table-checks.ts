import type { Table, WriteRight } from "../connector.ts";
import { bind, concat, join, type Statement } from "../statement.ts";
import type { Inspection, Problem } from "./checks.ts";
import { describeTables } from "./describe.ts";
import { ask } from "./session.ts";
import { mssqlSyntax } from "./sql.ts";

const operation = "check the ERP's tables";
const either: readonly WriteRight[] = ["insert", "update"];

/** What is wrong with the tables that are read and written, and with the account's rights on them. */
export async function tableProblems(inspection: Inspection): Promise<Problem[]> {
  const { link, needs, signal } = inspection;
  const wanted = [...new Set([...needs.read, ...needs.write])];
  if (wanted.length === 0) return [];
  const found = new Map((await describeTables(link, wanted, signal)).map((table) => [table.name.toLowerCase(), table]));
  const problems: Problem[] = [];
  for (const name of wanted) {
    const table = found.get(name.toLowerCase()) ?? found.get(name.toLowerCase().replace(/^dbo\./, ""));
    if (table) problems.push(...(await problemsOf(inspection, name, table)));
    else problems.push(invisible(name));
  }
  return [...problems, ...(await triggers(inspection))];
}

/** A table without any right on it can't be told from one that does not exist. */
function invisible(name: string): Problem {
  return {
    severity: "error",
    code: "erp-object-missing",
    place: name,
    message: `There is no table or view ${name}, or the account has no right on it`,
    remedy: `Correct its name, or GRANT SELECT ON ${mssqlSyntax.quote(name)} TO the account`,
  };
}

async function problemsOf({ link, needs, signal }: Inspection, name: string, table: Table): Promise<Problem[]> {
  const quoted = mssqlSyntax.quote(table.name);
  const select = concat(
    "SELECT ",
    join([mayOnColumns(quoted, "SELECT"), may(quoted, "INSERT"), mayOnColumns(quoted, "UPDATE")], ", "),
  );
  const [row] = await ask(link, select, { signal, operation });
  const problems: Problem[] = [];
  if (needs.read.includes(name) && row?.may_SELECT !== "1") {
    problems.push({
      severity: "error",
      code: "erp-rights",
      place: name,
      message: `The account may not read ${name}`,
      remedy: `GRANT SELECT ON ${quoted} TO the account`,
    });
  }
  if (!needs.write.includes(name)) return problems;
  const wanted = needs.rights?.[name];
  const lacking = (wanted ?? either).filter((right) => row?.[`may_${right.toUpperCase()}`] !== "1");
  if (lacking.length > 0) {
    problems.push({
      severity: wanted !== undefined || lacking.length === 2 ? "error" : "info",
      code: "erp-rights",
      place: name,
      message: `The account may not ${lacking.join(" nor ")} in ${name}`,
      remedy: `GRANT ${lacking.join(", ").toUpperCase()} ON ${quoted} TO the account`,
    });
  }
  if (table.kind === "view") {
    problems.push({
      severity: "warning",
      code: "erp-view-written",
      place: name,
      message: `${name} is a view`,
      remedy: "Write to its table.",
    });
  }
  return problems;
}

const may = (table: string, right: string): Statement =>
  concat("HAS_PERMS_BY_NAME(", bind(table), `, 'OBJECT', '${right}') AS may_${right}`);

/** A right on some columns is none on the table (learn.microsoft.com, "HAS_PERMS_BY_NAME"). */
const mayOnColumns = (table: string, right: string): Statement =>
  concat(
    "(SELECT MAX(HAS_PERMS_BY_NAME(",
    bind(table),
    `, 'OBJECT', '${right}', c.name, 'COLUMN')) FROM sys.columns AS c WHERE c.object_id = OBJECT_ID(`,
    bind(table),
    `)) AS may_${right}`,
  );

async function triggers({ link, needs, signal }: Inspection): Promise<Problem[]> {
  if (needs.write.length === 0) return [];
  const names = join(
    needs.write.map((name) => bind(name.split(".").at(-1) as string)),
    ", ",
  );
  const statement = concat(
    "SELECT DISTINCT o.name AS name FROM sys.triggers AS t JOIN sys.objects AS o ON o.object_id = t.parent_id WHERE t.is_disabled = 0 AND o.name IN (",
    names,
    ")",
  );
  return (await ask(link, statement, { signal, operation })).map(({ name }) => ({
    severity: "info" as const,
    code: "erp-triggers",
    place: name ?? "",
    message: `${name} has triggers, which act on what is written`,
    remedy: "Rehearse the commands that write to it: `erpfuser preview --command`.",
  }));
}
