import type { Random } from "../../../base/time.ts";
import { openEnd } from "./calendar.ts";
import type { ErpRow, ErpSession, ErpValue } from "./db.ts";
import { mainMandant } from "./generate.ts";
import { between, pick } from "./random.ts";

/** Columns that name a unit in every table that has to do with one. */
export type UnitKey = { MANDANT: string; OBJNR: string; HAUSNR: string; WOHNNR: string };

/**
 * What may be renumbered, merged or moved: everything in estates whose number ends in 20, 30 or 60, and persons whose number ends in 7, 8 or 9
 * (besides, persons without any contract may be deleted). A portal that reports damages concurrently keeps to the others (`portalMayUse`),
 * since a ticket that reaches the ERP for a unit that has just vanished hangs on nothing, on whichever side one looks.
 */
const restructured = { estate: /[236]0$/, person: /[789]$/ };

export function mayRestructureEstate(OBJNR: string): boolean {
  return restructured.estate.test(OBJNR);
}

export function mayRestructurePerson(PERSNR: string): boolean {
  return restructured.person.test(PERSNR);
}

/** True when no event of this life renumbers, moves or merges what stands behind these portal ids (a unit and one of its tenants). */
export function portalMayUse(unitId: string, personId?: string): boolean {
  const [, estate = ""] = unitId.split(".");
  const [, person = "0"] = (personId ?? "").split(".");
  return !mayRestructureEstate(estate) && !mayRestructurePerson(person);
}

/** A random row at or after a random place in the table's order: cheap on any size. `undefined` when there is none. */
export async function randomRow(
  { session, random }: { session: ErpSession; random: Random },
  query: { table: string; column: string; kreis?: string; where?: string; values?: readonly ErpValue[]; width: number },
): Promise<ErpRow | undefined> {
  const { table, column, where = "1 = 1", values = [], width } = query;
  const [highest] = await session.query(`SELECT MAX(${column}) AS HIGHEST FROM ${table} WHERE MANDANT = ?`, [mainMandant]);
  const from = String(between(random, 1, Math.max(1, Number(highest?.HIGHEST ?? 1)))).padStart(width, "0");
  const sql = (bound: string) =>
    `SELECT * FROM ${table} WHERE MANDANT = ? AND ${column} ${bound} ? AND (${where}) ORDER BY ${column} LIMIT 1`;
  const [after] = await session.query(sql(">="), [mainMandant, from, ...values]);
  if (after) return after;
  const [before] = await session.query(sql("<"), [mainMandant, from, ...values]);
  return before;
}

/** A random estate's row; `restructurable` asks for one that may be renumbered and moved about. */
export async function randomEstate(session: ErpSession, random: Random, restructurable = false): Promise<ErpRow | undefined> {
  const estates = await session.query("SELECT * FROM OBJEKT WHERE MANDANT = ? ORDER BY OBJNR", [mainMandant]);
  const fit = restructurable ? estates.filter((estate) => mayRestructureEstate(text(estate, "OBJNR"))) : estates;
  return fit.length === 0 ? undefined : pick(random, fit);
}

/** All rows of a table that belong to one estate, in key order. */
export function rowsOfEstate(session: ErpSession, table: string, OBJNR: ErpValue): Promise<ErpRow[]> {
  const order = table === "MIETVERTRAG" ? "HAUSNR, WOHNNR, FOLGE" : table === "WOHNUNG" ? "HAUSNR, WOHNNR" : "HAUSNR";
  return session.query(`SELECT * FROM ${table} WHERE MANDANT = ? AND OBJNR = ? ORDER BY ${order}`, [mainMandant, OBJNR ?? ""]);
}

/** Draws the next number of a range, as every part of the ERP does: the counter row is locked until the transaction ends. */
export async function nextNumber(
  session: ErpSession,
  kreis: "AUFTRAG" | "PERSON" | "SOLL" | "ZAEHLER",
  width: number,
): Promise<string> {
  await session.run("UPDATE NUMMERNKREIS SET NR = NR + 1 WHERE MANDANT = ? AND KREIS = ?", [mainMandant, kreis]);
  const [row] = await session.query("SELECT NR FROM NUMMERNKREIS WHERE MANDANT = ? AND KREIS = ?", [mainMandant, kreis]);
  return String(row?.NR).padStart(width, "0");
}

export function text(row: ErpRow, column: string): string {
  const value = row[column];
  return value === null || value === undefined ? "" : String(value);
}

/** The unit's key columns of a row that has them. */
export function unitOf(row: ErpRow): UnitKey {
  return { MANDANT: text(row, "MANDANT"), OBJNR: text(row, "OBJNR"), HAUSNR: text(row, "HAUSNR"), WOHNNR: text(row, "WOHNNR") };
}

export const unitPredicate = "MANDANT = ? AND OBJNR = ? AND HAUSNR = ? AND WOHNNR = ?";

export function unitValues(unit: UnitKey): ErpValue[] {
  return [unit.MANDANT, unit.OBJNR, unit.HAUSNR, unit.WOHNNR];
}

const isOpen = (contract: ErpRow): boolean => contract.STORNO === "N" && contract.ENDE === openEnd;
export const isRunning = (contract: ErpRow): boolean => isOpen(contract) && contract.LEERSTAND === "N";
export const isVacant = (contract: ErpRow): boolean => isOpen(contract) && contract.LEERSTAND === "J";

/** A random contract of a random estate, among those that are `fit`. */
export async function randomContract(
  { session, random }: { session: ErpSession; random: Random },
  fit: (contract: ErpRow) => boolean,
): Promise<ErpRow | undefined> {
  const estate = await randomEstate(session, random);
  if (!estate) return undefined;
  const contracts = (await rowsOfEstate(session, "MIETVERTRAG", text(estate, "OBJNR"))).filter(fit);
  return contracts.length === 0 ? undefined : pick(random, contracts);
}
