import { bind, concat } from "../statement.ts";
import type { Inspection, Problem } from "./checks.ts";
import { missingRoutine } from "./routine.ts";
import { ask } from "./session.ts";
import { mssqlSyntax } from "./sql.ts";

const operation = "check the ERP's procedures";

/** Procedures and functions that are called: whether they are there, may be run, and leave the transaction to their caller. */
export async function callProblems({ link, needs, signal }: Inspection): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const name of new Set(needs.calls ?? [])) {
    const quoted = mssqlSyntax.quote(name);
    const [row] = await ask(
      link,
      concat(
        "SELECT RTRIM(o.type) AS kind, HAS_PERMS_BY_NAME(",
        bind(quoted),
        ", 'OBJECT', 'EXECUTE') AS may, OBJECT_DEFINITION(o.object_id) AS text FROM sys.objects AS o WHERE o.type IN ('P', 'PC', 'X', 'FN', 'FS', 'IF', 'TF', 'FT') AND o.object_id = OBJECT_ID(",
        bind(quoted),
        ")",
      ),
      { signal, operation },
    );
    problems.push(...problemsOf(name, row));
  }
  return problems;
}

function problemsOf(name: string, row: Readonly<Record<string, string | null>> | undefined): Problem[] {
  if (row === undefined) {
    const { code, message, hint = "" } = missingRoutine(name, operation);
    return [{ severity: "error", code, place: name, message, remedy: hint }];
  }
  // Functions that give rows are read, not executed.
  if (row.may !== "1" && !/^(IF|TF|FT)$/.test(row.kind ?? "")) {
    const remedy = `GRANT EXECUTE ON ${mssqlSyntax.quote(name)} TO the account`;
    return [{ severity: "error", code: "erp-rights", place: name, message: `The account may not run ${name}`, remedy }];
  }
  // Shown with VIEW DEFINITION alone; without it only a rehearsal tells.
  if (!endsOuter(row.text ?? "")) return [];
  return [
    {
      severity: "warning",
      code: "erp-procedure-commits",
      place: name,
      message: `${name} seems to commit a transaction that it did not begin: commands that call it end as uncertain`,
      remedy: "Ask the ERP's vendor for one that leaves the transaction to its caller.",
    },
  ];
}

/** Whether a text commits more than it began up to there. Its own BEGIN TRANSACTION … COMMIT does no harm within another's. */
function endsOuter(text: string): boolean {
  const bare = text.replace(/'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\//g, " ");
  let depth = 0;
  for (const [word] of bare.matchAll(/\bBEGIN\s+TRAN(SACTION)?\b|\bCOMMIT\b/gi)) {
    depth += /^B/i.test(word) ? 1 : -1;
    if (depth < 0) return true;
  }
  return false;
}
