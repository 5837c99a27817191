// What happens to records in the life of a housing company, with a whole agent on the sample ERP: who continues whom at the portal.
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rekey } from "../../../../agent/cli/rekey.ts";
import { systemClock } from "../../../../base/time.ts";
import { successionsIn } from "../../../../portal/successions.ts";
import { commandLine } from "../../../support/command-line.ts";
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
  const reused = "  periods:\n    identity: { reusedWhen: [PERSNR] }\n";
  return whole
    .slice(whole.indexOf("vars:"))
    .replace(/^guards:.*\n/m, "")
    .replace("  periods:\n", reused);
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

/** Announces on the command line, beside the running agent. Returns what follows by its key, by source. */
async function announced(source: string, pairs: readonly (readonly [old: string, next: string])[], ...args: string[]) {
  const file = `${site.configFile}.csv`;
  writeFileSync(file, ["old;new", ...pairs.map((pair) => pair.join(";"))].join("\n"));
  const { code, document } = await commandLine(rekey, site, ["rekey", "--from", file, "--source", source, ...args]);
  expect({ code, document }).toMatchObject({ code: 0, document: { announced: true, sources: [{ source, unknown: 0 }] } });
  const [{ following }] = document.sources as [{ following: Record<string, number> }];
  return following;
}

/** In the ERP these columns get other values wherever they stand so, and each booked row its stamp. */
async function everywhere(
  names: readonly string[],
  columns: readonly string[],
  values: { old: readonly string[]; next: readonly string[] },
) {
  const and = (list: readonly string[]): string => list.map((column) => `${column} = ?`).join(" AND ");
  for (const name of names) {
    const sql = `UPDATE ${name} SET ${columns.map((column) => `${column} = ?`).join(", ")} WHERE MANDANT = ? AND ${and(columns)}`;
    await erp.run(sql, [...values.next, mainMandant, ...values.old]);
  }
}
const ofUnits = ["WOHNUNG", "MIETVERTRAG", "SOLLSTELLUNG", "AUFTRAG", "ZAEHLER"];
const ofPersons = [
  ["MIETVERTRAG", "PERSNR"],
  ["MIETVERTRAG", "MITPERSNR"],
  ["SOLLSTELLUNG", "PERSNR"],
  ["AUFTRAG", "MELDER"],
] as const;

/** What stands at the portal and names this id, `type id`. */
const naming = (id: string): string[] =>
  entities(`deleted_at IS NULL AND fields LIKE '%"${id}"%'`).map((one) => `${one.type} ${one.id}`);
const current = (type: string, id: string): string => successionsIn(site.gateway.store).currentId(site.agentId, type, id);

/** Every one that is gone goes on as one that stands and says so; what named it names that one; no guard was asked. */
function allGoOn(gone: readonly Entity[], reason: string): void {
  for (const { type, id, replaced_by: next, delete_reason: why } of gone) {
    const [successor] = entities(`type = '${type}' AND id = '${next}' AND deleted_at IS NULL`);
    expect({ type, id, why, replaces: successor?.replaces }).toEqual({ type, id, why: reason, replaces: id });
    expect(current(type, id)).toBe(next);
    expect(naming(id)).toEqual([]);
  }
  expect(site.store((store) => store.guards.list())).toEqual([]);
}
const counts = (list: readonly Entity[]): Record<string, number> => {
  const found: Record<string, number> = {};
  for (const { type } of list) found[type] = (found[type] ?? 0) + 1;
  return found;
};

test("A building that moves to another estate, as announced, goes on there with its units and their contracts, which are all found under its new id", async () => {
  const { OBJNR, HAUSNR } = await contract("WOHNNR <> ''");
  const [estate] = await erp.query("SELECT * FROM OBJEKT WHERE MANDANT = ? AND OBJNR = ?", [mainMandant, OBJNR ?? null]);
  await insertRows(erp, "OBJEKT", [{ ...estate, OBJNR: "000900" }]);
  const [old, next] = [
    [String(OBJNR), String(HAUSNR)],
    ["000900", "900"],
  ];
  const [from, to] = [old, next].map((parts) => [mainMandant, ...parts].join(".")) as [string, string];
  const [before, units] = [naming(from), entities(`type = 'unit' AND id LIKE '${from}.%' AND deleted_at IS NULL`)];
  const periods = entities(`type = 'utilisationPeriod' AND id LIKE '${from}.%' AND deleted_at IS NULL`);
  expect(Math.min(units.length, periods.length)).toBeGreaterThan(0);
  expect(await announced("buildings", [[from, to]])).toEqual({ units: units.length, periods: periods.length });
  await everywhere(["HAUS", ...ofUnits], ["OBJNR", "HAUSNR"], { old, next });
  const { gone } = await settled(() => {
    expect(entities(`id LIKE '${from}%' AND (id = '${from}' OR id LIKE '${from}.%') AND deleted_at IS NULL`)).toEqual([]);
  });
  allGoOn(gone, "renumbered");
  expect(counts(gone)).toEqual({ building: 1, unit: units.length, utilisationPeriod: periods.length });
  const [building] = entities(`type = 'building' AND id = '${to}'`);
  expect(JSON.parse(building?.fields ?? "")).toMatchObject({ propertyId: `${mainMandant}.000900` });
  expect(naming(to)).toEqual(before.map((name) => name.replace(` ${from}.`, ` ${to}.`)).sort());
  for (const unit of units) expect(current("unit", unit.id)).toBe(unit.id.replace(from, to));
});

