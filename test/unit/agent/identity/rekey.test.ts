// An announced renumbering with a whole agent: store, gateway and portal's store as they are, over SQLite.
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../../base/time.ts";
import { type LivingAgent, livingAgent } from "../../../support/living-agent.ts";

const units = 2_000;
const tables = `
CREATE TABLE OBJEKT (OBJ TEXT PRIMARY KEY, BEZ TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE HAUS (OBJ TEXT, HAUS TEXT, BEZ TEXT NOT NULL, PRIMARY KEY (OBJ, HAUS)) WITHOUT ROWID;
CREATE TABLE WOHNUNG (OBJ TEXT, HAUS TEXT, NR TEXT, LAGE TEXT NOT NULL, PRIMARY KEY (OBJ, HAUS, NR)) WITHOUT ROWID;
CREATE TABLE PERSON (NR TEXT PRIMARY KEY, NAME TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE VERTRAG (OBJ TEXT, HAUS TEXT, NR TEXT, FOLGE TEXT, PERS TEXT, BEGINN TEXT NOT NULL, PRIMARY KEY (OBJ, HAUS, NR, FOLGE)) WITHOUT ROWID;
CREATE TABLE SOLL (OBJ TEXT, HAUS TEXT, NR TEXT, FOLGE TEXT, LFD TEXT, BETRAG TEXT, PRIMARY KEY (OBJ, HAUS, NR, FOLGE, LFD)) WITHOUT ROWID;
CREATE TABLE ZAEHLER (NR TEXT PRIMARY KEY, OBJ TEXT, HAUS TEXT, WNR TEXT) WITHOUT ROWID;
INSERT INTO OBJEKT VALUES ('10', 'Park');
INSERT INTO HAUS VALUES ('10', '1', 'Haus A');
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${units})
INSERT INTO WOHNUNG SELECT '10', '1', printf('%04d', i), 'WE ' || i FROM n;
INSERT INTO PERSON VALUES ('P1', 'Muster');
INSERT INTO VERTRAG SELECT OBJ, HAUS, NR, '1', 'P1', '20200101' FROM WOHNUNG WHERE NR <= '0040';
INSERT INTO ZAEHLER SELECT 'Z' || NR, OBJ, HAUS, NR FROM VERTRAG;
INSERT INTO SOLL SELECT OBJ, HAUS, NR, FOLGE, '1', '500.00' FROM VERTRAG;
`;
const configuration = `
types: { ymd: { text: yyyyMMdd, invalid: quarantine } }
quality: { rules: false }
sources:
  estates: { type: property, table: OBJEKT, key: [OBJ], scope: none, changes: { compare: 15m }, fields: { name: BEZ } }
  buildings: { type: building, table: HAUS, key: [OBJ, HAUS], scope: none, changes: { compare: 15m }, fields: { propertyId: { ref: estates, key: [OBJ] }, name: BEZ } }
  units:
    type: unit
    table: WOHNUNG
    key: [OBJ, HAUS, NR]
    scope: none
    changes: { compare: 15m }
    fields: { buildingId: { ref: buildings, key: [OBJ, HAUS] }, name: LAGE, objectType: { value: flat } }
  persons: { type: person, table: PERSON, key: [NR], scope: none, changes: { compare: 15m }, fields: { kind: { value: natural }, lastName: NAME } }
  periods:
    type: utilisationPeriod
    table: VERTRAG
    key: [OBJ, HAUS, NR, FOLGE]
    scope: none
    changes: { compare: 15m }
    fields:
      unitId: { ref: units, key: [OBJ, HAUS, NR] }
      kind: { value: tenant }
      startDate: { from: BEGINN, as: ymd }
      endDate: { empty: true }
      participants: [ { personId: { ref: persons, key: [PERS] }, role: { value: main } } ]
  meters:
    type: meter
    table: ZAEHLER
    key: [NR]
    scope: none
    changes: { compare: 15m }
    fields: { unitId: { ref: units, key: [OBJ, HAUS, WNR] }, kind: { value: cold-water }, unitOfMeasure: { value: m3 } }
  invoices:
    type: invoice
    table: SOLL
    key: [OBJ, HAUS, NR, FOLGE, LFD]
    scope: none
    changes: { compare: 15m }
    fields:
      subject: [ { type: { value: utilisationPeriod }, id: { ref: periods, key: [OBJ, HAUS, NR, FOLGE] } } ]
      issueDate: { value: "2024-01-01" }
      total: { from: BETRAG, currency: EUR }
`;

const opened = new AsyncDisposableStack();
let site: LivingAgent;
beforeAll(async () => {
  site = opened.use(await livingAgent(tables));
  await site.start(configuration);
});
afterAll(() => opened.disposeAsync());

const ask = (body: Parameters<Parameters<Parameters<LivingAgent["store"]>[0]>[0]["asks"]["post"]>[0]): number =>
  site.store((store) => store.asks.post(body, systemClock.now()));

test("Of 2,000 announced units, with their contracts and invoices, each replaces its old one, no guard holds their deletes, and none their meters, which name another one now", {
  timeout: 120_000,
}, async () => {
  const pairs = Array.from({ length: units }, (_, index) => {
    const number = String(index + 1).padStart(4, "0");
    return { old: `10.1.${number}`, next: `10.1.W${number}` };
  });
  const id = ask({ kind: "rekey", source: "units", pairs, until: systemClock.now() + 3_600_000 });
  await site.until(() => expect(site.store((store) => store.asks.answerOf(id))).toMatchObject({ outcome: "done" }));
  for (const table of ["WOHNUNG", "VERTRAG", "SOLL"]) site.erp.exec(`UPDATE ${table} SET NR = 'W' || NR`);
  site.erp.exec("UPDATE ZAEHLER SET WNR = 'W' || WNR");
  ask({ kind: "sync", source: undefined, full: true });
  const [live, old] = ["deleted_at IS NULL AND replaces IS NOT NULL", "delete_reason = 'renumbered' AND replaced_by IS NOT NULL"];
  const count = (where: string) => {
    const sql = `SELECT type, count(*) AS n FROM entity WHERE ${where} GROUP BY type`;
    return Object.fromEntries(site.gateway.store.all<{ type: string; n: number }>(sql).map(({ type, n }) => [type, n]));
  };
  await site.until(() => expect(count(old)).toEqual({ unit: units, utilisationPeriod: 40, invoice: 40 }));
  expect(count(live)).toEqual({ unit: units, utilisationPeriod: 40, invoice: 40 });
  const others = { property: 1, building: 1, person: 1, meter: 40 };
  expect(count("deleted_at IS NULL")).toEqual({ ...others, unit: units, utilisationPeriod: 40, invoice: 40 });
  expect(count("type = 'meter' AND json_extract(fields, '$.unitId') LIKE '10.1.W%'")).toEqual({ meter: 40 });
  const pair =
    "SELECT count(*) AS n FROM entity o JOIN entity e ON e.type = o.type AND e.id = o.replaced_by AND e.replaces = o.id WHERE e.id = '10.1.W' || substr(o.id, 6)";
  expect(site.gateway.store.get(pair)).toEqual({ n: units + 80 });
  expect(site.store((store) => store.guards.list())).toEqual([]);
});
