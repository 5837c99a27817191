/**
 * Who reads the private file's tables, told to other processes: a configuration that differs may make tables anew only while nobody reads them by the old one. A lock on
 * a file of its own, which ends with its process.
 */
import { DatabaseSync } from "node:sqlite";
import { FuserError } from "../../base/errors.ts";

export interface TableUse extends Disposable {
  /** From now on no other process makes the tables anew. */
  keep(): void;
  /** Does work that nobody may read beside, and keeps the tables from then on. @throws FuserError transient `erp-tables-in-use` */
  alone(work: () => Promise<void>): Promise<void>;
}

export function tableUse(file: string): TableUse {
  let lock: DatabaseSync | undefined;
  const end = (): void => {
    if (lock?.isTransaction) lock.exec("ROLLBACK");
  };
  const begin = (text: string): void => {
    lock ??= new DatabaseSync(`${file}.use`, { timeout: 0 });
    end();
    try {
      lock.exec(text);
    } catch (cause) {
      end();
      if ((((cause as { errcode?: number }).errcode ?? 0) & 0xff) !== 5) throw cause;
      throw inUse(file, cause);
    }
  };
  // A transaction that has read holds a lock that others may share, until it ends.
  const keep = (): void => {
    if (!lock?.isTransaction) begin("BEGIN; SELECT COUNT(*) FROM sqlite_master");
  };
  return {
    keep,
    async alone(work) {
      begin("BEGIN EXCLUSIVE");
      try {
        await work();
      } finally {
        end();
      }
      keep();
    },
    [Symbol.dispose]() {
      end();
      lock?.close();
      lock = undefined;
    },
  };
}

function inUse(file: string, cause: unknown): FuserError {
  return new FuserError("transient", "Another process of the agent reads the CSV tables, by other settings of theirs", {
    code: "erp-tables-in-use",
    operation: "make the CSV tables anew",
    place: file,
    hint: "The tables of the configuration were changed: restart the service, which then makes them anew from the archive.",
    cause,
  });
}
