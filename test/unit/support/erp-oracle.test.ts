import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ErpDb } from "../../support/erp/db.ts";
import { generateErp, insertRows } from "../../support/erp/generate.ts";
import { createLife } from "../../support/erp/life.ts";
import { consultOracle, type OracleVerdict } from "../../support/erp/oracle.ts";
import { expectEntities } from "../../support/erp/oracle-expected.ts";
import type { OracleFields } from "../../support/erp/oracle-values.ts";
import { seededRandom } from "../../support/erp/random.ts";
import { createSchema } from "../../support/erp/schema.ts";
import { tempDirectory } from "../../support/servers.ts";
import { type Bench, onEveryDatabase } from "./erp-companies.ts";

const clock = { now: () => Date.UTC(2026, 10, 24, 9) };
const portalTables = `
  CREATE TABLE entity (agent_id TEXT, type TEXT, id TEXT, fields TEXT, deleted_at INTEGER, PRIMARY KEY (agent_id, type, id));
  CREATE TABLE command (agent_id TEXT, id TEXT, type TEXT, state TEXT, result TEXT)`;

/** A portal's store that a test fills by hand. */
async function portal(): Promise<{ path: string; store: DatabaseSync } & AsyncDisposable> {
  const home = await tempDirectory();
  const path = `${home.path}/portal.db`;
  const store = new DatabaseSync(path);
  store.exec(portalTables);
  return {
    path,
    store,
    [Symbol.asyncDispose]: async () => {
      store.close();
      await home[Symbol.asyncDispose]();
    },
  };
}

function put(store: DatabaseSync, type: string, id: string, fields: OracleFields): void {
  store.prepare("INSERT OR REPLACE INTO entity VALUES ('a1', ?, ?, ?, NULL)").run(type, id, JSON.stringify(fields));
}

/** Fills the portal as the oracle itself expects it: the plants of the tests are what must then be noticed. */
async function fill(erp: ErpDb, store: DatabaseSync): Promise<void> {
  store.exec("BEGIN");
  await expectEntities(erp, (type, entities) => {
    for (const [id, fields] of entities) put(store, type, id, fields);
  });
  store.exec("COMMIT");
}

