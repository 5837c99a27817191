/**
 * Rows that a restore of the ERP has put back to what they were, and of which nothing tells: by the time that somebody asked, its history had grown past where it was
 * before, and the rows carry the marks that they had then.
 */
import type { TableName } from "../erp/schema.ts";
import type { Commit } from "../erp/server.ts";

type Changes = Commit["changes"];

export class Untold {
  /** Put back, and nobody has asked the ERP since who it is. */
  readonly #open = new Set<string>();
  readonly #hidden = new Set<string>();

  /** The ERP was set back; `changes` is what that changed. */
  putBack(changes: Changes): void {
    for (const place of placesOf(changes)) this.#open.add(place);
  }

  /** Whatever is written anew is signalled. */
  changed(changes: Changes): void {
    for (const place of placesOf(changes)) {
      this.#open.delete(place);
      this.#hidden.delete(place);
    }
  }

  /** The position that was told does not show the restore. */
  hide(): void {
    for (const place of this.#open) this.#hidden.add(place);
    this.#open.clear();
  }

  /** The position shows it: everything is compared. */
  tell(): void {
    this.#open.clear();
    this.#hidden.clear();
  }

  has(table: TableName, key: string): boolean {
    return this.#hidden.has(`${table} ${key}`);
  }
}

/** A ticket's lines are read with it. */
function placesOf(changes: Changes): string[] {
  return changes.map(({ table, key }) => (table === "BESCHR" ? `AUFTRAG ${key.split("|")[0]}` : `${table} ${key}`));
}
