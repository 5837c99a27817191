/** Rows of chance: through the mappings of configurations of chance, and out of databases that hold whatever bytes their columns take. */
import { isDeepStrictEqual } from "node:util";
import { tryCompile } from "../../agent/compile.ts";
import type { Mapped, Mapping } from "../../agent/map/mapped.ts";
import { encodeKey } from "../../base/key.ts";
import { keyDigest } from "../../base/key-digest.ts";
import type { Config } from "../../config/config.ts";
import { parseConfig } from "../../config/load.ts";
import type { Column, ColumnType, Connector, Row, RowBatch, SourceQuery, Value } from "../../connectors/connector.ts";
import { createDigester, type Digester, digestHex } from "../../protocol/digest.ts";
import { fieldsOf } from "../../protocol/entity-text.ts";
import { entityDigest } from "../support/schema-only.ts";
import { has } from "../support/servers.ts";
import { judgeWritten, writerAtWork } from "../support/written-entities.ts";
import { wrongInWritten } from "../support/written-rows.ts";
import type { Chance } from "./chance.ts";
import { exampleTree, type Tree } from "./config-texts.ts";
import { fitsModel, fitsOwn, isEntityId } from "./documents.ts";
import { guessConnector, namesIn } from "./guess-connector.ts";
import { mariadbRows, type RowDatabase, sqliteRows } from "./row-databases.ts";
import { someLiteral, someValue } from "./row-values.ts";
import { Broken, type OpenTarget, type Target } from "./target.ts";
import { someText } from "./texts.ts";

export const rows = rowsWith((mapping) => mapping);

/** The same through mappings that are spoilt: whether it is found out shows what the judge is worth. */
export function rowsWith(spoil: Spoil): Target {
  return { name: "rows", unit: "rows", open: () => openRows(spoil) };
}

type Spoil = (mapping: Mapping) => Mapping;

type RowsCase =
  | { kind: "mapped"; tree: Tree; salt: number; choices: Chance }
  | { kind: "stored"; database: RowDatabase; rows: string[][] };

const never = new AbortController().signal;
const rowsPerCase = 150;

