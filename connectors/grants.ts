/** What the agent's account must be allowed in the ERP's database, and how that is compared with what it is. Each connector says it in its database's own words (its grants.ts). */

/** Names of columns, or the whole table where they can't be told one by one. */
export type Columns = readonly string[] | "all";

export interface TableNeeds {
  /** As the configuration names it. */
  table: string;
  read: Columns;
  insert: Columns;
  update: Columns;
  /** Rows are deleted by an `sql:` step. */
  remove: boolean;
}

export interface GrantNeeds {
  tables: readonly TableNeeds[];
  calls: readonly { name: string; kind: "procedure" | "function" }[];
  /** Sequences of which a text draws numbers by NEXT VALUE FOR. */
  sequences?: readonly string[];
  /** Tables of our own, which the DBA makes; they are among `tables` as well. */
  ledgers: readonly string[];
  /** Feeds that are used, and the tables of which they tell. */
  feeds: readonly { name: string; tables: readonly string[] }[];
  /** Name that the agent's sessions give: what a server keeps for its feed bears it. Absent before there is a configuration. */
  sessionName?: string;
}

/** Server and account, as the database writes them. */
export interface GrantServer {
  version: string;
  account: string;
  /** Functions that give tables, by schema and name: they are read, not executed. As far as the account sees them. */
  tableFunctions?: readonly (readonly string[])[];
}

/**
 * `grant`: what the configuration needs; `revoke`: its counterpart; `ledger`: makes the ledger's tables; `init`: what `erpfuser init` needs to read the
 * schema, before there is a configuration.
 */
export type ScriptKind = "grant" | "revoke" | "ledger" | "init";

/** @returns lines of a script for the DBA, comments included; nothing is run by us */
export type GrantScript = (kind: ScriptKind, needs: GrantNeeds, server: GrantServer | undefined) => readonly string[];

export interface Comparison {
  server: GrantServer;
  /** What the account lacks and what it has beyond its needs, each as a GRANT or REVOKE would say it. */
  missing: readonly string[];
  tooMany: readonly string[];
}

/** A right on an object: its path from the server (empty) down to a column. */
export interface Right {
  right: string;
  object: readonly string[];
}

const samePart = (one: string | undefined, other: string | undefined): boolean => one?.toLowerCase() === other?.toLowerCase();

/** A right on a table holds for its columns, one on the server for all. */
const covers = (held: Right, wanted: Right): boolean =>
  held.right === wanted.right && held.object.every((part, index) => samePart(part, wanted.object[index]));

const same = (one: Right, other: Right): boolean => covers(one, other) && one.object.length === other.object.length;

/** Rights that are wanted and not held, and those that are held wider than wanted or for nothing. */
export function compareRights(wanted: readonly Right[], held: readonly Right[]): { missing: Right[]; tooMany: Right[] } {
  return {
    missing: wanted.filter((one) => !held.some((other) => covers(other, one))),
    tooMany: held.filter((one) => !wanted.some((other) => same(one, other))),
  };
}

/**
 * What must be given anew so that taking the rights that are too many leaves what is needed: a wanted right that only a wider one gave, and one on the columns of a table
 * on which the same is taken (a REVOKE on the table takes its columns with it, postgresql.org and dev.mysql.com, "REVOKE").
 * @returns what can be given before the wider right goes, so that nothing lacks meanwhile, and what behind it
 */
export function givenAnew(
  wanted: readonly Right[],
  held: readonly Right[],
  tooMany: readonly Right[],
): { before: Right[]; after: Right[] } {
  const kept = held.filter((one) => !tooMany.includes(one));
  const afterwards = (one: Right): boolean => tooMany.some((wide) => wide.object.length === 2 && covers(wide, one));
  const alone = (one: Right): boolean => tooMany.some((wide) => covers(wide, one)) && !kept.some((other) => covers(other, one));
  return {
    before: wanted.filter((one) => alone(one) && !afterwards(one)),
    after: wanted.filter(afterwards),
  };
}

/** A name with its schema, or in the one given. */
export function tablePath(name: string, schema: string): readonly string[] {
  return name.includes(".") ? name.split(".") : [schema, name];
}

/** The rights on each object: per right its columns; none where it is held on the object as a whole. In the order in which they came. */
export function rightsByObject(
  rights: readonly Right[],
): { object: readonly string[]; rights: Map<string, readonly string[]> }[] {
  const depth = 2;
  const groups = Map.groupBy(rights, ({ object }) => object.slice(0, depth).join("\n").toLowerCase());
  return [...groups.values()].map((on) => {
    const byRight = [...Map.groupBy(on, ({ right }) => right)].map(([right, list]): [string, readonly string[]] => {
      const whole = list.some(({ object }) => object.length <= depth);
      return [right, whole ? [] : [...new Set(list.map(({ object }) => object[depth] as string))]];
    });
    return { object: on[0]?.object.slice(0, depth) ?? [], rights: new Map(byRight) };
  });
}

/** Rights on the columns, or on the table as a whole. */
export function columnRights(right: string, table: readonly string[], columns: Columns): Right[] {
  if (columns === "all") return [{ right, object: table }];
  return columns.map((column) => ({ right, object: [...table, column] }));
}
