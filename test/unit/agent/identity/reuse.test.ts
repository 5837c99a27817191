// Contracts whose numbers the ERP gives to new tenants, with a whole agent over SQLite: the former ones end, and nothing of them goes to the next.
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../../base/time.ts";
import { type LivingAgent, livingAgent } from "../../../support/living-agent.ts";

const tables = `
CREATE TABLE OBJEKT (OBJ TEXT PRIMARY KEY, BEZ TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE WOHNUNG (NR TEXT PRIMARY KEY, OBJ TEXT NOT NULL, LAGE TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE PERSON (NR TEXT PRIMARY KEY, NAME TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE VERTRAG (NR TEXT PRIMARY KEY, WHG TEXT, PERS TEXT, BEGINN TEXT, ENDE TEXT, AT INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE ZAHLUNG (NR TEXT PRIMARY KEY, VERTRAG TEXT, BETRAG TEXT, ZWECK TEXT, AT INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE AUFTRAG (NR TEXT PRIMARY KEY, VERTRAG TEXT, PERS TEXT, TEXT TEXT) WITHOUT ROWID;
INSERT INTO OBJEKT VALUES ('10', 'Park');
INSERT INTO WOHNUNG VALUES ('W1', '10', 'links'), ('W2', '10', 'rechts');
INSERT INTO PERSON VALUES ('P1', 'Alt'), ('P2', 'Neu'), ('P3', 'Dritt');
INSERT INTO VERTRAG VALUES ('V1', 'W1', 'P1', '20200101', '', 1), ('V2', 'W2', 'P3', '20210101', '', 1);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
INSERT INTO VERTRAG SELECT printf('X%02d', i), 'W2', 'P3', '20100101', '20101231', 1 FROM n;
INSERT INTO ZAHLUNG VALUES ('Z1', 'V1', '500.00', 'Miete', 1), ('Z2', 'V2', '600.00', 'Miete', 1);
`;
const source = (name: string, words: string): string => `  ${name}: { scope: none, ${words} }\n`;
const configuration = (changes: string, identity = "identity: { reusedWhen: [PERS] }, deletes: { grace: 0s },") => `
types: { ymd: { text: yyyyMMdd, empty: [""], invalid: quarantine } }
quality: { rules: false }
guards: { moved: { rows: 500, percent: 100 }, emptied: { rows: 500, percent: 100 } }
sources:
${source("estates", "type: property, table: OBJEKT, key: NR, changes: { compare: 15m }, fields: { name: BEZ }").replace("key: NR", "key: OBJ")}
${source("units", "type: unit, table: WOHNUNG, key: NR, changes: { compare: 15m }, fields: { propertyId: { ref: estates, key: OBJ }, name: LAGE, objectType: { value: flat } }")}
${source("persons", "type: person, table: PERSON, key: NR, changes: { compare: 15m }, fields: { kind: { value: natural }, lastName: NAME }")}
${source("periods", `type: utilisationPeriod, table: VERTRAG, key: NR, changes: ${changes}, ${identity} fields: { unitId: { ref: units, key: WHG }, kind: { value: tenant }, startDate: { from: BEGINN, as: ymd }, endDate: { from: ENDE, as: ymd }, participants: [ { when: "\${!empty(PERS)}", personId: { ref: persons, key: PERS }, role: { value: main } } ] }`)}
${source("payments", `type: payment, table: ZAHLUNG, key: NR, changes: ${changes}, fields: { direction: { value: received }, utilisationPeriodId: { ref: periods, key: VERTRAG }, date: { value: "2026-01-01" }, amount: { from: BETRAG, currency: EUR }, reference: ZWECK }`)}
`;
const compared = "{ compare: 15m }";
const polled = "{ column: AT, kind: sequence, every: 1s, compare: 15m }";

let site: LivingAgent;
beforeAll(async () => {
  site = await livingAgent(tables);
  await site.start(configuration(compared));
});
afterAll(() => site[Symbol.asyncDispose]());
beforeEach(async () => void (await site.came()));

/** Everything is compared. */
async function compare(): Promise<void> {
  const id = site.store((store) => store.asks.post({ kind: "sync", source: undefined, full: true }, systemClock.now()));
  await site.until(() => expect(site.store((store) => store.asks.answerOf(id))).toMatchObject({ outcome: "done" }));
}
/** Those that the tests are about: few changes of many contracts do not wait for a person. */
const periods = async () =>
  Object.fromEntries(
    Object.entries(await site.held("utilisationPeriod"))
      .filter(([id]) => id.startsWith("V"))
      .map(([id, { participants, startDate, endDate }]) => [
        id,
        [(participants as { personId: string }[]).map(({ personId }) => personId).join(), startDate, endDate].join(" "),
      ]),
  );
const payments = async () =>
  Object.fromEntries(Object.entries(await site.held("payment")).map(([id, fields]) => [id, fields.utilisationPeriodId]));