onEveryDatabase("The oracle", (start) => {
  let bench: Bench;
  let erp: ErpDb;

  beforeAll(async () => {
    bench = await start();
    erp = await bench.open();
    await generateErp(erp, { units: 250, seed: 21, uniqueFremdnr: false });
  });
  afterAll(async () => {
    await erp.close();
    await bench.end();
  });

  const consult = (path: string, agentId = "a1"): Promise<OracleVerdict> => consultOracle({ erp, portalStore: path, agentId });

  test("finds nothing where both sides hold the same, and ignores what the portal has deleted or holds for another agent", async () => {
    await using side = await portal();
    await fill(erp, side.store);
    side.store.exec(
      `INSERT INTO entity VALUES ('a1', 'person', 'gone', '{}', 1), ('a2', 'person', '001.00000001.1', '{}', NULL)`,
    );
    const verdict = await consult(side.path);
    expect(verdict).toMatchObject({ mismatches: 0, details: [], commands: { issued: 0 } });
    expect(verdict.entities.unit).toBe(250 - 2);
    expect(verdict.entities.property).toBeGreaterThan(4);
  });

  test("reports a missing row with what the ERP says", async () => {
    await using side = await portal();
    await fill(erp, side.store);
    side.store.exec("UPDATE entity SET deleted_at = 5 WHERE type = 'building' AND id = '001.000010.001'");
    const verdict = await consult(side.path);
    expect(verdict.mismatches).toBe(1);
    expect(verdict.details).toMatchObject([
      { kind: "missing", type: "building", id: "001.000010.001", expected: { propertyId: "001.000010" } },
    ]);
  });

  test("reports extra rows: one that the ERP lacks, one of the other company, and one that has to wait for its parent", async () => {
    await using side = await portal();
    await fill(erp, side.store);
    put(side.store, "person", "001.99999999.1", { kind: "natural" });
    put(side.store, "property", "002.000010", { name: "x" });
    const [held] = await erp.query("SELECT OBJNR, WOHNNR FROM WOHNUNG WHERE HAUSNR = '999' AND MANDANT = '001' ORDER BY WOHNNR");
    put(side.store, "unit", `001.${held?.OBJNR}.999.${held?.WOHNNR}`, { name: "x" });
    put(side.store, "x-other", "1", {});
    const verdict = await consult(side.path);
    expect(verdict.mismatches).toBe(4);
    expect(verdict.details.map(({ kind, type }) => `${kind} ${type}`).sort()).toEqual([
      "extra person",
      "extra property",
      "extra unit",
      "extra x-other",
    ]);
  });

  test("reports a differing row with the field on both sides, down to a cent, a null and an order", async () => {
    await using side = await portal();
    await fill(erp, side.store);
    side.store.exec(`
      UPDATE entity SET fields = json_set(fields, '$.total.amount', '0.01') WHERE type = 'invoice' AND id = '001.0000000001';
      UPDATE entity SET fields = json_remove(fields, '$.closedAt') WHERE type = 'ticket' AND id = '001.00000001';
      UPDATE entity SET fields = json_set(fields, '$.openAmount.amount', 1) WHERE type = 'invoice' AND id = '001.0000000003';
      UPDATE entity SET fields = json_set(fields, '$.subject', json('[' || json_extract(fields, '$.subject[1]') || ',' || json_extract(fields, '$.subject[0]') || ']'))
        WHERE type = 'invoice' AND id = '001.0000000002'`);
    const verdict = await consult(side.path);
    expect(verdict.mismatches).toBe(4);
    expect(verdict.details).toMatchObject([
      { kind: "different", type: "ticket", id: "001.00000001", actual: {} },
      { kind: "different", type: "invoice", id: "001.0000000001", actual: { total: { amount: "0.01", currency: "EUR" } } },
      { kind: "different", type: "invoice", id: "001.0000000002" },
      { kind: "different", type: "invoice", id: "001.0000000003" },
    ]);
    expect(Object.keys(verdict.details[0]?.expected as object)).toEqual(["closedAt"]);
  });

  test("lists the first 20 differences and counts all", async () => {
    await using side = await portal();
    await fill(erp, side.store);
    side.store.exec("DELETE FROM entity WHERE type = 'unit'");
    const verdict = await consult(side.path);
    expect(verdict.mismatches).toBe(248);
    expect(verdict.details).toHaveLength(20);
  });

  test("counts the commands: once, lost, doubled, refused, uncertain", async () => {
    await using side = await portal();
    const ticket = (number: string, fremdnr: string | null): Promise<number> =>
      erp.run("UPDATE AUFTRAG SET FREMDNR = ?, KANAL = 'P' WHERE MANDANT = '001' AND AUFTRNR = ?", [fremdnr, number]);
    await ticket("00000003", "ONCE0001");
    await ticket("00000004", "TWICE001");
    await ticket("00000005", "TWICE001");
    await ticket("00000006", "REFUSED1");
    await ticket("00000007", "ELSEWHERE");
    await fill(erp, side.store);
    const command = side.store.prepare("INSERT INTO command VALUES ('a1', ?, ?, ?, ?)");
    const applied = (id: string): string => JSON.stringify({ outcome: "applied", entity: { type: "ticket", id } });
    command.run("ONCE0001", "ticket.create", "settled", applied("001.00000003"));
    command.run("TWICE001", "ticket.create", "settled", applied("001.00000004"));
    command.run("LOST0001", "ticket.create", "settled", applied("001.00000099"));
    command.run("OPEN0001", "ticket.create", "received", null);
    command.run("REFUSED1", "ticket.create", "settled", '{"outcome":"rejected"}');
    command.run("REFUSED2", "ticket.create", "settled", '{"outcome":"rejected"}');
    command.run("UNSURE01", "message.create", "result", '{"outcome":"uncertain"}');
    command.run("UPDATE01", "ticket.update", "settled", applied("001.00000003"));
    command.run("UPDATE02", "ticket.update", "settled", applied("001.77777777"));
    command.run("ELSEWHERE", "ticket.create", "settled", applied("001.00000001"));
    const verdict = await consult(side.path);
    expect(verdict.commands).toEqual({ issued: 10, appliedOnce: 3, lost: 3, doubled: 2, refused: 1, uncertain: 1 });
    expect(verdict.details.map(({ kind, id }) => `${kind} ${id}`)).toEqual([
      "command TWICE001",
      "command LOST0001",
      "command OPEN0001",
      "command REFUSED1",
      "command UPDATE02",
      "command ELSEWHERE",
    ]);
    await ticket("00000008", null);
    expect((await consult(side.path)).commands.doubled).toBe(3);
    await erp.run("UPDATE AUFTRAG SET FREMDNR = NULL, KANAL = 'T' WHERE KANAL = 'P'");
  });

  test("knows which rows must be absent: bad ones, what hangs on them, cancelled ones, vacancies", async () => {
    const ids: Record<string, Set<string>> = {};
    await expectEntities(erp, (type, entities) => {
      ids[type] = new Set(entities.keys());
    });
    const expected = async (sql: string): Promise<number> => Number((await erp.query(`SELECT COUNT(*) AS N FROM ${sql}`))[0]?.N);
    const good = `MANDANT = '001' AND HAUSNR <> '999'`;
    const periods = `MIETVERTRAG WHERE ${good} AND LEERSTAND = 'N' AND STORNO = 'N' AND BEGINN <> 20230231`;
    expect(ids.utilisationPeriod?.size).toBe(await expected(periods));
    expect(ids.ticket?.size).toBe(await expected(`AUFTRAG WHERE ${good} AND STATUS <> 'X'`));
    expect(ids.meter?.size).toBe(await expected(`ZAEHLER WHERE ${good}`));
    const key = "CONCAT(MANDANT, OBJNR, HAUSNR, WOHNNR, FOLGE)".replace("CONCAT", erp.dialect === "sqlite" ? "concat" : "CONCAT");
    expect(ids.invoice?.size).toBe(
      await expected(`SOLLSTELLUNG WHERE STORNO = 'N' AND ${key} IN (SELECT ${key} FROM ${periods})`),
    );
  });

  test("follows the company's life: what was right before is wrong after, until the portal follows too", async () => {
    await using side = await portal();
    await fill(erp, side.store);
    const life = createLife({ db: erp, random: seededRandom(8), clock });
    for (let index = 0; index < 60; index++) await life.step();
    expect((await consult(side.path)).mismatches).toBeGreaterThan(20);
    side.store.exec("DELETE FROM entity");
    await fill(erp, side.store);
    expect((await consult(side.path)).mismatches).toBe(0);
  });
});

