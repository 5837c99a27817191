import { addDays, openEnd, splitStamp } from "./calendar.ts";
import type { ErpRow, ErpValue } from "./db.ts";
import { insertRows, mainMandant } from "./generate.ts";
import type { LifeContext, LifeEvent } from "./life.ts";
import {
  isRunning,
  isVacant,
  mayRestructurePerson,
  nextNumber,
  randomContract,
  randomRow,
  text,
  unitOf,
  unitPredicate,
  unitValues,
} from "./life-rows.ts";
import { firstNames, lastNames, streets } from "./names.ts";
import { between, chance, pick } from "./random.ts";

const personPlaces = [
  ["MIETVERTRAG", "PERSNR"],
  ["MIETVERTRAG", "MITPERSNR"],
  ["SOLLSTELLUNG", "PERSNR"],
  ["AUFTRAG", "MELDER"],
] as const;

const randomPerson = (context: LifeContext, where?: string): Promise<ErpRow | undefined> =>
  randomRow(context, { table: "PERSON", column: "PERSNR", width: 8, ...(where ? { where } : {}) });

/** A person that may be renumbered, merged or deleted; the random place falls on any, so a few are tried. */
async function restructurablePerson(context: LifeContext): Promise<string | undefined> {
  const person = await randomPerson(context, "PERSNR LIKE '%7' OR PERSNR LIKE '%8' OR PERSNR LIKE '%9'");
  const number = person && text(person, "PERSNR");
  return number && mayRestructurePerson(number) ? number : undefined;
}

async function updatePerson({ session, stamp }: LifeContext, PERSNR: ErpValue, column: string, value: ErpValue): Promise<number> {
  return session.run(`UPDATE PERSON SET ${column} = ?, AENDTS = ? WHERE MANDANT = ? AND PERSNR = ?`, [
    value,
    stamp,
    mainMandant,
    PERSNR,
  ]);
}

const emailChanged: LifeEvent = async (context) => {
  const person = await randomPerson(context);
  if (!person) return 0;
  const email = chance(context.random, 0.1) ? null : `neu.${between(context.random, 1, 999_999_999)}@post.example.de`;
  return updatePerson(context, text(person, "PERSNR"), "EMAIL", email);
};

const phoneCorrected: LifeEvent = async (context) => {
  const person = await randomPerson(context);
  if (!person) return 0;
  return updatePerson(context, text(person, "PERSNR"), "TELEFON", `+49 ${between(context.random, 1_500_000_000, 1_799_999_999)}`);
};

const renamedByMarriage: LifeEvent = async (context) => {
  const person = await randomPerson(context, "ART = 'N'");
  if (!person) return 0;
  return updatePerson(
    context,
    text(person, "PERSNR"),
    "NAME1",
    `${pick(context.random, lastNames)}-${pick(context.random, lastNames)}`,
  );
};

/** Appears or disappears as a second person of one row. */
const partnerChanged: LifeEvent = async (context) => {
  const person = await randomPerson(context, "ART = 'N'");
  if (!person) return 0;
  const { session, random, stamp } = context;
  const [name, first] = text(person, "NAME2") === "" ? [pick(random, lastNames), pick(random, firstNames)] : ["", ""];
  const sql = "UPDATE PERSON SET NAME2 = ?, VORNAME2 = ?, AENDTS = ? WHERE MANDANT = ? AND PERSNR = ?";
  return session.run(sql, [name, first, stamp, mainMandant, text(person, "PERSNR")]);
};

/** A consultant's SQL: the row changes, its stamp does not. Only a compare finds it. */
const silentCorrection: LifeEvent = async (context) => {
  const contract = await randomContract(context, isRunning);
  if (!contract) return 0;
  const day = Number(contract.BEGINN);
  if (day === 0 || day === 20_230_231) return 0;
  const sql = `UPDATE MIETVERTRAG SET BEGINN = ? WHERE ${unitPredicate} AND FOLGE = ?`;
  return context.session.run(sql, [addDays(day, -1), ...unitValues(unitOf(contract)), text(contract, "FOLGE")]);
};

const nextFolge = async ({ session }: LifeContext, contract: ErpRow): Promise<number> => {
  const [row] = await session.query(
    `SELECT MAX(FOLGE) AS FOLGE FROM MIETVERTRAG WHERE ${unitPredicate}`,
    unitValues(unitOf(contract)),
  );
  return Number(row?.FOLGE ?? 0) + 1;
};

async function endContract({ session, stamp }: LifeContext, contract: ErpRow, day: number): Promise<number> {
  const sql = `UPDATE MIETVERTRAG SET ENDE = ?, AENDTS = ? WHERE ${unitPredicate} AND FOLGE = ?`;
  return session.run(sql, [day, stamp, ...unitValues(unitOf(contract)), text(contract, "FOLGE")]);
}

