/** Which columns of a table name a row of another one: by a declared foreign key, by the names of the key, by words for the thing; then by following them. */
import type { Table } from "../../../connectors/connector.ts";
import { namedColumns } from "./column-names.ts";
import { type Evidence, keyOf, type Reference } from "./evidence.ts";
import { plainName, singularOf, tableName } from "./plain-names.ts";

/** A table that is drafted already, and what people call its rows. */
export interface Target {
  table: Table;
  key: readonly string[];
  /** Singular plain words, of its type and of other tables' columns: `tenant`, `melder`. */
  words: readonly string[];
}

export interface Found extends Reference {
  /** The last of the columns, which tells the roles of several references apart. */
  role: string;
  /** The database itself says so. */
  declared: boolean;
}

const generic = /^(id|nr|no|num|number|nummer|key|uuid|guid|oid|rowid|code|pk|sysid|seq|lfdnr)$/;
const idEnding = /(id|nr|no|num|nummer|number|key|uuid|guid|code|fk|ref)$/;

/** References of `table` to `target`, the surest first. Each is for the asker to follow. */
export function referencesTo(table: Table, target: Target, prefix: string): Found[] {
  const found = [...declaredOnes(table, target), ...byNames(table, target, prefix)];
  const once = new Map<string, Found>();
  for (const one of found) if (!once.has(one.columns.join("\n"))) once.set(one.columns.join("\n"), one);
  return [...once.values()];
}

/** Not contradicted: what was followed leads somewhere more often than not, and some row holds something to follow. */
export function leads(evidence: Evidence, reference: Reference): boolean {
  const proof = evidence.proof(reference);
  if (proof === undefined) return true;
  return proof.asked === 0 ? evidence.sample(reference.from)?.rows.length === 0 : proof.found * 2 >= proof.asked;
}

function declaredOnes(table: Table, target: Target): Found[] {
  const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
  const name = target.table.name.split(".").at(-1) as string;
  return table.foreignKeys.flatMap((foreign): Found[] => {
    if (!same(foreign.table.split(".").at(-1) as string, name) || foreign.columns.length !== target.key.length) return [];
    const there = foreign.references.length > 0 ? foreign.references : target.table.primaryKey;
    const columns = target.key.map((part) => foreign.columns[there.findIndex((column) => same(column, part))]);
    return columns.every((column) => column !== undefined) ? [made(table, target, columns as string[], true)] : [];
  });
}

const made = (table: Table, target: Target, columns: readonly string[], declared: boolean): Found => ({
  ...{ from: table.name, columns, to: target.table.name, key: target.key },
  ...{ role: columns.at(-1) as string, declared },
});

function byNames(table: Table, target: Target, prefix: string): Found[] {
  const own = namedColumns(table, prefix);
  const there = namedColumns(target.table, prefix);
  const self = table.name === target.table.name;
  const thing = singularOf(plainName(tableName(target.table.name, prefix)));
  const plains = table.columns.map(({ name }) => ({ name, plain: own.plain(name) }));
  const ownKey = keyOf(table) ?? [];
  const exact = (part: string): string | undefined => {
    const wanted = there.plain(part);
    const whole = plainName(part);
    const named = [
      ...(generic.test(wanted) ? [] : [wanted]),
      ...(generic.test(whole) ? [] : [whole]),
      ...[thing, ...target.words].map((word) => word + wanted),
    ];
    for (const name of named) {
      const column = plains.find(({ plain }) => plain === name);
      if (column) return column.name;
    }
    // Behind other parts of a key even LFDNR is one of it, unless the table counts its own rows by it.
    const numbered =
      target.key.length > 1 ? plains.find(({ name, plain }) => plain === wanted && !ownKey.includes(name)) : undefined;
    return numbered?.name;
  };
  const first = target.key.slice(0, -1).map(exact);
  if (self || first.some((column) => column === undefined)) return [];
  const last = target.key.at(-1) as string;
  const lasts = new Set([exact(last), ...byWords(plains, there.plain(last), [thing, ...target.words])]);
  return [...lasts].flatMap((column) =>
    column === undefined || first.includes(column) ? [] : [made(table, target, [...(first as string[]), column], false)],
  );
}

/** `MITPERSNR` beside `PERSNR`, `fk_unit`, `reported_by`, `tenant`. */
function byWords(plains: readonly { name: string; plain: string }[], key: string, words: readonly string[]): string[] {
  const ends = generic.test(key) ? undefined : key;
  return plains
    .filter(({ plain }) => {
      if (ends !== undefined && plain !== ends && plain.endsWith(ends)) return true;
      const bare = plain.replace(/^(fk|id)/, "").replace(idEnding, "");
      return words.some(
        (word) => plain === word || bare === word || (word.length >= 5 && bare.endsWith(word) && idEnding.test(plain)),
      );
    })
    .map(({ name }) => name);
}
