import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { describeError } from "../../base/errors.ts";
import type { Finding, Severity } from "../../base/findings.ts";
import type { CheckNeeds } from "../connector.ts";
import { sql } from "../statement.ts";
import { all, isWal, openDatabase } from "./database.ts";
import { describeTables } from "./describe.ts";
import { sqliteError } from "./errors.ts";

interface Problem {
  severity: Severity;
  code: string;
  place?: string;
  message: string;
  remedy: string;
}

/** Every problem of the file and what is wanted of it. */
export function checkSqlite(file: string, needs: CheckNeeds): Finding[] {
  const problems: Problem[] = [];
  let database: DatabaseSync;
  try {
    database = openDatabase(file, "read");
  } catch (error) {
    return [
      {
        severity: "error",
        code: codeOf(error),
        place: file,
        message: describeError(error),
        remedy: "Correct `erp: file:` or the rights on it.",
      },
    ];
  }
  try {
    problems.push(...fileProblems(file, needs), ...journalProblems(database), ...tableProblems(database, needs));
  } catch (error) {
    const described = sqliteError(error, "check the ERP's database", file);
    problems.push({
      severity: "error",
      code: codeOf(described),
      message: describeError(described),
      remedy: "Run `erpfuser check` again, or restore the file.",
    });
  } finally {
    database.close();
  }
  return problems.map((problem) => ({ place: file, ...problem }));
}

function fileProblems(file: string, needs: CheckNeeds): Problem[] {
  if (needs.write.length === 0) return [];
  return [file, dirname(file)].flatMap((path): Problem[] => {
    try {
      accessSync(path, constants.W_OK);
      return [];
    } catch {
      const message =
        path === file ? "The file can't be written" : "The file's folder can't be written; SQLite needs it for its journal";
      return [
        {
          severity: "error",
          code: "erp-read-only",
          place: path,
          message,
          remedy: `Give the service's account write access to ${path}.`,
        },
      ];
    }
  });
}

function journalProblems(database: DatabaseSync): Problem[] {
  const problems: Problem[] = [];
  if (!isWal(database)) {
    problems.push({
      severity: "warning",
      code: "erp-no-wal",
      message: "The database has a rollback journal: while it is written nothing can be read, and the other way round",
      remedy: "If the ERP's vendor agrees, run once: PRAGMA journal_mode = WAL",
    });
  }
  const [integrity] = all(database, sql("PRAGMA quick_check(1)"));
  if (integrity?.[0] !== "ok") {
    problems.push({
      severity: "error",
      code: "erp-corrupt",
      message: `The file is damaged: ${String(integrity?.[0])}`,
      remedy: "Restore it from its backup.",
    });
  }
  return problems;
}

function tableProblems(database: DatabaseSync, needs: CheckNeeds): Problem[] {
  const tables = new Map(describeTables(database, undefined).map((table) => [table.name.toLowerCase(), table]));
  const wanted = new Set([...needs.read, ...needs.write]);
  const missing = [...wanted].filter((name) => !tables.has(name.toLowerCase()));
  const problems = missing.map((name): Problem => {
    return {
      severity: "error",
      code: "erp-object-missing",
      place: name,
      message: `There is no table or view ${name}`,
      remedy: "Correct its name.",
    };
  });
  const triggers = all(database, sql("SELECT DISTINCT lower(tbl_name) FROM sqlite_schema WHERE type = 'trigger'")).map(([name]) =>
    String(name),
  );
  for (const name of needs.write) {
    const table = tables.get(name.toLowerCase());
    if (table?.kind === "view") {
      problems.push({
        severity: "error",
        code: "erp-view-written",
        place: name,
        message: `${name} is a view`,
        remedy: "Write to its table.",
      });
    }
    if (!triggers.includes(name.toLowerCase())) continue;
    problems.push({
      severity: "info",
      code: "erp-triggers",
      place: name,
      message: `${name} has triggers, which act on what is written`,
      remedy: "Rehearse the commands that write to it: `erpfuser preview --command`.",
    });
  }
  return problems;
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? "erp-check-failed";
}
