import { existsSync } from "node:fs";
import { type ErrorKind, FuserError, isAbort } from "../../base/errors.ts";

interface Meaning {
  kind: ErrorKind;
  code: string;
  text: string;
  hint: string;
}

/** Primary result codes (sqlite.org/rescode.html). */
const byCode: Readonly<Record<number, Meaning>> = {
  3: {
    kind: "config",
    code: "erp-rights",
    text: "The ERP's file may not be used",
    hint: "Give the service's account rights on the file and its folder.",
  },
  5: {
    kind: "transient",
    code: "erp-locked",
    text: "The ERP's database is locked by another program",
    hint: "It is tried again by itself.",
  },
  6: { kind: "transient", code: "erp-locked", text: "A table of the ERP is locked", hint: "It is tried again by itself." },
  8: {
    kind: "config",
    code: "erp-read-only",
    text: "The ERP's database can't be written",
    hint: "Give the service's account write access to the file and its folder.",
  },
  10: {
    kind: "transient",
    code: "erp-disk",
    text: "The disk under the ERP's database failed",
    hint: "Look at the disk and its file system.",
  },
  11: {
    kind: "config",
    code: "erp-corrupt",
    text: "The ERP's database file is damaged",
    hint: "Restore the ERP's database from its backup.",
  },
  13: {
    kind: "transient",
    code: "erp-disk-full",
    text: "The disk under the ERP's database is full",
    hint: "Free space on the disk.",
  },
  14: {
    kind: "config",
    code: "erp-database-missing",
    text: "The ERP's database file can't be opened",
    hint: "Check the path under `erp: file:` and the account's rights on its folder.",
  },
  15: {
    kind: "transient",
    code: "erp-locked",
    text: "The ERP's database is busy with its journal",
    hint: "It is tried again by itself.",
  },
  18: {
    kind: "rejected",
    code: "erp-value-too-long",
    text: "A value is larger than the database allows",
    hint: "Shorten the value.",
  },
  20: {
    kind: "rejected",
    code: "erp-value-type",
    text: "A value does not fit the type of its column",
    hint: "Correct the mapping or the value.",
  },
  23: {
    kind: "config",
    code: "erp-rights",
    text: "The ERP refuses this statement",
    hint: "Give the account the rights that `erpfuser grants` prints.",
  },
  26: {
    kind: "config",
    code: "erp-corrupt",
    text: "The file is not an SQLite database",
    hint: "Check the path under `erp: file:`.",
  },
};

/** Extended codes of violated constraints. */
const constraints: Readonly<Record<number, [code: string, text: string]>> = {
  275: ["erp-check", "A rule (CHECK) of the ERP's table refuses the row"],
  787: ["erp-foreign-key", "The ERP's table refers to a row that does not exist"],
  1299: ["erp-not-null", "A required column of the ERP's table was left empty"],
  1555: ["erp-duplicate", "A row with this key exists already"],
  1811: ["erp-refused", "A rule (trigger) of the ERP refuses the row"],
  2067: ["erp-duplicate", "A row with these unique values exists already"],
  2579: ["erp-duplicate", "A row with this row id exists already"],
  3091: ["erp-value-type", "A value does not fit the type of its column"],
};

/** Gives an error of node:sqlite its kind, code and hint; errors that have them already, aborts and bugs pass unchanged. */
export function sqliteError(error: unknown, operation: string, place?: string): unknown {
  if (error instanceof FuserError || isAbort(error) || !(error instanceof Error)) return error;
  const extended = (error as { errcode?: number }).errcode;
  if (typeof extended !== "number") return error;
  const meaning = meaningOf(extended, error.message);
  const details = { code: meaning.code, operation, hint: meaning.hint, cause: error, ...(place === undefined ? {} : { place }) };
  return new FuserError(meaning.kind, `${meaning.text}: ${error.message}`, details);
}

function meaningOf(extended: number, message: string): Meaning {
  const primary = extended & 0xff;
  if (primary === 19) {
    const [code, text] = constraints[extended] ?? ["erp-constraint", "A rule of the ERP's database refuses the row"];
    return { kind: "rejected", code, text, hint: "Correct the value or the mapping; the ERP's rule stays as it is." };
  }
  const known = byCode[primary];
  if (known) return known;
  if (/no such (table|column|view)|has no column named|no such index/.test(message)) {
    return {
      kind: "config",
      code: "erp-object-missing",
      text: "The ERP has no such table or column",
      hint: "Correct the name in the configuration, or ask whether the ERP was upgraded.",
    };
  }
  return {
    kind: "config",
    code: "erp-sql-invalid",
    text: "The ERP can't carry out the SQL text",
    hint: "Correct the SQL text in the configuration.",
  };
}

/** @throws FuserError config when the file is missing: SQLite would create an empty database in its place */
export function requireFile(file: string): void {
  if (existsSync(file)) return;
  throw new FuserError("config", "The ERP's database file does not exist", {
    code: "erp-database-missing",
    operation: "open the ERP's database",
    place: file,
    hint: "Check the path under `erp: file:`; it is never created.",
  });
}
