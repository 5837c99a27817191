import type { ErpRow, ErpValue } from "./db.ts";
import { insertRows, mainMandant } from "./generate.ts";
import type { LifeContext, LifeEvent } from "./life.ts";
import { randomEstate, rowsOfEstate, text, unitOf, unitPredicate, unitValues } from "./life-rows.ts";
import { lastNames } from "./names.ts";
import { between, pick } from "./random.ts";

/** Every table that names units; those with AENDTS are stamped when the unit's key changes. */
const unitTables = [
  { table: "WOHNUNG", stamped: false },
  { table: "MIETVERTRAG", stamped: true },
  { table: "SOLLSTELLUNG", stamped: true },
  { table: "AUFTRAG", stamped: true },
  { table: "ZAEHLER", stamped: false },
] as const;

/** Number of the building that is missing where a unit was entered without one. */
const missingBuilding = "999";

async function randomUnit({ session, random }: LifeContext, restructurable = false): Promise<ErpRow | undefined> {
  const estate = await randomEstate(session, random, restructurable);
  if (!estate) return undefined;
  const units = (await rowsOfEstate(session, "WOHNUNG", text(estate, "OBJNR"))).filter((unit) => unit.HAUSNR !== missingBuilding);
  return units.length === 0 ? undefined : pick(random, units);
}

const estateRenamed: LifeEvent = async ({ session, random }) => {
  const estate = await randomEstate(session, random);
  if (!estate) return 0;
  const name = `Quartier „${pick(random, lastNames)}“ ${between(random, 1, 99_999)}`;
  return session.run("UPDATE OBJEKT SET BEZ = ? WHERE MANDANT = ? AND OBJNR = ?", [name, mainMandant, text(estate, "OBJNR")]);
};

const buildingRenovated: LifeEvent = async ({ session, random }) => {
  const estate = await randomEstate(session, random);
  if (!estate) return 0;
  const houses = await rowsOfEstate(session, "HAUS", text(estate, "OBJNR"));
  if (houses.length === 0) return 0;
  const house = pick(random, houses);
  const values = [`Haus ${between(random, 1, 99_999)} (saniert)`, mainMandant, text(house, "OBJNR"), text(house, "HAUSNR")];
  return session.run("UPDATE HAUS SET BEZ = ? WHERE MANDANT = ? AND OBJNR = ? AND HAUSNR = ?", values);
};

const unitMeasuredAgain: LifeEvent = async (context) => {
  const unit = await randomUnit(context);
  if (!unit) return 0;
  const area = `${between(context.random, 20, 180)}.${between(context.random, 10, 99)}`;
  return context.session.run(`UPDATE WOHNUNG SET FLAECHE = ? WHERE ${unitPredicate}`, [area, ...unitValues(unitOf(unit))]);
};

const unitAdded: LifeEvent = async (context) => {
  const neighbour = await randomUnit(context);
  if (!neighbour) return 0;
  const unit = { ...unitOf(neighbour), WOHNNR: `N${between(context.random, 10_000, 99_999)}` };
  if (await exists(context, unit)) return 0;
  await insertRows(context.session, "WOHNUNG", [{ ...neighbour, ...unit, LAGE: "DG – ausgebaut", ETAGE: "DG" }]);
  return 1;
};

async function exists({ session }: LifeContext, unit: ReturnType<typeof unitOf>): Promise<boolean> {
  return (await session.query(`SELECT 1 AS N FROM WOHNUNG WHERE ${unitPredicate}`, unitValues(unit))).length > 0;
}

const unitRenumbered: LifeEvent = async (context) => {
  const unit = await randomUnit(context, true);
  if (!unit) return 0;
  const from = unitOf(unit);
  const to = { ...from, WOHNNR: `R${between(context.random, 10_000, 99_999)}` };
  if (await exists(context, to)) return 0;
  let rows = 0;
  for (const { table, stamped } of unitTables) {
    const stamp = stamped ? ", AENDTS = ?" : "";
    const values: ErpValue[] = [to.WOHNNR, ...(stamped ? [context.stamp] : []), ...unitValues(from)];
    rows += await context.session.run(`UPDATE ${table} SET WOHNNR = ?${stamp} WHERE ${unitPredicate}`, values);
  }
  return rows;
};

