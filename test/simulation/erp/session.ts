/**
 * A writing session of the simulated ERP, as connectors/execute-plan.ts uses it: the statements that plans are made of, row locks, deadlocks, a commit whose answer may be
 * lost. What is sent reaches the server whatever becomes of the sender.
 */
import { FuserError } from "../../../base/errors.ts";
import type { Column, Table, Value } from "../../../connectors/connector.ts";
import { limitAtEnd } from "../../../connectors/source-select.ts";
import { bind, concat, type Statement, withMarks } from "../../../connectors/statement.ts";
import type { StatementResult, WriteSession } from "../../../connectors/write-session.ts";
import type { Chance } from "../world/chance.ts";
import type { Process } from "../world/time.ts";
import { requireTable, transient } from "./calls.ts";
import { shapeOf, type TableName, tables } from "./schema.ts";
import { type Change, type ErpServer, keyOf, type Row } from "./server.ts";

export interface SessionParts {
  server: ErpServer;
  process: Process;
  chance: Chance;
  /** The command that is carried out, for the server's own record. */
  command: () => string | undefined;
}

const lockTimeoutMs = 2_000;
const lockLookMs = 50;

export interface ErpSession extends WriteSession {
  /** The server notices that nobody is there any more: what was not committed is undone. */
  drop(): void;
  /** Takes the lock that only one agent's session holds. @throws FuserError transient */
  takeAgentLock(signal: AbortSignal): Promise<void>;
}

interface Transaction {
  incarnation: number;
  changes: Map<string, Change>;
}

