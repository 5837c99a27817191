/** Names of sources and signals as small integers, so that a key's row does not repeat them. */
import type { Database } from "./database.ts";

export interface Names {
  /** Number of a name, given on first use. Read only: -1 for an unknown name, which no row has. */
  no(name: string): number;
  name(no: number): string;
}

export function createNames(database: Database): Names {
  const byName = database.prepare("SELECT no FROM name WHERE name = ?");
  const byNo = database.prepare("SELECT name FROM name WHERE no = ?");
  const insert = database.prepare("INSERT INTO name (name) VALUES (?) RETURNING no");
  const numbers = new Map<string, number>();
  const names = new Map<number, string>();
  // A number given in a transaction that failed was never given.
  database.on("rolled-back", () => {
    numbers.clear();
    names.clear();
  });
  const remember = (name: string, no: number): number => {
    numbers.set(name, no);
    names.set(no, name);
    return no;
  };
  return {
    no(name) {
      const known = numbers.get(name) ?? byName.get<{ no: number }>(name)?.no;
      if (known !== undefined) return numbers.has(name) ? known : remember(name, known);
      if (database.readOnly) return -1;
      return remember(name, (insert.get<{ no: number }>(name) as { no: number }).no);
    },
    name(no) {
      const known = names.get(no);
      if (known !== undefined) return known;
      const name = (byNo.get<{ name: string }>(no) as { name: string }).name;
      remember(name, no);
      return name;
    },
  };
}
