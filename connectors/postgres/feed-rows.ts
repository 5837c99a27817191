import type { Value } from "../connector.ts";
import type { FeedChange, FeedTable } from "../feed.ts";
import { keyOf } from "../row-batch.ts";
import type { FeedServer } from "./feed-server.ts";
import type { CatalogTable, Watched } from "./feed-tables.ts";
import { type Relation, type RowMessage, type Sent, valuesAt } from "./pgoutput.ts";

/** How the keys of one configured table are read from the rows of a relation. */
interface KeyPlan {
  /** Index among the configured tables. */
  table: number;
  key: readonly KeyColumn[];
  own: readonly KeyColumn[];
  /** Whether the key is the row's own. */
  same: boolean;
}

interface KeyColumn {
  position: number;
  identity: boolean;
  decode: (text: string) => Value;
}

/** `null`: a part is null, no key. `undefined`: the server does not say. */
type Told = string | null | undefined;

/** What a row's message says of one configured table. */
export interface ToldRow {
  changes: readonly FeedChange[];
  /** Tables of which this row's key can't be told. */
  untold: readonly number[];
}

/** Reads the keys of rows as the relation's message before them describes them. */
export class RowReader {
  readonly #server: FeedServer;
  readonly #tables: readonly FeedTable[];
  readonly #plans = new Map<number, readonly (KeyPlan | number)[]>();
  #byOid = new Map<number, { table: CatalogTable; indices: number[] }>();

  constructor(server: FeedServer, tables: readonly FeedTable[]) {
    this.#server = server;
    this.#tables = tables;
  }

  /** The catalog as it is now. */
  watch({ tables }: Watched): void {
    this.#byOid = new Map();
    for (const [index, parts] of tables.entries()) {
      for (const table of parts) {
        const known = this.#byOid.get(table.oid);
        if (known) known.indices.push(index);
        else this.#byOid.set(table.oid, { table, indices: [index] });
      }
    }
  }

  /** Indices of the configured tables whose rows it holds. */
  indicesOf(oid: number): readonly number[] {
    return this.#byOid.get(oid)?.indices ?? [];
  }

  /** Takes a relation's shape for the rows behind it. */
  know(relation: Relation): void {
    const found = this.#byOid.get(relation.oid);
    this.#plans.set(relation.oid, found ? found.indices.map((index) => this.#planOf(index, relation, found.table)) : []);
  }

  /** Changes that a row tells: of the key before it and of the one after. */
  read(row: RowMessage): ToldRow {
    const changes: FeedChange[] = [];
    const untold: number[] = [];
    for (const plan of this.#plans.get(row.relation) ?? []) {
      if (typeof plan === "number" || !addChanges(plan, row, changes)) untold.push(typeof plan === "number" ? plan : plan.table);
    }
    return { changes, untold };
  }

  /** The index alone where a key column is not there as the catalog has it: what its text means is not known. */
  #planOf(index: number, relation: Relation, table: CatalogTable): KeyPlan | number {
    const wanted = this.#tables[index] as FeedTable;
    const columns = new Map<string, KeyColumn>();
    for (const name of new Set([...wanted.key, ...wanted.own])) {
      const position = relation.columns.findIndex((column) => column.name === name);
      const sent = relation.columns[position];
      const now = table.columns.find((column) => column.name === name);
      if (sent === undefined || now === undefined || sent.type !== now.type) return index;
      columns.set(name, { position, identity: sent.identity, decode: this.#server.decoder(now.base) });
    }
    const pick = (names: readonly string[]): KeyColumn[] => names.map((name) => columns.get(name) as KeyColumn);
    const same = wanted.own.length === wanted.key.length && wanted.own.every((name, at) => name === wanted.key[at]);
    return { table: index, key: pick(wanted.key), own: pick(wanted.own), same };
  }
}

/** Adds what a row tells of one table, the key before it first: the last word on a child is its parent now. False where a key that changed can't be told. */
function addChanges(plan: KeyPlan, row: RowMessage, changes: FeedChange[]): boolean {
  const positions = [...new Set([...plan.key, ...plan.own].map(({ position }) => position))];
  const sent = (start: number | undefined): Map<number, Sent> => {
    const values = start === undefined ? [] : valuesAt(row.bytes, start, positions);
    return new Map(values.map((value, index) => [positions[index] as number, value]));
  };
  const old = sent(row.old);
  const now = sent(row.now);
  const before: Read = ({ position, identity }) => {
    if (!identity) return undefined;
    // Without an old row the identity is what it is now.
    return old.size > 0 ? old.get(position) : now.get(position);
  };
  const after: Read = (column) => now.get(column.position) ?? (now.get(column.position) === null ? null : before(column));
  const shown = row.now === undefined ? undefined : toldBy(plan, after);
  const gone = row.inserted ? undefined : toldBy(plan, before);
  const isToldBefore = gone === undefined || isSameRow(gone, shown) || add(plan, gone, changes);
  const isToldAfter = shown === undefined || add(plan, shown, changes);
  return isToldBefore && isToldAfter;
}

/** The row's own key is enough to find what hung on it before. */
function isSameRow(gone: ToldKeys, shown: ToldKeys | undefined): boolean {
  if (shown === undefined || gone.own !== shown.own) return false;
  return gone.key === shown.key || (gone.key === undefined && isText(gone.own));
}

type Read = (column: KeyColumn) => Sent;

interface ToldKeys {
  key: Told;
  own: Told;
}

function toldBy(plan: KeyPlan, read: Read): ToldKeys {
  return { key: keyTold(plan.key, read), own: plan.own.length === 0 ? undefined : keyTold(plan.own, read) };
}

function keyTold(columns: readonly KeyColumn[], read: Read): Told {
  const values: Value[] = [];
  for (const column of columns) {
    const sent = read(column);
    if (sent === undefined) return undefined;
    values.push(sent === null ? null : column.decode(sent));
  }
  return keyOf(values) ?? null;
}

const isText = (told: Told): told is string => typeof told === "string";

function add(plan: KeyPlan, { key, own }: ToldKeys, changes: FeedChange[]): boolean {
  if (key === undefined && (plan.same || !isText(own))) return false;
  if (isText(key) || isText(own)) changes.push({ table: plan.table, key: key ?? undefined, own: own ?? undefined });
  return true;
}