onEveryDatabase("What the oracle expects of one row", (start) => {
  test("is what a person reads in the ERP, written out by hand", async () => {
    const bench = await start();
    const erp = await bench.open();
    try {
      await createSchema(erp);
      await insertGolden(erp);
      const found: Record<string, Record<string, OracleFields>> = {};
      await expectEntities(erp, (type, entities) => {
        found[type] = Object.fromEntries(entities);
      });
      expect(JSON.parse(JSON.stringify(found))).toMatchObject(golden);
      expect(Object.keys(found.ticket ?? {})).toEqual(["001.00000007"]);
    } finally {
      await erp.close();
      await bench.end();
    }
  });
});

const address = { STRASSE: "Größenweg", HNR: "3a", PLZ: "01067", ORT: "Köln" };
const portalAddress = { street: "Größenweg", houseNumber: "3a", postalCode: "01067", city: "Köln", country: "DE" };
const unit = { MANDANT: "001", OBJNR: "000010", HAUSNR: "001", WOHNNR: "ST/1" };
const AENDTS = "2026-11-01 08:00:00";

async function insertGolden(erp: ErpDb): Promise<void> {
  const { HAUSNR: _, WOHNNR: __, ...estate } = unit;
  await insertRows(erp, "OBJEKT", [{ ...estate, BEZ: "Park „Süd“", ...address, VERWART: "W", EIGNR: "" }]);
  await insertRows(erp, "HAUS", [{ ...estate, HAUSNR: "001", BEZ: "Haus 1", ...address, BAUJAHR: 1900, AUFZUG: "J" }]);
  await insertRows(erp, "WOHNUNG", [
    { ...unit, LAGE: " EG links ", ART: "??", ETAGE: "EG", FLAECHE: "55.50", ZIMMER: "2.5", EIGENTUM: "J" },
  ]);
  const names = { ANREDE: "", NAME1: "Weiß", VORNAME1: "Zoë", NAME2: "Weiß", VORNAME2: "" };
  const person = {
    MANDANT: "001",
    PERSNR: "00000009",
    ART: "N",
    ...names,
    EMAIL: " ZOE@Web.Example.DE ",
    TELEFON: "0351 / 1",
    ...address,
  };
  await insertRows(erp, "PERSON", [{ ...person, GEBDAT: 20_000_229, MAHNSPERRE: "N", AENDTS }]);
  const contract = { ...unit, FOLGE: 2, PERSNR: "00000009", MITPERSNR: "", BEGINN: 20_240_101, ENDE: 99_991_231 };
  await insertRows(erp, "MIETVERTRAG", [{ ...contract, LEERSTAND: "N", STORNO: "N", MIETE: "1.00", KAUTION: "0.00", AENDTS }]);
  const times = { ANLDAT: 20_260_701, ANLZEIT: 91_500, ERLDAT: 20_261_102, ERLZEIT: 235_959, TERMIN: 0 };
  const codes = { ART: "S", STATUS: "9", PRIO: "7", KATEGORIE: "SANI", KANAL: "T", GEWAEHR: "N", KOSTST: "", SPARTE: 0 };
  const ticket = {
    ...unit,
    AUFTRNR: "00000007",
    FREMDNR: null,
    MELDER: "00000404",
    SBNR: "",
    KREDNR: "",
    KURZTEXT: "Tropft",
    LANGTEXT: "",
  };
  await insertRows(erp, "AUFTRAG", [
    { ...ticket, ...codes, ...times, AENDTS },
    { ...ticket, ...codes, ...times, AENDTS, AUFTRNR: "00000008", ERLDAT: 20_261_131 },
  ]);
  const line = { MANDANT: "001", AUFTRNR: "00000007", FREMDNR: null, VERFASSER: "", ERFDAT: 20_260_702, ERFZEIT: 0 };
  await insertRows(erp, "AUFTRTEXT", [
    { ...line, LFDNR: 1, ART: "B", ZEILE: "Bad 🚿" },
    { ...line, LFDNR: 2, ART: "N", ZEILE: "Kommt" },
    { ...line, LFDNR: 3, ART: "B", ZEILE: "Küche" },
  ]);
  const { MANDANT, ...where } = unit;
  const sums = { SOLLDAT: 20_261_201, FAELLIG: 0, BETRAG: "-12.30", OFFEN: "0.00", STORNO: "N", AENDTS };
  await insertRows(erp, "SOLLSTELLUNG", [{ MANDANT, SOLLNR: "0000000001", ...where, FOLGE: 2, PERSNR: "00000009", ...sums }]);
}

