/**
 * Thirty days without a portal, on a clock that the test moves: the agent's own parts with a real ERP file, store, socket and gateway in this process.
 * Nothing is read meanwhile; keys gather, one per entity; then everything drains, parents first.
 */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, expect, onTestFailed, test } from "vitest";
import { runAgent } from "../../agent/agent.ts";
import { enrol } from "../../agent/channel/enrol.ts";
import { storeEnrolment } from "../../agent/channel/identity.ts";
import { sqlitePlace } from "../../agent/cli/demo/erp-place.ts";
import { readStatusFile } from "../../agent/status-file.ts";
import { openStoreForReading } from "../../agent/store/open.ts";
import type { StoreReader } from "../../agent/store/store.ts";
import { silentLog } from "../../base/log.ts";
import { loadConfig } from "../../config/load.ts";
import { openSecrets } from "../../config/secrets.ts";
import { type Gateway, openGateway } from "../../portal/gateway.ts";
import { localStamp } from "../support/erp/calendar.ts";
import { erpConfig } from "../support/erp/config.ts";
import type { ErpDb, ErpRow } from "../support/erp/db.ts";
import { generateErp, insertRows, mainMandant } from "../support/erp/generate.ts";
import { consultOracle } from "../support/erp/oracle.ts";
import type { TableName } from "../support/erp/schema.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";
import { freePort, tempDirectory } from "../support/servers.ts";

const hourMs = 3_600_000;
/** Thirty days in steps of two hours: so often the cursor columns are asked. */
const steps = 360;
const stepMs = 2 * hourMs;
const changesWanted = 1_000_000;
const entitiesChanged = 10_000;
/** Bound of the outbox (agent/store/outbox.ts). */
const outboxBytes = 64 * 1_048_576;
const never = new AbortController().signal;

const closing: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of closing.splice(0)) await stack.disposeAsync();
});

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
function memoryMb(): { heap: number; rss: number } {
  collectGarbage();
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: Math.round(heapUsed / 1e5) / 10, rss: Math.round(rss / 1e5) / 10 };
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

interface Office {
  clock: ManualClock;
  erp: ErpDb;
  state: string;
  portalStore: string;
  gateway: Gateway;
  agentId: string;
  reader: StoreReader;
  /** Ends the portal; the agent finds nobody at its address. */
  goOffline(): Promise<void>;
  comeBack(): Promise<void>;
  /** Lets time pass in small steps until `look` is true. @throws after so much simulated time */
  until(what: string, look: () => boolean, withinMs: number): Promise<void>;
}

async function openOffice(): Promise<Office> {
  const opened = new AsyncDisposableStack();
  closing.push(opened);
  const folder = opened.use(await tempDirectory()).path;
  const state = join(folder, "state");
  mkdirSync(state);
  const clock = manualClock();
  const place = sqlitePlace(join(folder, "erp.db"));
  const erp = opened.use(place.open());
  // The clerks' disk is no part of the test.
  await erp.run("PRAGMA synchronous = OFF");
  await generateErp(erp, { units: 1_900, seed: 30 });
  const portalStore = join(folder, "portal.db");
  const port = await freePort();
  const openPortal = () => openGateway({ storePath: portalStore, port, clock, random: Math.random });
  const office = { clock, erp, state, portalStore, gateway: await openPortal() } as Office;
  opened.defer(() => office.gateway.close());
  const configFile = join(folder, "erpfuser.yaml");
  const { dialect, connection } = place;
  const schedule = { cursorEvery: "2h", compareEvery: "1d" };
  writeFileSync(configFile, erpConfig({ dialect, connection, portalUrl: office.gateway.url, state, stage: "live", ...schedule }));
  const { config, faults } = await loadConfig(configFile);
  if (config === undefined) throw new Error(JSON.stringify(faults));
  const secrets = openSecrets(state, { env: {} });
  const { code } = office.gateway.createEnrolmentCode({ stage: "live", ttlMs: hourMs });
  const way = { portal: office.gateway.url, transport: { proxy: undefined, caFile: undefined, env: {} } };
  const asking = enrol(
    { ...way, secrets, clock, newId: () => crypto.randomUUID(), signal: never },
    { code, host: "erp01", agentName: "A" },
  );
  const enrolment = await asking;
  await storeEnrolment(secrets, enrolment);
  office.agentId = enrolment.agentId;
  const stop = new AbortController();
  const parts = { config, secrets, clock, random: Math.random, log: silentLog, agentVersion: "0.1.0", env: {} };
  let ended: unknown = "the agent runs";
  const running = runAgent(parts, stop.signal).then(
    () => (ended = "the agent ended"),
    (error: unknown) => (ended = error),
  );
  opened.defer(async () => {
    stop.abort();
    await running;
  });
  office.until = async (what, look, withinMs) => {
    for (let passed = 0; passed <= withinMs; passed += 200) {
      if (look()) return;
      if (ended !== "the agent runs") throw ended;
      clock.advance(200);
      await turns(30);
    }
    throw new Error(`Not within ${withinMs} simulated ms: ${what}`);
  };
  office.goOffline = () => office.gateway.close();
  office.comeBack = async () => {
    office.gateway = await openPortal();
  };
  await office.until("the store is there", () => readStatusFile(state) !== undefined, hourMs);
  office.reader = opened.use(openStoreForReading(state, clock));
  return office;
}

