import type { StepResults, Value } from "./connector.ts";
import { bind, concat } from "./statement.ts";
import type { WriteSession } from "./write-session.ts";

/**
 * The optional table in which the ERP's database remembers our commands, written in the command's own transaction. The DBA makes it from the
 * script that `erpfuser grants` prints; `command_id` is its primary key.
 */
export interface LedgerEntry {
  commandId: string;
  /** undefined: begun. */
  results: StepResults | undefined;
  signal: AbortSignal;
}

/** Inserts the command before its steps run, so that its unique index comes first, and completes it with the results after them. */
export async function writeLedger(
  session: WriteSession,
  table: string,
  { commandId, results, signal }: LedgerEntry,
): Promise<void> {
  const name = session.syntax.quote(table);
  const statement =
    results === undefined
      ? concat(`INSERT INTO ${name} (command_id) VALUES (`, bind(commandId), ")")
      : concat(`UPDATE ${name} SET results = `, bind(encodeResults(results)), " WHERE command_id = ", bind(commandId));
  await session.run(statement, signal);
}

/** The results of a command carried out before. */
export async function readLedger(
  session: WriteSession,
  table: string,
  { commandId, signal }: Omit<LedgerEntry, "results">,
): Promise<Map<string, Value> | "unfinished" | undefined> {
  const select = concat(`SELECT results FROM ${session.syntax.quote(table)} WHERE command_id = `, bind(commandId));
  const { rows } = await session.run(select, signal);
  const row = rows[0];
  if (!row) return undefined;
  return typeof row[0] === "string" ? decodeResults(row[0]) : "unfinished";
}

type Coded = [name: string, kind: "bigint" | "bytes" | "plain", value: string | number | boolean | null];

function encodeResults(results: StepResults): string {
  const coded = [...results].map(([name, value]): Coded => {
    if (typeof value === "bigint") return [name, "bigint", String(value)];
    return value instanceof Uint8Array ? [name, "bytes", Buffer.from(value).toString("hex")] : [name, "plain", value];
  });
  // Nothing but ASCII: the ledger's column may be of a code page that lacks a character.
  return JSON.stringify(coded).replace(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function decodeResults(text: string): Map<string, Value> {
  return new Map(
    (JSON.parse(text) as Coded[]).map(([name, kind, value]): [string, Value] => {
      if (kind === "bigint") return [name, BigInt(value as string)];
      return [name, kind === "bytes" ? Buffer.from(value as string, "hex") : value];
    }),
  );
}