/** A small house goes to another estate: since the estate is part of every key, all that hangs on it gets a new key in one transaction. */
const buildingMoved: LifeEvent = async (context) => {
  const { session, random, stamp } = context;
  const from = await randomEstate(session, random, true);
  const to = await randomEstate(session, random, true);
  if (!from || !to || from.OBJNR === to.OBJNR) return 0;
  const house = await smallHouse(context, text(from, "OBJNR"));
  if (!house) return 0;
  const HAUSNR = await freeHouseNumber(context, text(to, "OBJNR"));
  const old = [mainMandant, text(from, "OBJNR"), house];
  const fresh = [text(to, "OBJNR"), HAUSNR];
  let rows = 0;
  for (const { table, stamped } of [{ table: "HAUS", stamped: false }, ...unitTables]) {
    const sql = `UPDATE ${table} SET OBJNR = ?, HAUSNR = ?${stamped ? ", AENDTS = ?" : ""} WHERE MANDANT = ? AND OBJNR = ? AND HAUSNR = ?`;
    rows += await session.run(sql, [...fresh, ...(stamped ? [stamp] : []), ...old]);
  }
  return rows;
};

async function smallHouse({ session, random }: LifeContext, OBJNR: string): Promise<string | undefined> {
  const houses = await session.query(
    "SELECT HAUSNR FROM WOHNUNG WHERE MANDANT = ? AND OBJNR = ? GROUP BY HAUSNR HAVING COUNT(*) <= 3 ORDER BY HAUSNR",
    [mainMandant, OBJNR],
  );
  const fit = houses.map((row) => text(row, "HAUSNR")).filter((number) => number !== missingBuilding);
  return fit.length === 0 ? undefined : pick(random, fit);
}

async function freeHouseNumber({ session }: LifeContext, OBJNR: string): Promise<string> {
  const sql = "SELECT MAX(HAUSNR) AS HAUSNR FROM HAUS WHERE MANDANT = ? AND OBJNR = ? AND HAUSNR <> ?";
  const [highest] = await session.query(sql, [mainMandant, OBJNR, missingBuilding]);
  return String(Number(highest?.HAUSNR ?? 0) + 1).padStart(3, "0");
}

/** Mends a unit that was entered without its building. */
const missingBuildingEntered: LifeEvent = async ({ session }) => {
  const [unit] = await session.query(
    `SELECT W.OBJNR, W.HAUSNR FROM WOHNUNG W LEFT JOIN HAUS H ON H.MANDANT = W.MANDANT AND H.OBJNR = W.OBJNR AND H.HAUSNR = W.HAUSNR
     WHERE W.MANDANT = ? AND H.HAUSNR IS NULL ORDER BY W.OBJNR LIMIT 1`,
    [mainMandant],
  );
  if (!unit) return 0;
  const place = { STRASSE: "Nachtragsweg", HNR: "9", PLZ: "04109", ORT: "Leipzig" };
  const row = {
    MANDANT: mainMandant,
    OBJNR: text(unit, "OBJNR"),
    HAUSNR: text(unit, "HAUSNR"),
    BEZ: "Nachgetragenes Haus",
    ...place,
  };
  await insertRows(session, "HAUS", [{ ...row, BAUJAHR: 1999, AUFZUG: "N" }]);
  return 1;
};

const meterMoved: LifeEvent = async (context) => {
  const { session, random } = context;
  const estate = await randomEstate(session, random);
  const target = await randomUnit(context);
  if (!estate || !target) return 0;
  const meters = await session.query("SELECT * FROM ZAEHLER WHERE MANDANT = ? AND OBJNR = ? ORDER BY ZAEHLNR", [
    mainMandant,
    text(estate, "OBJNR"),
  ]);
  if (meters.length === 0) return 0;
  const { OBJNR, HAUSNR, WOHNNR } = unitOf(target);
  const values = [OBJNR, HAUSNR, WOHNNR, mainMandant, text(pick(random, meters), "ZAEHLNR")];
  return session.run("UPDATE ZAEHLER SET OBJNR = ?, HAUSNR = ?, WOHNNR = ? WHERE MANDANT = ? AND ZAEHLNR = ?", values);
};

export const estateEvents = {
  estateRenamed,
  buildingRenovated,
  unitMeasuredAgain,
  unitAdded,
  unitRenumbered,
  buildingMoved,
  missingBuildingEntered,
  meterMoved,
};
