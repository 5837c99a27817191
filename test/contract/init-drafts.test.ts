/** What `erpfuser init` makes of databases that it has never seen: of the sample company, and of three schemas of other houses, on every database that runs here. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { draftFrom } from "../../agent/cli/init/drafting.ts";
import { openJudge } from "../../agent/cli/preview-sent.ts";
import { compile, tryCompile } from "../../agent/compile.ts";
import { openErp } from "../../agent/erp.ts";
import type { Mapped, Mapping } from "../../agent/map/mapped.ts";
import { silentLog } from "../../base/log.ts";
import { systemClock } from "../../base/time.ts";
import type { Config } from "../../config/config.ts";
import { parseConfig } from "../../config/load.ts";
import type { Connector } from "../../connectors/connector.ts";
import { fieldsOf } from "../../protocol/entity-text.ts";
import type { Fields } from "../../protocol/model.ts";
import { erpConfig } from "../support/erp/config.ts";
import type { ErpDb, ErpDialect } from "../support/erp/db.ts";
import { generateErp } from "../support/erp/generate.ts";
import { openErp as openSample } from "../support/erp/open.ts";
import { has, mariadb, postgres, type Server, type TemporaryDirectory, tempDirectory } from "../support/servers.ts";
import { english, german, prefixed, type UnknownSchema } from "../support/unknown-schemas.ts";
import { mssqlSubject } from "./erp/mssql.ts";

const { signal } = new AbortController();
/** A hundred questions to a server, each short: on a busy machine they add up. */
const patience = 180_000;

/** A database of its own on one of the products. */
interface Place {
  db: ErpDb;
  dialect: ErpDialect;
  connection: Record<string, string>;
  secret: () => Promise<string>;
}

interface Product {
  dialect: ErpDialect;
  needs?: Server;
  schemas: readonly UnknownSchema[];
}
/** Every schema on SQLite; on servers the one that their own types and folding make most of. */
const products: readonly Product[] = [
  { dialect: "sqlite", schemas: [english, german, prefixed] },
  { dialect: "mysql", needs: "mariadb", schemas: [german] },
  { dialect: "postgres", needs: "postgres", schemas: [english] },
];

