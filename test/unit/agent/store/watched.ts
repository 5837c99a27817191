import type { Database, Statement } from "../../../../agent/store/database.ts";

/** The database with all that is prepared on it, and each statement as often as it reads. */
export function watched(database: Database): { database: Database; prepared: string[]; asked: string[] } {
  const [prepared, asked]: [string[], string[]] = [[], []];
  const prepare: Database["prepare"] = (sql, options) => {
    prepared.push(sql);
    const statement = database.prepare(sql, options);
    const get: Statement["get"] = (...given) => {
      asked.push(sql);
      return statement.get(...given);
    };
    const all: Statement["all"] = (...given) => {
      asked.push(sql);
      return statement.all(...given);
    };
    return { ...statement, get, all };
  };
  const proxy = new Proxy(database, {
    get(target, name) {
      if (name === "prepare") return prepare;
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === "function" ? (value as (...given: unknown[]) => unknown).bind(target) : value;
    },
  });
  return { database: proxy, prepared, asked };
}
