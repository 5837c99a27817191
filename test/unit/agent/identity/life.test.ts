// What happens to records in the life of a housing company, with a whole agent on the sample ERP: who continues whom at the portal.
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../../base/time.ts";
import { erpConfig } from "../../../support/erp/config.ts";
import type { ErpDb, ErpRow } from "../../../support/erp/db.ts";
import { openSqliteErp } from "../../../support/erp/db-sqlite.ts";
import { generateErp, insertRows, mainMandant } from "../../../support/erp/generate.ts";
import { type LivingAgent, livingAgent } from "../../../support/living-agent.ts";

interface Entity {
  type: string;
  id: string;
  fields: string;
  deleted_at: number | null;
  delete_reason: string | null;
  replaces: string | null;
  replaced_by: string | null;
  seq: number;
}

const opened = new AsyncDisposableStack();
let site: LivingAgent;
let erp: ErpDb;
let seen = 0;

/** What stands below `agent:` and `erp:`. */
function configuration(): string {
  const whole = erpConfig({
    dialect: "sqlite",
    connection: [],
    portalUrl: "ws://127.0.0.1:1/agent",
    state: "/nowhere",
    unjudged: true,
  });
  return whole.slice(whole.indexOf("vars:")).replace(/^guards:.*\n/m, "");
}

beforeAll(async () => {
  site = opened.use(await livingAgent(""));
  const { file } = site.erp.prepare("PRAGMA database_list").get() as { file: string };
  erp = openSqliteErp(file);
  opened.defer(() => erp.close());
  await generateErp(erp, { units: 60, seed: 4 });
  await site.start(configuration());
});
afterAll(() => opened.disposeAsync());

const entities = (where: string): Entity[] =>
  site.gateway.store.all<Entity>(`SELECT * FROM entity WHERE ${where} ORDER BY type, id`);

/** Everything is compared, and nothing waits any more but for `look`; then what has come since the last call. */
async function settled(look: () => void): Promise<{ came: Entity[]; gone: Entity[] }> {
  const id = site.store((store) => store.asks.post({ kind: "sync", source: undefined, full: true }, systemClock.now()));
  await site.until(() => expect(site.store((store) => store.asks.answerOf(id))).toMatchObject({ outcome: "done" }));
  await site.until(look);
  const came = entities(`deleted_at IS NULL AND seq > ${seen}`);
  const gone = entities(`deleted_at IS NOT NULL AND seq > ${seen}`);
  seen = Math.max(seen, ...[...came, ...gone].map(({ seq }) => seq));
  return { came, gone };
}

const contract = async (where: string): Promise<ErpRow> => {
  const sql = `SELECT * FROM MIETVERTRAG WHERE MANDANT = ? AND STORNO <> 'J' AND LEERSTAND <> 'J' AND PERSNR <> '' AND ENDE = 99991231 AND ${where}
    AND HAUSNR <> '999' ORDER BY OBJNR, HAUSNR, WOHNNR LIMIT 1`;
  const [row] = await erp.query(sql, [mainMandant]);
  if (row === undefined) throw new Error("the sample has no such contract");
  return row;
};

test("A relocation inside the estate keeps the person's id: the old period ends, a new one starts, and nothing is replaced", async () => {
  await settled(() => undefined);
  const row = await contract("1 = 1");
  const { OBJNR, HAUSNR, WOHNNR, FOLGE, PERSNR } = row;
  await erp.run(
    "UPDATE MIETVERTRAG SET ENDE = 20261231, AENDTS = '2026-11-23 18:00:00' WHERE MANDANT = ? AND OBJNR = ? AND HAUSNR = ? AND WOHNNR = ? AND FOLGE = ?",
    [...[mainMandant, OBJNR ?? null, HAUSNR ?? null, WOHNNR ?? null, FOLGE ?? null]],
  );
  const [unit] = await erp.query("SELECT * FROM WOHNUNG WHERE MANDANT = ? AND OBJNR = ? AND HAUSNR = ? AND WOHNNR <> ? LIMIT 1", [
    ...[mainMandant, OBJNR ?? null, HAUSNR ?? null, WOHNNR ?? null],
  ]);
  const to = unit?.WOHNNR ?? "";
  await insertRows(erp, "MIETVERTRAG", [{ ...row, WOHNNR: to, FOLGE: 90, BEGINN: 20270101, ENDE: 99991231 }]);
  const place = `${mainMandant}.${OBJNR}.${HAUSNR}`;
  const [before, after] = [`${place}.${WOHNNR}.${FOLGE}`, `${place}.${to}.90`];
  const { came, gone } = await settled(() => {
    expect(entities(`id = '${after}'`)).toHaveLength(1);
    expect(entities(`id = '${before}' AND json_extract(fields, '$.endDate') = '2026-12-31'`)).toHaveLength(1);
  });
  expect(gone).toEqual([]);
  expect(came.map(({ type, id, replaces }) => [type, id, replaces])).toEqual(
    [before, after].sort().map((id) => ["utilisationPeriod", id, null]),
  );
  const main = [{ personId: `${mainMandant}.${PERSNR}.1`, role: "main" }];
  const fieldsOf = (id: string) => JSON.parse(came.find((one) => one.id === id)?.fields ?? "") as object;
  expect(fieldsOf(before)).toMatchObject({ endDate: "2026-12-31", participants: main });
  expect(fieldsOf(after)).toMatchObject({ startDate: "2027-01-01", participants: main });
});

test("A unit that is split keeps its id, and the new one replaces nothing", async () => {
  const { OBJNR, HAUSNR, WOHNNR } = await contract("WOHNNR <> ''");
  const key = [mainMandant, OBJNR ?? null, HAUSNR ?? null, WOHNNR ?? null];
  const where = "MANDANT = ? AND OBJNR = ? AND HAUSNR = ? AND WOHNNR = ?";
  const [unit] = await erp.query(`SELECT * FROM WOHNUNG WHERE ${where}`, key);
  await erp.run(`UPDATE WOHNUNG SET FLAECHE = 31 WHERE ${where}`, key);
  await insertRows(erp, "WOHNUNG", [{ ...unit, WOHNNR: "S1", FLAECHE: 29 }]);
  const { came, gone } = await settled(() => {
    expect(entities("type = 'unit' AND id LIKE '%.S1'")).toHaveLength(1);
    expect(entities(`id = '${key.join(".")}' AND json_extract(fields, '$.areaSquareMetres') = '31'`)).toHaveLength(1);
  });
  expect(gone).toEqual([]);
  expect(came.map(({ id, replaces }) => [id, replaces])).toEqual(
    [
      [key.join("."), null],
      [[...key.slice(0, 3), "S1"].join("."), null],
    ].sort(),
  );
});