const inStep = ({ state }: Office) => readStatusFile(state)?.inStepSince !== undefined;

/** Tables whose changes a cursor column shows, and a change that the portal would see. */
const changing: readonly { table: TableName; source: string; set: string; value: (no: number) => string | number }[] = [
  { table: "SOLLSTELLUNG", source: "invoices", set: "OFFEN", value: (no) => `${no}.17` },
  { table: "MIETVERTRAG", source: "periods", set: "ENDE", value: (no) => 20_300_101 + (no % 28) },
  { table: "AUFTRAG", source: "tickets", set: "KURZTEXT", value: (no) => `Stand ${no}` },
];

/** Every row of the chosen ones belongs to one of 18 groups; five groups change in a step. Returns how many rows changed. */
async function clerksWork({ erp, clock }: Office, no: number, upTo: ReadonlyMap<TableName, number>): Promise<number> {
  const stamp = localStamp(clock.now());
  const groups = [0, 1, 2, 3, 4].map((group) => (no * 5 + group) % 18);
  let changed = 0;
  await erp.transaction(async (session) => {
    for (const { table, set, value } of changing) {
      const sql = `UPDATE ${table} SET ${set} = ?, AENDTS = ? WHERE rowid <= ? AND rowid % 18 IN (${groups.join()})`;
      changed += await session.run(sql, [value(no), stamp, upTo.get(table) as number]);
    }
  });
  return changed;
}

/** A new estate with all that hangs on it, children first: only their references tell the order. */
async function foundEstate({ erp, clock }: Office, no: number): Promise<void> {
  const stamp = localStamp(clock.now());
  const unit = { MANDANT: mainMandant, OBJNR: `9${String(no).padStart(5, "0")}`, HAUSNR: "001", WOHNNR: "0001" };
  const PERSNR = `9${String(no).padStart(7, "0")}`;
  const copy = async (table: TableName, where: string, change: ErpRow): Promise<void> => {
    const [row] = await erp.query(`SELECT * FROM ${table} WHERE MANDANT = ? AND ${where} LIMIT 1`, [mainMandant]);
    await insertRows(erp, table, [{ ...row, ...change } as ErpRow]);
  };
  const SOLLNR = `9${String(no).padStart(9, "0")}`;
  await copy("SOLLSTELLUNG", "STORNO = 'N'", { ...unit, SOLLNR, FOLGE: 1, PERSNR, AENDTS: stamp });
  const contract = { ...unit, FOLGE: 1, PERSNR, MITPERSNR: "", BEGINN: 20_261_201, ENDE: 99_991_231 };
  await copy("MIETVERTRAG", "STORNO = 'N' AND LEERSTAND = 'N'", { ...contract, AENDTS: stamp });
  const ticket = { ...unit, AUFTRNR: `9${String(no).padStart(7, "0")}`, FREMDNR: null, MELDER: PERSNR, STATUS: "0" };
  await copy("AUFTRAG", "STATUS = '0'", { ...ticket, AENDTS: stamp });
  await copy("PERSON", "NAME2 = ''", { PERSNR, AENDTS: stamp });
  await copy("WOHNUNG", "HAUSNR = '001'", unit);
  await copy("HAUS", "HAUSNR = '001'", { MANDANT: unit.MANDANT, OBJNR: unit.OBJNR, HAUSNR: unit.HAUSNR });
  await copy("OBJEKT", "1 = 1", { MANDANT: unit.MANDANT, OBJNR: unit.OBJNR });
}

/** The last rowid of each table so that together they have so many rows of the company. */
async function choose({ erp }: Office, count: number): Promise<Map<TableName, number>> {
  const chosen = new Map<TableName, number>();
  let left = count;
  for (const { table } of [...changing].reverse()) {
    const sql = `SELECT rowid AS no FROM ${table} WHERE MANDANT = ? ORDER BY rowid LIMIT ?`;
    const rows = await erp.query(sql, [mainMandant, left]);
    chosen.set(table, Number(rows.at(-1)?.no));
    left -= rows.length;
  }
  expect(left).toBe(0);
  return chosen;
}

const storeBytes = ({ state }: Office): number =>
  ["store.db", "store.db-wal"].reduce((sum, name) => sum + statSync(join(state, name)).size, 0);