const golden = {
  property: { "001.000010": { name: "Park „Süd“", address: portalAddress, managementType: "condominium" } },
  unit: {
    "001.000010.001.ST%2F1": {
      buildingId: "001.000010.001",
      name: "EG links",
      objectType: "other",
      usage: "owned",
      floor: "EG",
      rooms: "2.5",
    },
  },
  person: {
    "001.00000009.1": {
      kind: "natural",
      lastName: "Weiß",
      firstName: "Zoë",
      salutation: null,
      emails: [{ address: "zoe@web.example.de" }],
      phones: [{ number: "0351 / 1", kind: "private" }],
      address: portalAddress,
      birthDate: "2000-02-29",
    },
    "001.00000009.2": { lastName: "Weiß", firstName: null, emails: null, phones: [], birthDate: null },
  },
  utilisationPeriod: {
    "001.000010.001.ST%2F1.2": {
      unitId: "001.000010.001.ST%2F1",
      startDate: "2024-01-01",
      endDate: null,
      participants: [{ personId: "001.00000009.1", role: "main" }],
    },
  },
  ticket: {
    "001.00000007": {
      number: "00000007",
      description: "Bad 🚿\nKüche",
      status: "closed",
      priority: "normal",
      unitId: "001.000010.001.ST%2F1",
      createdAt: "2026-07-01T07:15:00.000Z",
      closedAt: "2026-11-02T22:59:59.000Z",
      dueDate: null,
    },
  },
  message: {
    "001.00000007.2": {
      ticketId: "001.00000007",
      author: null,
      body: "Kommt",
      visibility: "tenant",
      createdAt: "2026-07-01T22:00:00.000Z",
    },
  },
  invoice: {
    "001.0000000001": {
      subject: [
        { type: "utilisationPeriod", id: "001.000010.001.ST%2F1.2" },
        { type: "person", id: "001.00000009.1" },
      ],
      issueDate: "2026-12-01",
      dueDate: null,
      total: { currency: "EUR" },
    },
  },
};
