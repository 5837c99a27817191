/** An error as SQL Server tells it. */
export class SqlError extends Error {
  readonly number: number;
  readonly state: number;
  /** 11 to 16 are for who asks to mend; from 20 on the server closes the connection. */
  readonly severity: number;

  constructor(number: number, message: string, { state = 1, severity = 16 }: { state?: number; severity?: number } = {}) {
    super(message);
    this.name = "SqlError";
    this.number = number;
    this.state = state;
    this.severity = severity;
  }
}

/** Number of the double's own refusals: nothing may ever depend on them. */
export const unknownStatement = 49_999;

/** The double answers only what it knows, and says loudly what it does not. */
export function unknown(what: string): SqlError {
  return new SqlError(unknownStatement, `The double does not know: ${what}`);
}

/** Gives an error of the engine the number and the words of SQL Server. */
export function asSqlError(error: unknown): SqlError {
  if (error instanceof SqlError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const missing = /no such table: (?:main\.)?(.+)/.exec(message);
  if (missing) return new SqlError(208, `Invalid object name '${missing[1]}'.`);
  const column = /no such column: "?([^"]+)"?/.exec(message) ?? /has no column named (.+)/.exec(message);
  if (column) return new SqlError(207, `Invalid column name '${column[1]}'.`);
  if (/UNIQUE constraint failed/.test(message)) {
    const words =
      "Violation of UNIQUE KEY constraint 'UQ_double'. Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (secret).";
    return new SqlError(2627, words, { severity: 14 });
  }
  const empty = /NOT NULL constraint failed: ([^.]+)\.(.+)/.exec(message);
  if (empty) {
    const words = `Cannot insert the value NULL into column '${empty[2]}', table 'double.dbo.${empty[1]}'; column does not allow nulls. INSERT fails.`;
    return new SqlError(515, words);
  }
  if (/FOREIGN KEY constraint failed/.test(message)) {
    return new SqlError(547, `The INSERT statement conflicted with the FOREIGN KEY constraint "FK_double".`);
  }
  if (/CHECK constraint failed/.test(message)) {
    return new SqlError(547, `The INSERT statement conflicted with the CHECK constraint "CK_double".`);
  }
  const taken = /table "?([^" ]+)"? already exists/.exec(message);
  if (taken) return new SqlError(2714, `There is already an object named '${taken[1]}' in the database.`);
  if (/syntax error|incomplete input/.test(message)) return new SqlError(102, `Incorrect syntax: ${message}`, { severity: 15 });
  return unknown(message);
}
