import type { DatabaseSync } from "node:sqlite";
import { FuserError } from "../../base/errors.ts";
import type { Column, ConnectorContext, Table, Value } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { keyPart } from "../row-batch.ts";
import { bind, concat, join, type Statement, withMarks } from "../statement.ts";
import type { StatementResult, WriteSession } from "../write-session.ts";
import { retryBusy } from "./busy.ts";
import { inputs, prepare } from "./database.ts";
import { describeTables } from "./describe.ts";
import { sqliteError } from "./errors.ts";
import { sqliteSyntax } from "./sql.ts";
import { declaredType, decoderOf, plainType, storedForms } from "./values.ts";

/**
 * Writes to the file. `BEGIN IMMEDIATE` takes the only write lock there is, so nothing else can write between look-up and commit; the steps of
 * a plan run without a turn of the event loop between them, so the lock is held as short as can be.
 */
export function sqliteWriteSession(database: DatabaseSync, context: ConnectorContext): WriteSession {
  const tables = new Map<string, Table>();
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw sqliteError(error, "write to the ERP", undefined);
    }
  };
  return {
    syntax: sqliteSyntax,
    locking: { table: "", end: "" },
    castInteger: (column) => `CAST(${column} AS INTEGER)`,
    async begin(signal) {
      // A table may have been changed by the ERP's upgrade since the last plan.
      tables.clear();
      await retryBusy(context, signal, () => database.exec("BEGIN IMMEDIATE"), "write to the ERP");
    },
    commit: (signal) => retryBusy(context, signal, () => database.exec("COMMIT"), "write to the ERP"),
    async rollback() {
      if (database.isOpen && database.isTransaction) database.exec("ROLLBACK");
    },
    inTransaction: () => database.isTransaction,
    run: async (statement) => guarded(() => runStatement(database, statement)),
    async table(name) {
      const known = tables.get(name) ?? guarded(() => describeTables(database, [name]))[0];
      if (!known) throw missingTable(name);
      tables.set(name, known);
      return known;
    },
    readable: (column) => sqliteSyntax.quote(column.name),
    toColumn,
    matches,
  };
}

function runStatement(database: DatabaseSync, statement: Statement): StatementResult {
  const prepared = prepare(database, withMarks(statement));
  const described = prepared.columns();
  if (described.length === 0) {
    const { changes, lastInsertRowid } = prepared.run(...inputs(statement));
    return { columns: [], rows: [], affected: Number(changes), insertId: BigInt(lastInsertRowid) };
  }
  const raw = prepared.all(...inputs(statement)) as unknown as RawValue[][];
  const rows = raw.map((row) =>
    row.map((value, index) => decoderOf(declaredType(described[index]?.type ?? null) ?? plainType(typeOf(value)))(value)),
  );
  return { columns: described.map(({ name }) => name), rows, affected: raw.length, insertId: undefined };
}

function typeOf(raw: RawValue): "integer" | "float" | "bytes" | "text" {
  if (typeof raw === "bigint") return "integer";
  if (typeof raw === "number") return "float";
  return raw instanceof Uint8Array ? "bytes" : "text";
}

/** Date-times are stored with a blank, as SQLite's own functions write them. */
function toColumn(value: Value, column: Column): Statement {
  const moment = column.type === "datetime" && typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value);
  return bind(moment ? value.replace("T", " ") : value);
}

function matches(column: Column, value: Value): Statement {
  const name = sqliteSyntax.quote(column.name);
  if (value === null) return concat(name, " IS NULL");
  const type = {
    type: column.type,
    length: column.length,
    precision: undefined,
    scale: undefined,
    padded: column.length !== undefined,
  };
  return concat(name, " IN (", join(storedForms(keyPart(value), type).map(bind), ", "), ")");
}

function missingTable(name: string): FuserError {
  return new FuserError("config", `The ERP has no table ${name}`, {
    code: "erp-object-missing",
    operation: "write to the ERP",
    place: name,
    hint: "Correct the name in the configuration, or ask whether the ERP was upgraded.",
  });
}