describe.each(products.filter(({ needs }) => needs === undefined || has(needs)))("init on $dialect", ({ dialect, schemas }) => {
  const opened = new AsyncDisposableStack();
  let folder: TemporaryDirectory;
  let make: (name: string) => Promise<Place>;
  beforeAll(async () => {
    folder = opened.use(await tempDirectory());
    if (dialect === "sqlite") {
      make = async (name) => {
        const file = join(folder.path, `${name}.db`);
        return { dialect, db: opened.use(openSample(file)), connection: { file }, secret: async () => "" };
      };
      return;
    }
    const server = opened.use(dialect === "mysql" ? await mariadb() : await postgres());
    make = async (name) => {
      const { host, port, user, password } = await server.createDatabase(name);
      const url = `${dialect}://${user}:${password}@${host}:${port}/${name}`;
      const connection = { server: host, port: String(port), database: name, user };
      return { dialect, db: opened.use(openSample(url)), connection, secret: async () => password };
    };
  });
  afterAll(() => opened.disposeAsync());

  it("drafts the sample company as its own administrators mapped it, and shows nobody's name", {
    timeout: patience,
  }, async () => {
    const place = await make("sample");
    await generateErp(place.db, { units: 12, seed: 5 });
    const [ticket = ""] = await firstColumn(place.db, "SELECT AUFTRNR FROM AUFTRAG WHERE MELDER <> '' ORDER BY AUFTRNR");
    await place.db.run("UPDATE AUFTRAG SET MELDER = '99999999' WHERE AUFTRNR = ?", [ticket]);
    await using drafted = await draftOf(place, folder.path);
    const { entities, held, text } = drafted;
    const wanted = await mappedBy(drafted.connector, sampleConfig(place));
    // Of each type all rows of the main company that the administrators' own mapping sends; persons of theirs are halves of a row.
    const fields: Readonly<Record<string, readonly string[]>> = {
      property: ["name"],
      building: ["propertyId", "name"],
      unit: ["buildingId", "name", "objectType", "usage", "floor", "areaSquareMetres", "rooms"],
      utilisationPeriod: ["unitId", "startDate", "endDate"],
      ticket: ["number", "kind", "title", "unitId", "buildingId", "category", "createdAt", "closedAt", "dueDate"],
      invoice: ["number", "issueDate", "dueDate", "total", "openAmount"],
    };
    for (const [type, names] of Object.entries(fields)) {
      const theirs = [...wanted.entities].filter(([name]) => name.startsWith(`${type} `));
      expect(theirs.length, type).toBeGreaterThan(0);
      for (const [name, one] of theirs) expect(picked(entities.get(name), names), name).toEqual(picked(one, names));
    }
    expect(await leftOut(drafted)).toContain("reporterId: null");
    const people = (await firstColumn(place.db, "SELECT PERSNR FROM PERSON")).length;
    expect(countOf(entities, "person") + held.filter((name) => name.startsWith("persons ")).length).toBe(people);
    expect(countOf(entities, "person")).toBeGreaterThan(people * 0.9);
    // A server with a binlog in rows, and an administrator's rights; PostgreSQL's feed is for a person to choose.
    expect(text.includes("feed: binlog"), text.slice(0, 1_000)).toBe(dialect === "mysql");
    expect(text.includes("feed: logical-replication")).toBe(dialect === "postgres");
    expect(text).toMatch(/# scope: \{ mandant: "001" \}/i);
    const written = [
      ...["NAME1", "NAME2", "VORNAME1", "VORNAME2", "EMAIL", "TELEFON"].map((column) => ["PERSON", column] as const),
    ];
    for (const [table, column] of [...written, ["SACHBEARBEITER", "NAME"], ["AUFTRTEXT", "VERFASSER"]] as const) {
      const said = (await firstColumn(place.db, `SELECT DISTINCT ${column} FROM ${table}`)).filter((one) => one.length > 3);
      expect(said.length).toBeGreaterThan(0);
      expect(said.filter((one) => new RegExp(`(^|[^\\p{L}\\d])${literally(one)}($|[^\\p{L}\\d])`, "u").test(text))).toEqual([]);
    }
  });

  it.each(schemas)("drafts $name so that every living row becomes an entity", { timeout: patience }, async (schema) => {
    const place = await make("house".concat(String(schemas.indexOf(schema))));
    await place.db.transaction(async (session) => {
      for (const statement of schema.statements(dialect)) await session.run(statement);
    });
    await using drafted = await draftOf(place, folder.path);
    const { entities, held, text, config, dangling } = drafted;
    expect(held).toEqual([]);
    expect(dangling).toEqual([]);
    const counts = Object.fromEntries(Object.keys(schema.expected).map((type) => [type, countOf(entities, type)]));
    expect(counts).toEqual(schema.expected);
    expect(columnsRead(config, schema)).toEqual(inCase(schema.reads, dialect));
    for (const name of schema.personal) expect(text).not.toContain(name);
  });
});

describe("init over SQL Server's double", () => {
  it("drafts a schema as on the databases that run here", { timeout: patience }, async () => {
    await using erp = await mssqlSubject();
    for (const statement of german.statements("mysql")) await erp.run(statement);
    const connector = await erp.open();
    try {
      const connection = { server: "erp01", database: "erp", user: "erp", password: { secret: "p" } };
      const parts = { name: "Test", portal: "wss://portal.example.com/agent", state: "/x", connector: "mssql", connection };
      const file = "/x/erpfuser.yaml";
      const { text } = await draftFrom({ parts: { ...parts, timezone: "Europe/Berlin" }, file, connector, signal });
      const { config } = parseConfig({ text, file });
      const { entities, held } = await mappedBy(connector, config as Config);
      expect(held).toEqual([]);
      const counts = Object.fromEntries(Object.keys(german.expected).map((type) => [type, countOf(entities, type)]));
      expect(counts).toEqual(german.expected);
    } finally {
      await connector.close();
    }
  });
});

interface Drafted extends AsyncDisposable {
  connector: Connector;
  text: string;
  config: Config;
  /** By `type id`. */
  entities: ReadonlyMap<string, Fields>;
  /** `source key` of rows that would be held. */
  held: readonly string[];
  /** References to entities that do not exist. */
  dangling: readonly string[];
}

async function draftOf(place: Place, folder: string): Promise<Drafted> {
  const connection = place.dialect === "sqlite" ? place.connection : { ...place.connection, password: { secret: "p" } };
  const connector = await openErp({
    config: {
      ...{ file: "erpfuser.yaml", agent: { name: "Test" } },
      erp: {
        ...{ connector: place.dialect === "mysql" ? "mariadb" : place.dialect, settings: settingsOf(connection) },
        courtesy: { pace: "gentle", statementTimeoutMs: 30_000, lockTimeoutMs: 2_000 },
      },
    },
    ...{ clock: systemClock, log: silentLog, secret: place.secret },
  });
  try {
    const file = join(folder, "erpfuser.yaml");
    const parts = {
      ...{ name: "Test", portal: "wss://portal.example.com/agent", state: folder, timezone: "Europe/Berlin" },
      ...{ connector: place.dialect === "mysql" ? "mariadb" : place.dialect, connection },
    };
    await connector.identity(signal);
    const { text } = await draftFrom({ parts, file, connector, signal });
    const { config, faults } = parseConfig({ text, file });
    expect(faults).toBeUndefined();
    const mapped = await mappedBy(connector, config as Config);
    return { connector, text, config: config as Config, ...mapped, [Symbol.asyncDispose]: () => connector.close() };
  } catch (error) {
    await connector.close();
    throw error;
  }
}

/** As the connector takes them: ports are numbers, servers lists. */
function settingsOf(connection: Readonly<Record<string, unknown>>): unknown {
  return "file" in connection ? connection : { ...connection, port: Number(connection.port), tls: { mode: "off" } };
}

/** All rows of all sources, mapped. */
async function mappedBy(connector: Connector, config: Config): Promise<Pick<Drafted, "entities" | "held" | "dangling">> {
  const { compiled, faults } = await tryCompile(config, connector, signal);
  expect(faults).toBeUndefined();
  const entities = new Map<string, Fields>();
  const held: string[] = [];
  const parents: string[] = [];
  for (const mapping of compiled?.mappings ?? [])
    for await (const batch of connector.scan(mapping.query, signal))
      for (let index = 0; index < batch.length; index++) {
        const key = batch.key(index) ?? "";
        const mapped: Mapped = mapping.map(batch.row(index), key);
        if (mapped.kind === "faulty") held.push(`${mapping.source} ${key}`);
        if (mapped.kind !== "entity") continue;
        entities.set(`${mapping.type} ${mapped.id}`, fieldsOf(mapped.text));
        parents.push(...mapped.parents.map(({ type, id }) => `${type} ${id}`));
      }
  return { entities, held, dangling: parents.filter((name) => !entities.has(name)) };
}

function sampleConfig({ dialect }: Place): Config {
  const options = { portalUrl: "wss://portal.example.com/agent", state: "/tmp", connection: connectionLines(dialect) };
  const { config, faults } = parseConfig({ text: erpConfig({ dialect, ...options }), file: "erpfuser.yaml" });
  expect(faults).toBeUndefined();
  return config as Config;
}

const connectionLines = (dialect: ErpDialect): string[] =>
  dialect === "sqlite" ? ["file: x.db"] : ["server: x", "database: x", "user: x", "password: { secret: p }"];

/** What `preview --why` says while the scan of the tickets stands: of a reporter who is not there. */
async function leftOut({ connector, config }: Drafted): Promise<string[]> {
  const { mappings } = await compile(config, connector, signal);
  const mapping = mappings.find(({ source }) => source === "tickets") as Mapping;
  using judge = await openJudge({ config, clock: systemClock, erp: connector, mappings, mapping, signal });
  const told: string[] = [];
  for await (const batch of connector.scan(mapping.query, signal))
    for (let index = 0; index < batch.length; index++) {
      const { mapped, sent } = await judge.judge(batch, index);
      if (sent.leftOut.length > 0 && mapped.kind === "entity") told.push(`reporterId: ${fieldsOf(mapped.text).reporterId}`);
    }
  return told;
}

/** Its texts, without blanks around them. */
const firstColumn = async (db: ErpDb, sql: string): Promise<string[]> =>
  (await db.query(sql)).map((row) => String(Object.values(row)[0] ?? "").trim());
const picked = (fields: Fields | undefined, names: readonly string[]): Record<string, unknown> | undefined =>
  fields && Object.fromEntries(names.map((name) => [name, fields[name] ?? null]));
const countOf = (entities: ReadonlyMap<string, unknown>, type: string): number =>
  [...entities.keys()].filter((name) => name.startsWith(`${type} `)).length;
const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

/** Of the fields that the schema names the column that each reads, of a reference the last one, of a list the first item's. */
function columnsRead(config: Config, { reads }: UnknownSchema): Record<string, Record<string, string>> {
  const last = (text: string): string =>
    text.match(/"column":"([^"]+)"(?!.*"column":)/)?.[1] ?? /"date":"([^"]+)"/.exec(text)?.[1] ?? text;
  return Object.fromEntries(
    Object.entries(reads).map(([name, fields]) => {
      const source = config.sources.find((one) => one.name === name);
      const read = Object.keys(fields).map((field): [string, string] => {
        const found = source?.fields[field]?.read;
        const first = found?.kind === "list" ? found.items[0]?.read : found;
        const person = first?.kind === "object" ? (first.fields.personId ?? first.fields.id) : first;
        return [field, last(JSON.stringify(person ?? null))];
      });
      return [name, Object.fromEntries(read)];
    }),
  );
}

/** PostgreSQL keeps names that nobody quoted in small letters. */
const inCase = (reads: UnknownSchema["reads"], dialect: ErpDialect): UnknownSchema["reads"] =>
  dialect === "postgres" ? JSON.parse(JSON.stringify(reads).replace(/:"[A-Z_]+"/g, (text) => text.toLowerCase())) : reads;