async function openRows(spoil: Spoil): Promise<OpenTarget<unknown>> {
  await using opened = new AsyncDisposableStack();
  const digester = await createDigester();
  const databases = [opened.use(await sqliteRows())];
  if (has("mariadb")) databases.push(opened.use(await mariadbRows()));
  const stored = await Promise.all(
    databases.map(async (database) => ({ database, mappings: (await mappingsOver(database)).map(spoil) })),
  );
  const rest = opened.move();
  return {
    make: (chance) => makeCase(chance, databases),
    show: (made) => shown(made as RowsCase),
    async run(made) {
      const told = made as RowsCase;
      if (told.kind === "mapped") return await runMapped(told, { digester, spoil });
      const { mappings } = stored.find(({ database }) => database === told.database) as (typeof stored)[number];
      return await runStored(told, mappings, digester);
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

function makeCase(chance: Chance, databases: readonly RowDatabase[]): RowsCase {
  if (!chance.oneIn(3)) return { kind: "mapped", tree: exampleTree(chance), salt: chance.below(1_000), choices: chance };
  const database = chance.pick(databases);
  const rows = Array.from({ length: chance.between(1, 20) }, (_, index) => {
    const key = chance.oneIn(3) ? `${someText(chance).slice(0, 20)}${index}` : String(index);
    return [
      database.textOf(Buffer.from(key).toString("hex")),
      ...database.columns.slice(1).map(() => someLiteral(chance, database.textOf)),
    ];
  });
  return { kind: "stored", database, rows };
}

function shown(made: RowsCase): string {
  if (made.kind === "mapped") return `${JSON.stringify(made.tree)}, columns by salt ${made.salt}`;
  return `${made.database.name}: ${made.rows.map((row) => `(${row.join(", ")})`).join(", ")}`;
}

/** Loads and compiles a configuration against columns of guessed types; one with faults counts as one execution. */
async function runMapped(
  { tree, salt, choices }: RowsCase & { kind: "mapped" },
  { digester, spoil }: { digester: Digester; spoil: Spoil },
): Promise<number> {
  const text = JSON.stringify(tree);
  const { config } = parseConfig({ text, file: "/etc/erpfuser.yaml" });
  if (config === undefined) return 1;
  const connector = guessConnector(namesIn(text), salt);
  let count = 0;
  for (const mapping of (await compiledSources(config, connector as Connector)).map(spoil)) {
    const { columns, children } = await connector.describeQuery(mapping.query, never);
    for (let left = rowsPerCase; left > 0; left--) {
      const row = someRow(choices, mapping.query, { columns, children });
      const key = choices.oneIn(20) ? "" : encodeKey([someText(choices), String(left)].slice(0, choices.between(1, 2)));
      judgeMapped(mapping, { row, key, digester, own: config.ownTypes?.[mapping.type] });
      count += 1;
    }
  }
  return Math.max(1, count);
}

/** A source that does not compile takes no other with it. */
async function compiledSources(config: Config, connector: Connector): Promise<readonly Mapping[]> {
  const all = await tryCompile({ ...config, commands: [] }, connector, never);
  if (all.compiled !== undefined) return all.compiled.mappings;
  const faulty = new Set(all.faults.map((fault) => fault.path.split(/[.[]/)[1]));
  const sources = config.sources.filter(({ name }) => !faulty.has(name));
  if (sources.length === config.sources.length) return [];
  const some = await tryCompile({ ...config, commands: [], sources }, connector, never);
  return some.compiled?.mappings ?? [];
}

function someRow(
  chance: Chance,
  query: SourceQuery,
  described: { columns: readonly Column[]; children: readonly (readonly Column[])[] },
): Row {
  return {
    values: described.columns.map((column) => someValue(chance, column.type)),
    flags: query.flags.map(() => chance.oneIn(8)),
    children: described.children.map((columns) =>
      Array.from({ length: chance.below(4) }, () => columns.map((column) => someValue(chance, column.type))),
    ),
  };
}

function judgeMapped(
  mapping: Mapping,
  { row, key, digester, own }: { row: Row; key: string; digester: Digester; own?: object | undefined },
): void {
  const mapped = mapping.map(row, key);
  const again = mapping.map(row, key);
  const told = (): string => `${mapping.source}: ${shownRow(row)} -> ${JSON.stringify(mapped)}`;
  if (!isDeepStrictEqual(mapped, again)) throw new Broken("a row maps to the same every time", told());
  if (mapped.id !== mapping.idOf(key)) throw new Broken("a row keeps its id", told());
  if (mapped.kind === "entity") judgeEntity(mapping, { mapped, digester, own, told });
  if (mapped.kind !== "faulty") return;
  if (mapped.faults.length === 0) throw new Broken("a refused row has faults", told());
  if (mapped.faults.some(({ code }) => code === "row-unreadable"))
    throw new Broken("no row fails for a reason nobody foresaw", told());
  for (const { message } of mapped.faults)
    if (message === "" || /\bundefined\b|\[object/.test(message)) throw new Broken("a row's fault says what is wrong", told());
}

function judgeEntity(
  mapping: Mapping,
  {
    mapped,
    digester,
    own,
    told,
  }: {
    mapped: Mapped & { kind: "entity" };
    digester: Digester;
    /** Of a type that the configuration declares. */
    own: object | undefined;
    told: () => string;
  },
): void {
  const fields = JSON.parse(JSON.stringify(fieldsOf(mapped.text))) as Record<string, unknown>;
  if (!isEntityId(mapped.id)) throw new Broken("an entity's id is one", told());
  const fits = own === undefined ? fitsModel(mapping.type, fields) : fitsOwn(own, fields);
  if (!fits) throw new Broken("an entity fits the model", told());
  const digest = digestHex(digester.text(mapped.text));
  if (digest !== entityDigest(fields))
    throw new Broken(
      "an entity's digest is the one that the documents describe",
      `${digest}, ${entityDigest(fields)}: ${told()}`,
    );
  if (mapped.parents.some(({ id }) => !isEntityId(id))) throw new Broken("a parent's id is one", told());
}

function shownRow({ values, flags, children }: Row): string {
  return JSON.stringify({ values, flags, children }, (_name, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
}

/** Sources over the table T of both databases. */
const storedConfig = (connector: string): string => `agent: { name: Fuzz, portal: "ws://127.0.0.1:1", stage: test, state: /tmp }
erp: { connector: ${connector === "SQLite" ? "sqlite, file: /tmp/x" : "mysql, server: x, database: x, user: x, password: { secret: x }"}, timezone: Europe/Berlin }
sources:
  persons:
    type: person
    table: T
    key: K
    fields:
      kind: { value: natural }
      lastName: TXT
      firstName: { from: CH, do: [collapse-spaces, empty-to-null] }
      number: { from: CH, do: [trim, empty-to-null] }
      birthDate: DAT
      updatedAt: DT
      emails: { from: TXT, do: [email-list] }
      address: { street: TXT, city: CH, latitude: FLO, country: { value: DE } }
  catalog: { type: catalogEntry, prefix: c, table: T, key: K, fields: { catalog: { value: x }, code: CH, label: { de: TXT }, active: BOO } }
  units: { type: unit, table: T, key: [K, CH], fields: { name: TXT, objectType: { value: flat }, floor: TIM, areaSquareMetres: DEZ } }
  readings: { type: meterReading, table: T, key: GANZ, fields: { meterId: { ref: meters, key: K }, value: DEZ, readAt: INS } }
  meters: { type: meter, table: T, key: K, fields: { kind: { value: x }, serial: "\${string(GANZ)}", unitOfMeasure: { value: x } } }
`;

async function mappingsOver(database: RowDatabase): Promise<readonly Mapping[]> {
  const loaded = parseConfig({ text: storedConfig(database.name), file: "/etc/erpfuser.yaml" });
  if (loaded.config === undefined) throw new Error(JSON.stringify(loaded.faults));
  const compiled = await tryCompile(loaded.config, database.connectors[0] as Connector, never);
  if (compiled.compiled === undefined) throw new Error(JSON.stringify(compiled.faults));
  return compiled.compiled.mappings;
}

/** Every row that the table took comes out, by a scan and by its key, the same on every way. */
async function runStored(
  { database, rows: literals }: RowsCase & { kind: "stored" },
  mappings: readonly Mapping[],
  digester: Digester,
): Promise<number> {
  const count = await database.fill(literals);
  const whole: SourceQuery = {
    source: "whole",
    from: { table: "T" },
    key: ["K"],
    columns: database.columns,
    where: [],
    scope: [],
    flags: [],
    children: [],
  };
  const seen: Read[][] = [];
  for (const connector of database.connectors) {
    const described = await connector.describeQuery(whole, never);
    const scanned = await readAll(connector.scan(whole, never));
    if (scanned.length !== count) throw new Broken("a scan gives every row once", `${scanned.length} of ${count}`);
    for (const { row } of scanned)
      for (const [index, value] of row.values.entries()) judgeValue(value, described.columns[index]?.type ?? "text");
    await judgeKeyReads(connector, whole, scanned);
    seen.push(scanned);
  }
  const [first, ...others] = seen as [Read[], ...Read[][]];
  for (const other of others)
    if (!isDeepStrictEqual(values(first), values(other)))
      throw new Broken("both ways to read give the same", differing(first, other));
  for (const mapping of mappings) {
    for (const { key, row } of await readAll((database.connectors[0] as Connector).scan(mapping.query, never))) {
      if (key !== undefined) judgeMapped(mapping, { row, key, digester });
    }
    for (const connector of database.connectors) await judgeBytes(mapping, connector);
  }
  return count;
}

/** What is written from the bytes of the rows is what the mapping makes of them. */
async function judgeBytes(mapping: Mapping, connector: Connector): Promise<void> {
  for await (const batch of connector.scan(mapping.query, never)) {
    if (batch.written === undefined) return;
    const writing = writerAtWork(mapping, batch);
    for (let index = 0; index < batch.length; index++) {
      const verdict = judgeWritten(writing, batch, index);
      if (verdict !== "written" && verdict !== "declined")
        throw new Broken("a row is written from its bytes as it is mapped", `${verdict}: ${shownRow(batch.row(index))}`);
    }
  }
}

interface Read {
  key: string | undefined;
  digest: bigint;
  row: Row;
}

const values = (reads: readonly Read[]): unknown => reads.map(({ key, row }) => ({ key, row }));

function differing(one: readonly Read[], other: readonly Read[]): string {
  const at = one.findIndex((read, index) => !isDeepStrictEqual(read.row, other[index]?.row) || read.key !== other[index]?.key);
  return [one[at], other[at]].map((read) => `${read?.key} ${read && shownRow(read.row)}`).join("\n");
}

async function readAll(batches: AsyncIterable<RowBatch>): Promise<Read[]> {
  const all: Read[] = [];
  for await (const batch of batches) {
    for (let index = 0; index < batch.length; index++) {
      const key = batch.key(index);
      const row = batch.row(index);
      if (batch.keyDigests[index] !== (key === undefined ? 0n : keyDigest(key)))
        throw new Broken("a key's digest is the one of its text", String(key));
      if (!isDeepStrictEqual(row, batch.row(index))) throw new Broken("a row is decoded the same every time", shownRow(row));
      const wrong = wrongInWritten(batch, index);
      if (wrong !== undefined) throw new Broken("the bytes of a row say what it says", `${wrong}: ${shownRow(row)}`);
      all.push({ key, digest: batch.digests[index] as bigint, row });
    }
  }
  return all;
}

async function judgeKeyReads(connector: Connector, whole: SourceQuery, scanned: readonly Read[]): Promise<void> {
  const keys = scanned.flatMap(({ key }) => (key === undefined ? [] : [key]));
  const byKey = new Map((await readAll(connector.readKeys(whole, keys, never))).map((read) => [read.key, read]));
  for (const { key, digest, row } of scanned) {
    if (key === undefined) continue;
    const read = byKey.get(key);
    if (read === undefined) throw new Broken("a row is found by its key", key);
    if (read.digest !== digest || !isDeepStrictEqual(read.row, row))
      throw new Broken("a read by key gives what the scan gave", `${key}: ${shownRow(row)}, ${shownRow(read.row)}`);
  }
}

/** connectors/connector.ts, `Value`; what has no meaning in its column arrives as text. */
function judgeValue(value: Value | undefined, type: ColumnType): void {
  const fits =
    value === null ||
    typeof value === "string" ||
    (type === "integer" && (typeof value === "bigint" ? !Number.isSafeInteger(Number(value)) : Number.isSafeInteger(value))) ||
    (type === "float" && typeof value === "number" && !Number.isNaN(value)) ||
    (type === "boolean" && typeof value === "boolean") ||
    (type === "bytes" && value instanceof Uint8Array);
  if (!fits) throw new Broken("a value is of its column's type, or the text it is", `${type}: ${String(value)}`);
}
