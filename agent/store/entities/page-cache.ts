/**
 * Pages of one kind, by number: a bounded number of them in memory, changed there and written with the commit, so that many changes of a page cost one
 * write. What a transaction changed is forgotten with it when it fails.
 */
import type { Database } from "../database.ts";

export interface PageCache<T> {
  get(no: number): T | undefined;
  /** A page that is changed, or new: it is written with the commit. */
  changed(no: number, page: T): void;
  /** Writes what was changed. */
  flush(): void;
  forget(): void;
}

export interface PageCacheOptions<T> {
  table: "digest_page" | "key_page" | "parent_page" | "filled_page";
  read(bytes: Uint8Array, no: number): T;
  /** Its bytes, good until the next page is written. */
  write(page: T): Uint8Array;
  /** Pages kept in memory. */
  most: number;
}

interface Kept<T> {
  page: T;
  wasUsed: boolean;
}

/** So many changed pages are not held back until the commit. */
const mostChanged = 64;

export function createPageCache<T>(database: Database, { table, read, write, most }: PageCacheOptions<T>): PageCache<T> {
  const select = database.prepare(`SELECT bytes FROM ${table} WHERE no = ?`);
  const put = database.prepare(`INSERT INTO ${table} VALUES (?, ?) ON CONFLICT (no) DO UPDATE SET bytes = excluded.bytes`);
  // A Map keeps the order of insertion; what was used since it came to the front is put behind once more before it goes.
  const pages = new Map<number, Kept<T>>();
  const changed = new Map<number, T>();
  let last: { no: number; page: T } | undefined;
  /** Known to be among the changed: new entities come to one page hundreds of times. */
  let lastChanged: T | undefined;
  const keep = (no: number, page: T): T => {
    pages.set(no, { page, wasUsed: false });
    if (pages.size > most) dropOne(pages);
    return page;
  };
  const fetch = (no: number): T | undefined => {
    const row = select.get<{ bytes: Uint8Array }>(no);
    return row && keep(no, read(row.bytes, no));
  };
  const flush = (): void => {
    for (const [no, page] of changed) put.run(no, write(page));
    changed.clear();
    lastChanged = undefined;
  };
  return {
    get(no) {
      if (last?.no === no) return last.page;
      const kept = pages.get(no);
      if (kept !== undefined) kept.wasUsed = true;
      const page = kept?.page ?? changed.get(no) ?? fetch(no);
      if (page !== undefined) last = { no, page };
      return page;
    },
    changed(no, page) {
      if (page === lastChanged) return;
      if (pages.get(no)?.page !== page) keep(no, page);
      if (changed.size >= mostChanged && !changed.has(no)) flush();
      changed.set(no, page);
      lastChanged = page;
    },
    flush,
    forget() {
      pages.clear();
      changed.clear();
      last = undefined;
      lastChanged = undefined;
    },
  };
}

function dropOne<T>(pages: Map<number, Kept<T>>): void {
  for (const [no, kept] of pages) {
    pages.delete(no);
    if (!kept.wasUsed) return;
    kept.wasUsed = false;
    pages.set(no, kept);
  }
}
