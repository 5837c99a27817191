/** Which text a row held before which: clerks and portal never write one twice, so the order of its states can be told from it. */
import type { Commit } from "../erp/server.ts";
import type { Fields } from "./expected.ts";

const textColumn: Readonly<Record<string, string>> = { PERSON: "NAME", WOHNUNG: "LAGE", AUFTRAG: "TITEL", NOTIZ: "ZEILE" };
const textField: Readonly<Record<string, string>> = { PERSON: "lastName", WOHNUNG: "name", AUFTRAG: "title", NOTIZ: "body" };

export class Versions {
  readonly #order = new Map<string, Map<unknown, number>>();

  note(changes: Commit["changes"]): void {
    for (const { table, key, row } of changes) {
      const column = textColumn[table];
      if (column === undefined || row === undefined) continue;
      const place = `${table} ${key}`;
      const known = this.#order.get(place) ?? new Map<unknown, number>();
      this.#order.set(place, known);
      if (!known.has(row[column])) known.set(row[column], known.size);
    }
  }

  /** The ERP was set back: its states have another order from now on. */
  clear(): void {
    this.#order.clear();
  }

  /** Whether `now` is an older state of the row than `before`. */
  goesBack(table: string, key: string, { before, now }: { before: Fields; now: Fields }): boolean {
    const field = textField[table];
    const known = this.#order.get(`${table} ${key}`);
    if (field === undefined || known === undefined) return false;
    const [from, to] = [known.get(before[field]), known.get(now[field])];
    return from !== undefined && to !== undefined && to < from;
  }
}