export function erpSession(parts: SessionParts): ErpSession {
  const { server, process, chance } = parts;
  const owner = {};
  let transaction: Transaction | undefined;
  /** The server has let go of it: what was still on its way finds no connection. */
  let dropped = false;

  const travel = (): number => 0.2 + chance.next() ** 3 * 5 + server.moods.slowMs;

  /** One round trip; `work` runs at the server at its moment, the sender alive or not. */
  const call = <T>(work: () => T): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const answer = (settle: () => void): void => void process.clock.after(travel(), settle);
      if (!process.alive) return;
      server.time.after(travel(), () => {
        try {
          requireServer();
          const result = work();
          answer(() => resolve(result));
        } catch (error) {
          answer(() => reject(error));
        }
      });
    });
  const requireServer = (): void => {
    const { incarnation } = transaction ?? server;
    if (dropped || !server.up || incarnation !== server.incarnation)
      throw transient("erp-connection-lost", "The ERP's connection was lost");
  };

  const seen = (table: TableName, key: string): Row | undefined => {
    const own = transaction?.changes.get(`${table}/${key}`);
    return own === undefined ? server.row(table, key) : own.row;
  };
  const rowsOf = (table: TableName): Row[] => {
    const rows = new Map(server.rows(table).map((row) => [keyOf(table, row), row]));
    for (const change of transaction?.changes.values() ?? []) {
      if (change.table !== table) continue;
      if (change.row === undefined) rows.delete(change.key);
      else rows.set(change.key, change.row);
    }
    return [...rows.values()];
  };
  const write = (table: TableName, key: string, row: Row | undefined): void =>
    void transaction?.changes.set(`${table}/${key}`, { table, key, row });

  /** Locks the rows that a statement touches; "wait" while somebody else holds one of them. */
  const lockAll = (table: TableName, rows: readonly Row[]): boolean =>
    rows.every((row) => server.lock(table, keyOf(table, row), owner));

  const execute = (parsed: Parsed): StatementResult | "wait" => {
    if (transaction !== undefined && chance.hits(server.moods.deadlocks)) {
      undo();
      throw transient("erp-deadlock", "The ERP chose this transaction as the victim of a deadlock");
    }
    const { table } = parsed;
    requireTable(server, table);
    switch (parsed.kind) {
      case "insert": {
        const row = withNulls(table, stamped(table, parsed.values));
        const key = keyOf(table, row);
        if (!server.lock(table, key, owner)) return "wait";
        if (seen(table, key) !== undefined || breaksUnique(table, row, rowsOf(table))) throw duplicate(table);
        write(table, key, row);
        return { columns: [], rows: [], affected: 1, insertId: undefined };
      }
      case "select": {
        const rows = rowsOf(table).filter(parsed.matches);
        if (parsed.forUpdate && !lockAll(table, rows)) return "wait";
        return {
          columns: parsed.columns,
          rows: rows.map((row) => parsed.columns.map((name) => row[name] ?? null)),
          affected: rows.length,
          insertId: undefined,
        };
      }
      case "max": {
        const values = rowsOf(table)
          .filter(parsed.matches)
          .map((row) => Number(row[parsed.column]));
        return { columns: ["max"], rows: [[values.length === 0 ? null : Math.max(...values)]], affected: 1, insertId: undefined };
      }
      case "update": {
        const rows = rowsOf(table).filter(parsed.matches);
        if (!lockAll(table, rows)) return "wait";
        for (const row of rows) write(table, keyOf(table, row), typed(table, stamped(table, { ...row, ...parsed.values })));
        return { columns: [], rows: [], affected: rows.length, insertId: undefined };
      }
    }
  };
  /** The ERP itself stamps what others write, by its own clock and counter. */
  const stamped = (table: TableName, values: Row): Row => {
    if (table === "NOTIZ") return { ...values, SEQ: server.nextVersion() };
    return shapeOf(table).columns.some(({ name }) => name === "AENDTS") ? { ...values, AENDTS: server.stamp() } : values;
  };
  const undo = (): void => {
    transaction = undefined;
    server.unlockAll(owner);
  };

  return {
    syntax: {
      quote: (identifier) => identifier,
      limited: limitAtEnd,
      tokens: { backslash: false, hashComment: false, dashNeedsBlank: false, quotes: { "'": "'" }, foreignMarks: "@$" },
    },
    locking: { table: "", end: " FOR UPDATE" },
    castInteger: (name) => name,
    readable: (one) => one.name,
    toColumn: (value) => bind(value),
    matches: (one: Column, value: Value) =>
      value === null ? concat(one.name, " IS NULL") : concat(one.name, " = ", bind(value)),
    async begin(signal) {
      signal.throwIfAborted();
      await call(() => {
        undo();
        transaction = { incarnation: server.incarnation, changes: new Map() };
      });
    },
    async run(statement, signal) {
      const parsed = parse(statement);
      const deadline = server.time.now + lockTimeoutMs;
      for (;;) {
        signal.throwIfAborted();
        const result = await call(() => execute(parsed));
        if (result !== "wait") return result;
        if (server.time.now >= deadline) throw transient("erp-lock-timeout", "A lock of the ERP was not given in time");
        await process.clock.sleep(lockLookMs, signal);
      }
    },
    async commit(signal) {
      signal.throwIfAborted();
      const lost = chance.hits(server.moods.lostAnswers);
      const arrives = !lost || chance.hits(0.6);
      try {
        await call(() => {
          if (!arrives) {
            undo();
            throw commitUnknown();
          }
          const changes = [...(transaction?.changes.values() ?? [])];
          const breach = server.breach(changes);
          if (breach !== undefined) {
            undo();
            throw new FuserError("rejected", breach, { code: "erp-foreign-key", operation: "write to the ERP" });
          }
          const visibleAt = server.commit(changes, parts.command());
          undo();
          if (lost) throw commitUnknown();
          return visibleAt;
        }).then((visibleAt) => process.clock.sleep(Math.max(0, visibleAt - server.time.now)));
      } catch (error) {
        // Whether the server went before or after it had committed, nobody here can tell.
        throw error instanceof FuserError && error.code === "erp-connection-lost" ? commitUnknown() : error;
      }
    },
    async rollback() {
      if (transaction === undefined) return;
      await call(undo).catch(() => undefined);
      transaction = undefined;
    },
    inTransaction: () => transaction !== undefined,
    async table(name) {
      return tables.find((table) => table.name === name) as Table;
    },
    drop() {
      dropped = true;
      undo();
      if (server.agentLock === owner) server.agentLock = undefined;
    },
    async takeAgentLock(signal) {
      signal.throwIfAborted();
      await call(() => {
        if (server.agentLock !== undefined && server.agentLock !== owner)
          throw transient("erp-lock-held", "Another session holds the agent's lock");
        server.agentLock = owner;
      });
    },
  };
}

