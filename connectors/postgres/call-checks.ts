import { bind, concat, join } from "../statement.ts";
import { askServer } from "./describe.ts";
import { type Inspection, operation, type Problem } from "./inspection.ts";

/** Procedures and functions that are called: whether they are there, may be run, and leave the transaction alone. */
export async function callProblems(inspection: Inspection): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const name of new Set(inspection.needs.calls ?? [])) problems.push(...(await problemsOf(inspection, name)));
  return problems;
}

async function problemsOf({ link, signal }: Inspection, called: string): Promise<Problem[]> {
  const [name, schema] = called.split(".").reverse() as [string, string | undefined];
  const place = schema === undefined ? "pg_function_is_visible(p.oid)" : concat("n.nspname = ", bind(schema));
  const rows = await askServer(
    link,
    concat(
      "SELECT p.oid::regprocedure AS routine, has_function_privilege(p.oid, 'EXECUTE') AS allowed, p.prokind = 'p' AND p.prosrc ~* '\\m(commit|rollback)\\M' AS commits FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prokind IN ('f', 'p') AND p.proname IN (",
      join([...new Set([name, name.toLowerCase()])].map(bind), ", "),
      ") AND ",
      place,
    ),
    signal,
    operation,
  );
  if (rows.length === 0) {
    const message = `There is no procedure or function ${called}`;
    return [
      { severity: "error", code: "erp-object-missing", place: called, message, remedy: "Correct its name, or name its schema." },
    ];
  }
  return rows.flatMap(({ routine, allowed, commits }): Problem[] => {
    if (allowed !== "t") {
      const message = `The account may not run ${routine}`;
      const remedy = `GRANT EXECUTE ON ROUTINE ${routine} TO the account`;
      return [{ severity: "error", code: "erp-rights", place: called, message, remedy }];
    }
    if (commits !== "t") return [];
    const message = `${routine} seems to end the transaction by itself, which the server refuses within ours: the command would fail each time`;
    const remedy = "Ask the ERP's vendor for a procedure without COMMIT and ROLLBACK.";
    return [{ severity: "warning", code: "erp-procedure-commits", place: called, message, remedy }];
  });
}