/** References of the portal's new entities to entities that it got later; by its own numbers, in the order of arrival. */
function ordersBroken({ gateway, agentId }: Office): string[] {
  const sql = "SELECT type, id, seq, fields FROM entity WHERE agent_id = ? AND deleted_at IS NULL AND (id LIKE '001.9%')";
  const rows = gateway.store.all<{ type: string; id: string; seq: number; fields: string }>(sql, agentId);
  const news = rows.filter(({ id }) => /^001\.9\d{5,}/.test(id));
  expect(new Set(news.map(({ type }) => type))).toEqual(new Set(Object.keys(parentTypes)));
  const seqOf = new Map(news.map(({ type, id, seq }) => [`${type}/${id}`, seq]));
  return news.flatMap(({ type, id, seq, fields }) => {
    const named = [...fields.matchAll(/"(001\.9[^"]+)"/g)].map((match) => match[1] as string);
    const parents = (parentTypes[type] as string[]).flatMap((parent) => named.map((name) => [parent, name] as const));
    const known = parents.filter(([parent, name]) => seqOf.has(`${parent}/${name}`));
    if (type !== "property" && type !== "person" && known.length === 0) return [`${type} ${id} refers to nothing`];
    return known
      .filter(([parent, name]) => (seqOf.get(`${parent}/${name}`) as number) > seq)
      .map(([parent, name]) => `${type} ${id} (${seq}) came before its ${parent} ${name}`);
  });
}

const parentTypes: Record<string, string[]> = {
  property: [],
  person: [],
  building: ["property"],
  unit: ["building"],
  utilisationPeriod: ["unit", "person"],
  invoice: ["utilisationPeriod", "person"],
  ticket: ["unit", "person"],
};

interface Figures {
  changes: number;
  pending: number;
  heap: number;
  rss: number;
  store: number;
}

test("30 days offline, 1,000,000 changes on 10,000 entities: outbox and store stay within their bounds, one key per entity; then all drains, parents first", async () => {
  const began = performance.now();
  const seconds = () => Math.round((performance.now() - began) / 1_000);
  const office = await openOffice();
  const { clock, erp, reader } = office;
  onTestFailed(() => console.log(JSON.stringify(readStatusFile(office.state))));
  await office.until("the first sync is through", () => inStep(office), 10 * 60_000);
  const upTo = await choose(office, entitiesChanged);
  const lastAt = () => Number(office.gateway.store.get<{ last: number }>("SELECT last FROM agent")?.last);

  // The portal falls silent first, and goes away with frames in the outbox that it has not confirmed.
  office.gateway.hooks.ackDelayMs = "never";
  await clerksWork(office, 0, upTo);
  clock.advance(1_000);
  reader.asks.post({ kind: "sync", source: undefined, full: false }, clock.now());
  await office.until("frames wait in the outbox", () => reader.outbox.bounds().items > 1_000, 60_000);
  await office.goOffline();
  const unacked = reader.outbox.bounds();
  const quarantined = reader.quarantine.count();

  const positions = (): string[] => changing.map(({ source }) => String(reader.sources.position(source)));
  const pendingOf = (): number => changing.reduce((sum, { source }) => sum + reader.pending.count(source), 0);
  const figures: Figures[] = [];
  let changes = 0;
  let founded = 0;
  for (let no = 1; no <= steps; no++) {
    const before = positions();
    if (no % 18 === 0) await foundEstate(office, ++founded);
    changes += await clerksWork(office, no, upTo);
    clock.advance(stepMs);
    for (let turn = 0; turn < 1_000 && positions().some((position, at) => position === before[at]); turn++) await turns(5);
    expect(positions().filter((position, at) => position === before[at])).toEqual([]);
    if (no % 36 === 0) figures.push({ changes, pending: reader.pending.count(), ...memoryMb(), store: storeBytes(office) });
  }
  await turns(200);
  console.log(figures.map((figure) => JSON.stringify(figure)).join("\n"));
  console.log(`outbox ${JSON.stringify(unacked)}, ${seconds()} s`);
  expect(changes).toBeGreaterThanOrEqual(changesWanted);
  // What waits unconfirmed stays as it is, and nothing is added to it.
  expect(reader.outbox.bounds()).toEqual(unacked);
  expect(unacked.bytes).toBeLessThan(outboxBytes);
  // One key for each of the 10,000, and for invoice, contract and ticket of each new estate, whatever number of changes.
  expect(pendingOf()).toBe(entitiesChanged + 3 * founded);
  const [early, late] = [figures[0], figures.at(-1)] as [Figures, Figures];
  expect(late.heap - early.heap).toBeLessThan(10);
  expect(late.rss - early.rss).toBeLessThan(60);
  expect(late.store).toBeLessThan(early.store * 1.1);
  expect(late.store).toBeLessThan(outboxBytes);

  await office.comeBack();
  const lastBefore = lastAt();
  await office.until("all has drained", () => inStep(office) && reader.pending.count() === 0, hourMs);
  const items = lastAt() - lastBefore;
  console.log(`drained: ${items} items, ${seconds()} s`);
  // Each changed entity once; the seven of each new estate; what the silent portal had not got.
  expect(items).toBeLessThanOrEqual(entitiesChanged + 7 * founded + unacked.items);
  expect(reader.quarantine.count()).toBe(quarantined);
  expect(ordersBroken(office)).toEqual([]);
  const verdict = await consultOracle({ erp, portalStore: office.portalStore, agentId: office.agentId });
  expect(verdict).toMatchObject({ mismatches: 0, details: [] });
}, 300_000);