test("A unit with another number, as announced, goes on with its contracts", async () => {
  const { OBJNR, HAUSNR, WOHNNR } = await contract("WOHNNR NOT IN ('', 'S1')");
  const place = [String(OBJNR), String(HAUSNR)];
  const [from, to] = [String(WOHNNR), "R1"].map((number) => [mainMandant, ...place, number].join(".")) as [string, string];
  const before = naming(from);
  const { periods = 0 } = await announced("units", [[from, to]]);
  expect(periods).toBeGreaterThan(0);
  await everywhere(ofUnits, ["OBJNR", "HAUSNR", "WOHNNR"], { old: [...place, String(WOHNNR)], next: [...place, "R1"] });
  const { gone } = await settled(() => {
    expect(entities(`(id = '${from}' OR id LIKE '${from}.%') AND deleted_at IS NULL`)).toEqual([]);
  });
  allGoOn(gone, "renumbered");
  expect(counts(gone)).toEqual({ unit: 1, utilisationPeriod: periods });
  expect(naming(to)).toEqual(before.map((name) => name.replace(` ${from}.`, ` ${to}.`)).sort());
});

/** A tenant who is one person, and not this one. */
const tenant = async (besides = ""): Promise<string> => {
  const alone = "PERSNR IN (SELECT PERSNR FROM PERSON WHERE ART = 'N' AND NAME2 = '')";
  return String((await contract(`PERSNR <> '${besides}' AND ${alone}`)).PERSNR);
};
const personId = (number: string): string => `${mainMandant}.${number}.1`;

test("A person with another number, as announced, goes on, and all contracts name it", async () => {
  const [from, to] = [await tenant(), "99000001"];
  const before = naming(personId(from));
  expect(before.length).toBeGreaterThan(0);
  await announced("persons", [[personId(from), personId(to)]]);
  await everywhere(["PERSON"], ["PERSNR"], { old: [from], next: [to] });
  for (const [name, column] of ofPersons) await everywhere([name], [column], { old: [from], next: [to] });
  const { gone } = await settled(() => expect(entities(`id = '${personId(from)}' AND deleted_at IS NULL`)).toEqual([]));
  allGoOn(gone, "renumbered");
  expect(gone.map(({ id }) => id)).toEqual([personId(from)]);
  expect(naming(personId(to))).toEqual(before);
});

test("Of two persons that are merged, as announced, one is deleted with the reason merged and goes on as the other, with the contracts of both", async () => {
  const survivor = "99000001";
  const loser = await tenant(survivor);
  const before = [...naming(personId(loser)), ...naming(personId(survivor))];
  await announced("persons", [[personId(loser), personId(survivor)]], "--merged");
  // Both still stand: what was announced is not yet so.
  await settled(() => expect(entities(`id = '${personId(survivor)}' AND replaces = '${personId(loser)}'`)).toHaveLength(1));
  expect(current("person", personId(loser))).toBe(personId(loser));
  for (const [name, column] of ofPersons) await everywhere([name], [column], { old: [loser], next: [survivor] });
  await erp.run("DELETE FROM PERSON WHERE MANDANT = ? AND PERSNR = ?", [mainMandant, loser]);
  const { gone } = await settled(() => expect(entities(`id = '${personId(loser)}' AND deleted_at IS NULL`)).toEqual([]));
  allGoOn(gone, "merged");
  expect(gone.map(({ id }) => id)).toEqual([personId(loser)]);
  expect(naming(personId(survivor))).toEqual([...new Set(before)].sort());
});

test("A contract whose number is given to a new tenant ends the day before, the new tenant's begins under an id of its own, and old bills stay with the former one", async () => {
  const former = await tenant("99000001");
  const { OBJNR, HAUSNR, WOHNNR, FOLGE } = await contract(`PERSNR = '${former}'`);
  const key = [mainMandant, OBJNR ?? null, HAUSNR ?? null, WOHNNR ?? null, FOLGE ?? null];
  const id = key.join(".");
  const before = naming(id);
  await erp.run(
    `UPDATE MIETVERTRAG SET PERSNR = '99000001', BEGINN = 20270301, AENDTS = '2026-11-23 19:00:00'
       WHERE MANDANT = ? AND OBJNR = ? AND HAUSNR = ? AND WOHNNR = ? AND FOLGE = ?`,
    key,
  );
  const { came, gone } = await settled(() => expect(entities(`id = '${id}::2'`)).toHaveLength(1));
  expect(gone).toEqual([]);
  expect(came.map((one) => [one.type, one.id, one.replaces])).toEqual(
    [id, `${id}::2`].map((one) => ["utilisationPeriod", one, null]),
  );
  const [ended, begun] = came.map(({ fields }) => JSON.parse(fields) as object);
  const ofPerson = (number: string) => expect.arrayContaining([{ personId: personId(number), role: "main" }]) as unknown;
  expect(ended).toMatchObject({ endDate: "2027-02-28", participants: ofPerson(former) });
  expect(begun).toMatchObject({ startDate: "2027-03-01", endDate: null, participants: ofPerson("99000001") });
  expect([naming(id), naming(`${id}::2`)]).toEqual([before, []]);
});
