/**
 * The connection that writes what files hold, in a thread of its own. A commit sums up the pages of its log anew, to take a large log over or to drop a large table reads all of
 * it, and none of that can be done in pieces: it would hold the agent for as long as it lasts. Which rows, and what they mean, is decided outside (import.ts).
 */
import { stat } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { FuserError } from "../../base/errors.ts";
import type { StoredValue } from "./convert.ts";

/** What is to be written of some rows. */
export interface RowsToPut {
  /** Writes one row, of which it returns the rowid; nothing where the row stands there as it is. Its last value is the number of the change. */
  put: string;
  /** Finds the rowid of a row that stands there as it is, by its key. Absent: nobody asks. */
  find?: string;
  /** Positions of the key's values. */
  key: readonly number[];
  rows: readonly (readonly StoredValue[])[];
  /** Last number given to a change. */
  change: bigint;
}

export interface RowsPut {
  changed: number;
  /** Of each row; 0 where it was neither written nor looked for. */
  rowids: Float64Array;
}

/** Tasks are done in the order in which they are given. Each throws what SQLite says, with its `errcode`. */
export interface WritingThread extends AsyncDisposable {
  exec(text: string): Promise<void>;
  /** @returns rows of a SELECT */
  all(text: string, values: readonly StoredValue[]): Promise<StoredValue[][]>;
  /** One statement for each set of values. @returns how many rows were changed in all */
  each(text: string, sets: readonly (readonly StoredValue[])[]): Promise<number>;
  put(rows: RowsToPut): Promise<RowsPut>;
  /** Takes back what is not committed, where anything is. */
  rollback(): Promise<void>;
}

/** A text, so that it need not be found beside a single executable (decision 3). It waits for nobody's lock, as a look that another process is ahead of is over at once. */
const program = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { DatabaseSync } = require("node:sqlite");
  let database;
  const connect = () => {
    const opened = new DatabaseSync(workerData, { timeout: 0 });
    opened.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; SELECT COUNT(*) FROM sqlite_master");
    return opened;
  };
  const known = new Map();
  const prepared = (text) => {
    let statement = known.get(text);
    if (statement === undefined) {
      statement = database.prepare(text);
      statement.setReturnArrays(true);
      statement.setReadBigInts(true);
      known.set(text, statement);
    }
    return statement;
  };
  const tasks = {
    exec: ({ text }) => database.exec(text),
    all: ({ text, values }) => prepared(text).all(...values),
    each: ({ text, sets }) => sets.reduce((changes, values) => changes + Number(prepared(text).run(...values).changes), 0),
    put({ put, find, key, rows, change }) {
      const rowids = new Float64Array(rows.length);
      let changed = 0;
      rows.forEach((values, index) => {
        const written = prepared(put).get(...values, change + BigInt(changed + 1));
        if (written) changed += 1;
        const row = written ?? (find && prepared(find).get(...key.map((at) => values[at])));
        if (row) rowids[index] = Number(row[0]);
      });
      return { changed, rowids };
    },
    rollback() {
      if (database.isTransaction) database.exec("ROLLBACK");
    },
  };
  parentPort.on("message", (task) => {
    if (task.name === "close") {
      database?.close();
      parentPort.close();
      return;
    }
    try {
      database ??= connect();
      parentPort.postMessage({ result: tasks[task.name](task) });
    } catch ({ message, errcode }) {
      parentPort.postMessage({ error: { message, errcode } });
    }
  });
`;

interface Reply {
  result?: unknown;
  error?: { message: string; errcode: number | undefined };
}

/** @param file the private file, which exists */
export function openWritingThread(file: string): WritingThread {
  const worker = new Worker(program, { eval: true, workerData: file, env: {}, execArgv: [] });
  const waiting: PromiseWithResolvers<unknown>[] = [];
  let fault: unknown;
  let ended = false;
  const exited = new Promise<void>((resolve) => {
    worker.once("exit", () => {
      ended = true;
      for (const { reject } of waiting.splice(0)) reject(endedEarly(file, fault));
      resolve();
    });
  });
  worker.on("error", (cause) => {
    fault = cause;
  });
  worker.on("message", ({ result, error }: Reply) => {
    const first = waiting.shift();
    if (error) first?.reject(Object.assign(new Error(error.message), { errcode: error.errcode }));
    else first?.resolve(result);
  });
  async function task<T>(name: string, fields: object = {}): Promise<T> {
    if (ended) throw endedEarly(file, fault);
    const reply = Promise.withResolvers<unknown>();
    waiting.push(reply);
    worker.postMessage({ name, ...fields });
    return (await reply.promise) as T;
  }
  return {
    exec: (text) => task("exec", { text }),
    all: (text, values) => task("all", { text, values }),
    each: (text, sets) => task("each", { text, sets }),
    put: (rows) => task("put", rows),
    rollback: () => task("rollback"),
    async [Symbol.asyncDispose]() {
      if (!ended) worker.postMessage({ name: "close" });
      await exited;
    },
  };
}

function endedEarly(file: string, cause: unknown): FuserError {
  return new FuserError("transient", "The thread that writes imported rows has ended", {
    code: "erp-failed",
    operation: "import a file",
    place: file,
    hint: "It is tried again by itself; look at the machine's memory, and send the log to support if it stays.",
    cause,
  });
}

/** A log that is smaller waits for the next import: readers go through it quickly. */
const leastBytes = 4_194_304;

async function hasLargeLog(file: string): Promise<boolean> {
  const log = await stat(`${file}-wal`).catch(() => undefined);
  return log !== undefined && log.size >= leastBytes;
}

/** Takes the pages of the write-ahead log over into the file, once there are enough. What readers still need waits for the next time. */
export async function checkpoint(file: string, thread: WritingThread): Promise<void> {
  if (await hasLargeLog(file))
    await thread.exec("PRAGMA busy_timeout = 1000; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout = 0");
}

/**
 * Held while the private file is opened or closed: who opens it first goes through a log that a killed process has left, and who closes it last takes the log over. Where
 * the log is large neither is done by the agent's own thread.
 */
export async function besideLargeLog(file: string): Promise<AsyncDisposable> {
  if (!(await hasLargeLog(file))) return { [Symbol.asyncDispose]: async () => {} };
  const thread = openWritingThread(file);
  // What is wrong with the file is told by who reads it.
  await thread.all("SELECT 1", []).catch(() => {});
  return thread;
}