test("A contract's number given to a new tenant: the former contract ends on the day before, the next one begins under an id of its own, and neither replaces the other", async () => {
  site.erp.exec("UPDATE VERTRAG SET PERS = 'P2', BEGINN = '20261201' WHERE NR = 'V1'");
  await compare();
  expect(await site.came(2)).toEqual(["utilisationPeriod V1", "utilisationPeriod V1::2"]);
  expect(await periods()).toEqual({
    V1: "P1 2020-01-01 2026-11-30",
    "V1::2": "P2 2026-12-01 ",
    V2: "P3 2021-01-01 ",
  });
  const told = site.gateway.store.all(
    "SELECT 1 FROM entity WHERE replaces IS NOT NULL OR replaced_by IS NOT NULL OR deleted_at IS NOT NULL",
  );
  expect(told).toEqual([]);
});

test("What hung on the former contract stays there, also when it changes; what is new hangs on the one that stands", async () => {
  site.erp.exec(
    "UPDATE ZAHLUNG SET BETRAG = '501.00' WHERE NR = 'Z1'; INSERT INTO ZAHLUNG VALUES ('Z3', 'V1', '700.00', 'Miete', 2)",
  );
  await compare();
  expect(await site.came(2)).toEqual(["payment Z1", "payment Z3"]);
  expect(await payments()).toEqual({ Z1: "V1", Z2: "V2", Z3: "V1::2" });
});

test("By a cursor: a payment that is seen before the change of its contract is read with it, and never goes to the former tenant", async () => {
  await site.start(configuration(polled));
  await site.came();
  // In the order of their positions the payment's source may be asked first.
  site.erp.exec(`BEGIN; INSERT INTO ZAHLUNG VALUES ('Z4', 'V2', '900.00', 'Kaution', 100);
    UPDATE VERTRAG SET PERS = 'P1', BEGINN = '20270201', AT = 100 WHERE NR = 'V2'; COMMIT`);
  await site.until(() => expect(site.store(({ entities }) => entities.known("payments", "Z4"))).toBe(true));
  expect(await site.came(3)).toEqual(["payment Z4", "utilisationPeriod V2", "utilisationPeriod V2::2"]);
  expect((await payments()).Z4).toBe("V2::2");
  expect(await periods()).toMatchObject({ V2: "P3 2021-01-01 2027-01-31", "V2::2": "P1 2027-02-01 " });
});

test("A tenant who is blanked and comes back is the same one, and an end that the ERP knows stays as it is", async () => {
  site.erp.exec("UPDATE VERTRAG SET PERS = '', AT = 101 WHERE NR = 'V2'");
  await compare();
  await site.came();
  site.erp.exec("UPDATE VERTRAG SET PERS = 'P1', ENDE = '20270630', AT = 102 WHERE NR = 'V2'");
  await compare();
  await site.came();
  expect(await periods()).toMatchObject({ "V2::2": "P1 2027-02-01 2027-06-30" });
  site.erp.exec("UPDATE VERTRAG SET PERS = 'P2', BEGINN = '20280101', ENDE = '', AT = 103 WHERE NR = 'V2'");
  await compare();
  expect(await site.came(1)).toEqual(["utilisationPeriod V2::3"]);
  expect(await periods()).toMatchObject({ "V2::2": "P1 2027-02-01 2027-06-30", "V2::3": "P2 2028-01-01 " });
});

test("A store that was lost learns from the portal which generation stands: nothing is sent twice, what hung on former ones stays there, and the next reuse counts on", async () => {
  const [before, paid] = [await periods(), await payments()];
  await site.stop();
  rmSync(join(dirname(site.configFile), "state", "store.db"));
  for (const suffix of ["-wal", "-shm"]) rmSync(join(dirname(site.configFile), "state", `store.db${suffix}`), { force: true });
  await site.start(configuration(polled));
  await compare();
  expect(await site.came()).toEqual([]);
  expect([await periods(), await payments()]).toEqual([before, paid]);
  site.erp.exec("UPDATE VERTRAG SET PERS = 'P3', BEGINN = '20290101', AT = 104 WHERE NR = 'V2'");
  site.erp.exec("UPDATE ZAHLUNG SET BETRAG = '502.00', AT = 104 WHERE NR IN ('Z1', 'Z4')");
  await compare();
  expect(await site.came(4)).toEqual(["payment Z1", "payment Z4", "utilisationPeriod V2::3", "utilisationPeriod V2::4"]);
  expect(await periods()).toMatchObject({ "V2::3": "P2 2028-01-01 2028-12-31", "V2::4": "P3 2029-01-01 " });
  expect(await payments()).toEqual(paid);
});

test("A contract that is deleted and comes back is the same one of the same tenant, and another one of another tenant, whose id is not that of the deleted one", async () => {
  const lifeOf = async (person: string, at: number): Promise<string[]> => {
    site.erp.exec("DELETE FROM VERTRAG WHERE NR = 'X01'");
    await compare();
    const gone = await site.came(1);
    site.erp.exec(`INSERT INTO VERTRAG VALUES ('X01', 'W2', '${person}', '20300101', '', ${at})`);
    await compare();
    return [...gone, ...(await site.came(1))];
  };
  expect(await lifeOf("P3", 105)).toEqual(["utilisationPeriod X01 gone", "utilisationPeriod X01"]);
  expect(await lifeOf("P2", 106)).toEqual(["utilisationPeriod X01 gone", "utilisationPeriod X01::2"]);
  expect(await lifeOf("P2", 107)).toEqual(["utilisationPeriod X01::2 gone", "utilisationPeriod X01::2"]);
});
