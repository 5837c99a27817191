/** An SQLite file that lives in memory: what was committed survives its process, what was not is gone. */
import { DatabaseSync } from "node:sqlite";

export interface MemoryFile {
  /** Something is written that is not committed yet. */
  readonly inTransaction: boolean;
  /** What is on the disk now; undefined before the first opening. */
  content(): Uint8Array | undefined;
  /** Puts another state in its place; it must not be open. */
  replace(content: Uint8Array | undefined): void;
  /** The database that is open already, for a second process; undefined while none is. */
  shared(): DatabaseSync | undefined;
  /** Opens it; whoever closes the database leaves its content here. */
  open(): DatabaseSync;
  /** The process that had it open is dead: every further use of that database fails. */
  salvage(): void;
}

export function memoryFile(): MemoryFile {
  let saved: Uint8Array | undefined;
  let current: DatabaseSync | undefined;
  const take = (): void => {
    if (current === undefined) return;
    if (current.isTransaction) current.exec("ROLLBACK");
    saved = current.serialize();
  };
  return {
    get inTransaction() {
      return current?.isTransaction === true;
    },
    content() {
      if (current?.isTransaction) throw new Error("A copy is made between two transactions");
      return current === undefined ? saved : current.serialize();
    },
    replace(content) {
      saved = content;
    },
    shared: () => current,
    open() {
      if (current !== undefined) throw new Error("The file is open already");
      const database = new DatabaseSync(":memory:", { enableForeignKeyConstraints: true });
      if (saved !== undefined) database.deserialize(saved);
      const close = database.close.bind(database);
      database.close = () => {
        if (current === database) {
          take();
          current = undefined;
        }
        close();
      };
      current = database;
      return database;
    },
    salvage() {
      current?.close();
    },
  };
}
