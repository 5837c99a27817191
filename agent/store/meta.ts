import type { Database } from "./database.ts";
import type { MetaStore } from "./store.ts";

export function createMeta(database: Database): MetaStore {
  const get = database.prepare("SELECT value FROM meta WHERE name = ?");
  const set = database.prepare("INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value");
  const remove = database.prepare("DELETE FROM meta WHERE name = ?");
  return {
    get: (name) => get.get<{ value: string }>(name)?.value,
    set(name, value) {
      database.transaction(() => (value === undefined ? remove.run(name) : set.run(name, value)));
    },
  };
}