async function addContract(
  context: LifeContext,
  before: ErpRow,
  columns: { PERSNR: string; BEGINN: number; LEERSTAND: string },
): Promise<void> {
  const rest = {
    MITPERSNR: "",
    ENDE: openEnd,
    STORNO: "N",
    MIETE: text(before, "MIETE"),
    KAUTION: "0.00",
    AENDTS: context.stamp,
  };
  await insertRows(context.session, "MIETVERTRAG", [
    { ...unitOf(before), FOLGE: await nextFolge(context, before), ...columns, ...rest },
  ]);
}

const moveOut: LifeEvent = async (context) => {
  const contract = await randomContract(context, isRunning);
  if (!contract) return 0;
  const { day } = splitStamp(context.stamp);
  const ended = await endContract(context, contract, addDays(day, between(context.random, 0, 60)));
  await addContract(context, contract, { PERSNR: "", BEGINN: addDays(day, 61), LEERSTAND: "J" });
  return ended + 1;
};

const moveIn: LifeEvent = async (context) => {
  const vacancy = await randomContract(context, isVacant);
  if (!vacancy) return 0;
  const { day } = splitStamp(context.stamp);
  const PERSNR = await addPerson(context);
  const ended = await endContract(context, vacancy, day);
  await addContract(context, vacancy, { PERSNR, BEGINN: addDays(day, 1), LEERSTAND: "N" });
  return ended + 2;
};

async function addPerson({ session, random, stamp }: LifeContext): Promise<string> {
  const PERSNR = await nextNumber(session, "PERSON", 8);
  const names = { NAME1: pick(random, lastNames), VORNAME1: pick(random, firstNames), NAME2: "", VORNAME2: "" };
  const where = { STRASSE: pick(random, streets), HNR: String(between(random, 1, 99)), PLZ: "01067", ORT: "Dresden" };
  const rest = {
    ART: "N",
    ANREDE: "Frau",
    TELEFON: "",
    GEBDAT: addDays(19_500_101, between(random, 0, 20_000)),
    MAHNSPERRE: "N",
    AENDTS: stamp,
  };
  await insertRows(session, "PERSON", [
    { MANDANT: mainMandant, PERSNR, EMAIL: `mieter${PERSNR}@post.example.de`, ...names, ...where, ...rest },
  ]);
  return PERSNR;
}

/** Two rows are one person: what hung on the second moves to the first, in one transaction. */
const personsMerged: LifeEvent = async (context) => {
  const loser = await restructurablePerson(context);
  const survivor = await randomPerson(context);
  if (!loser || !survivor || text(survivor, "PERSNR") === loser) return 0;
  const moved = await repointPerson(context, loser, text(survivor, "PERSNR"));
  return moved + (await context.session.run("DELETE FROM PERSON WHERE MANDANT = ? AND PERSNR = ?", [mainMandant, loser]));
};

const personRenumbered: LifeEvent = async (context) => {
  const old = await restructurablePerson(context);
  if (!old) return 0;
  const { session, stamp } = context;
  const fresh = await nextNumber(session, "PERSON", 8);
  const sql = "UPDATE PERSON SET PERSNR = ?, AENDTS = ? WHERE MANDANT = ? AND PERSNR = ?";
  return (await session.run(sql, [fresh, stamp, mainMandant, old])) + (await repointPerson(context, old, fresh));
};

async function repointPerson({ session, stamp }: LifeContext, from: string, to: string): Promise<number> {
  let rows = 0;
  for (const [table, column] of personPlaces) {
    rows += await session.run(`UPDATE ${table} SET ${column} = ?, AENDTS = ? WHERE MANDANT = ? AND ${column} = ?`, [
      to,
      stamp,
      mainMandant,
      from,
    ]);
  }
  return rows;
}

/** Deletes somebody nothing hangs on. */
const personDeleted: LifeEvent = async (context) => {
  const free = personPlaces.map(
    ([table, column]) => `NOT EXISTS (SELECT 1 FROM ${table} T WHERE T.MANDANT = PERSON.MANDANT AND T.${column} = PERSON.PERSNR)`,
  );
  const person = await randomPerson(context, free.join(" AND "));
  if (!person) return 0;
  return context.session.run("DELETE FROM PERSON WHERE MANDANT = ? AND PERSNR = ?", [mainMandant, text(person, "PERSNR")]);
};

const applicantAdded: LifeEvent = async (context) => {
  await addPerson(context);
  return 1;
};

export const personEvents = {
  emailChanged,
  phoneCorrected,
  renamedByMarriage,
  partnerChanged,
  silentCorrection,
  moveOut,
  moveIn,
  personsMerged,
  personRenumbered,
  personDeleted,
  applicantAdded,
};
