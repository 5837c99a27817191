/** Which text a row held before which: clerks and portal never write one twice, so the order of its states can be told from it. */
import type { Commit, Row } from "../erp/server.ts";
import type { Fields } from "./expected.ts";

const textColumn: Readonly<Record<string, string>> = { PERSON: "NAME", WOHNUNG: "LAGE", AUFTRAG: "TITEL", NOTIZ: "ZEILE" };
const textField: Readonly<Record<string, string>> = { PERSON: "lastName", WOHNUNG: "name", AUFTRAG: "title", NOTIZ: "body" };

export class Versions {
  readonly #order = new Map<string, Map<unknown, number>>();
  /** By row, then by the number that marks its versions: the texts that it has had under that number. */
  readonly #marked = new Map<string, Map<unknown, Set<unknown>>>();

  note(changes: Commit["changes"]): void {
    for (const { table, key, row } of changes) {
      const column = textColumn[table];
      if (column === undefined || row === undefined) continue;
      const place = `${table} ${key}`;
      const known = this.#order.get(place) ?? new Map<unknown, number>();
      this.#order.set(place, known);
      if (!known.has(row[column])) known.set(row[column], known.size);
      if (row.SEQ === undefined) continue;
      const marks = this.#marked.get(place) ?? new Map<unknown, Set<unknown>>();
      this.#marked.set(place, marks);
      marks.set(row.SEQ, (marks.get(row.SEQ) ?? new Set()).add(row[column]));
    }
  }

  /** Whether the row has stood under the same number with another text, as only a restore brings about: no signal can tell the two. */
  repeatsMark(table: string, key: string, row: Row): boolean {
    return (this.#marked.get(`${table} ${key}`)?.get(row.SEQ)?.size ?? 0) > 1;
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