type Matches = (row: Row) => boolean;
type Parsed =
  | { kind: "insert"; table: TableName; values: Row }
  | { kind: "update"; table: TableName; values: Row; matches: Matches }
  | { kind: "select"; table: TableName; columns: string[]; matches: Matches; forUpdate: boolean }
  | { kind: "max"; table: TableName; column: string; matches: Matches };

/** The few statements that plans are made of. */
function parse(statement: Statement): Parsed {
  const text = withMarks(statement);
  const values = [...statement.values];
  const insert = /^INSERT INTO (\w+) \(([\w, ]+)\) VALUES \(/.exec(text);
  if (insert) return { kind: "insert", table: insert[1] as TableName, values: named(insert[2] as string, values) };
  const update = /^UPDATE (\w+) SET (.+?) WHERE (.+)$/.exec(text);
  if (update) {
    const columns = (update[2] as string).replaceAll(" = ?", "");
    const set = named(columns, values.splice(0, columns.split(",").length));
    return { kind: "update", table: update[1] as TableName, values: set, matches: condition(update[3] as string, values) };
  }
  const max = /^SELECT MAX\((\w+)\) FROM (\w+)(?: WHERE (.+))?$/.exec(text);
  if (max) return { kind: "max", table: max[2] as TableName, column: max[1] as string, matches: condition(max[3], values) };
  const select = /^SELECT ([\w, ]+) FROM (\w+)(?: WHERE (.+?))?( FOR UPDATE)?$/.exec(text);
  if (!select) throw new Error(`The simulated ERP does not know this statement: ${text}`);
  const [, list = "", table, where, forUpdate] = select;
  return {
    kind: "select",
    table: table as TableName,
    columns: list.split(", "),
    matches: condition(where, values),
    forUpdate: forUpdate !== undefined,
  };
}

function named(list: string, values: readonly Value[]): Row {
  return Object.fromEntries(list.split(", ").map((name, index) => [name, values[index] ?? null]));
}

function condition(where: string | undefined, values: Value[]): Matches {
  if (where === undefined) return () => true;
  const tests = where.split(" AND ").map((part): Matches => {
    const column = part.split(" ")[0] as string;
    if (part.endsWith(" IS NULL")) return (row) => row[column] === null;
    const wanted = String(values.shift());
    return (row) => row[column] !== null && String(row[column]) === wanted;
  });
  return (row) => tests.every((test) => test(row));
}

function withNulls(table: TableName, values: Row): Row {
  const row = Object.fromEntries(shapeOf(table).columns.map(({ name }) => [name, values[name] ?? null]));
  for (const { name, nullable } of shapeOf(table).columns) {
    if (row[name] === null && !nullable) throw new Error(`${table}.${name} may not be null`);
  }
  return typed(table, row);
}

/** Values as the columns hold them. */
function typed(table: TableName, row: Row): Row {
  return Object.fromEntries(
    shapeOf(table).columns.map(({ name, type }) => {
      const value = row[name] ?? null;
      if (value === null) return [name, null];
      if (type === "integer") return [name, Number(value)];
      return [name, type === "datetime" ? String(value).replace(" ", "T") : String(value)];
    }),
  );
}

function breaksUnique(table: TableName, row: Row, others: readonly Row[]): boolean {
  const unique = shapeOf(table).unique ?? [];
  return unique.some((name) => row[name] !== null && others.some((other) => other[name] === row[name]));
}

function duplicate(table: TableName): FuserError {
  return new FuserError("rejected", `A row with this key exists already in ${table}`, {
    code: "erp-duplicate",
    operation: "write to the ERP",
  });
}

function commitUnknown(): FuserError {
  return transient("erp-commit-unknown", "The connection to the ERP was lost during the commit");
}
