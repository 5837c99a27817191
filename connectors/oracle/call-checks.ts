import { bind, concat } from "../statement.ts";
import { ask, type Inspection, type Problem } from "./inspection.ts";
import { missingRoutine, type Routine, routinesOf } from "./routine.ts";

/** Procedures and functions that commands call: whether they are there, and leave the transaction alone. */
export async function callProblems(inspection: Inspection): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const name of new Set(inspection.needs.calls ?? [])) problems.push(...(await problemsOf(inspection, name)));
  return problems;
}

async function problemsOf(inspection: Inspection, called: string): Promise<Problem[]> {
  const [routine] = await routinesOf(inspection.link, called, inspection.signal);
  if (routine === undefined) {
    const { code, message, hint = "" } = missingRoutine(called);
    return [{ severity: "error", code, place: called, message, remedy: hint }];
  }
  if (!(await seemsToCommit(inspection, routine))) return [];
  return [
    {
      severity: "warning",
      code: "erp-procedure-commits",
      place: called,
      message: `${called} seems to commit or roll back by itself: commands that call it end as uncertain`,
      remedy: "Ask the ERP's vendor for one that leaves the transaction to its caller.",
    },
  ];
}

/**
 * By its own text or its package's, where the account may see it (of a package's body only with more rights than the agent has); else only a rehearsal tells. An
 * autonomous transaction is none of ours.
 */
async function seemsToCommit(inspection: Inspection, { owner, package: within, name }: Routine): Promise<boolean> {
  const found = await ask(
    inspection,
    concat(
      "SELECT TEXT FROM ALL_SOURCE WHERE OWNER = ",
      bind(owner),
      " AND NAME = ",
      bind(within ?? name),
      " AND TYPE IN ('PROCEDURE', 'FUNCTION', 'PACKAGE BODY') AND (UPPER(TEXT) LIKE '%COMMIT%' OR UPPER(TEXT) LIKE '%ROLLBACK%' OR UPPER(TEXT) LIKE '%AUTONOMOUS_TRANSACTION%')",
    ),
  );
  const text = found.map(([line]) => String(line).replace(/--.*$/s, "")).join("\n");
  return !/\bAUTONOMOUS_TRANSACTION\b/i.test(text) && /\b(COMMIT|ROLLBACK(?!\s+TO\b))\b/i.test(text);
}
