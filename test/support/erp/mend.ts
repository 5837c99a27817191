/** A clerk's day with the worklist: everything that is wrong with the company's data is mended, as it would be done in the ERP's own masks. */
import { addDays, openEnd } from "./calendar.ts";
import type { ErpDb, ErpRow, ErpSession } from "./db.ts";
import { mainMandant } from "./generate.ts";
import { expectFindings, type FoundByRule } from "./oracle-findings.ts";
import { day } from "./oracle-values.ts";

export interface Mending {
  /** YYYYMMDD. */
  today: number;
  /** What changed rows are stamped with. */
  stamp: string;
}

/** Mends in one transaction, however long the list is. */
export async function mendErp(erp: ErpDb, { today, stamp }: Mending): Promise<void> {
  await erp.transaction(async (session) => {
    const run = (sql: string, ...values: (string | number)[]) => session.run(sql, values);
    await run("UPDATE MIETVERTRAG SET STORNO = 'N', AENDTS = ? WHERE MANDANT = ? AND STORNO = 'J'", stamp, mainMandant);
    await mendContracts(session, today, stamp);
    const found = await expectFindings(session, today);
    await mendPersons(session, found, stamp);
    await mendCodes(session, stamp);
    await mendEstate(session, stamp);
  });
}

/** Each contract of a unit begins after the last one ended, and none of those that are signed is left to the future. */
async function mendContracts(session: ErpSession, today: number, stamp: string): Promise<void> {
  const rows = await session.query(
    "SELECT * FROM MIETVERTRAG WHERE MANDANT = ? AND LEERSTAND = 'N' ORDER BY OBJNR, HAUSNR, WOHNNR, FOLGE",
    [mainMandant],
  );
  const unitOf = (row: ErpRow | undefined): string => [row?.OBJNR, row?.HAUSNR, row?.WOHNNR].join("/");
  for (const [at, row] of rows.entries()) {
    const before = unitOf(rows[at - 1]) === unitOf(row) ? rows[at - 1] : undefined;
    const next = unitOf(rows[at + 1]) === unitOf(row) ? rows[at + 1] : undefined;
    const [was, until] = [Number(row.BEGINN), Number(row.ENDE)];
    if (!day(row, "BEGINN")) row.BEGINN = before === undefined ? 20_200_101 : addDays(Number(before.ENDE), 1);
    if (Number(row.BEGINN) > today) row.BEGINN = addDays(today, -1);
    if (until < Number(row.BEGINN)) row.ENDE = openEnd;
    const following = next && day(next, "BEGINN") ? Number(next.BEGINN) : openEnd;
    if (following < openEnd && Number(row.ENDE) >= following) row.ENDE = addDays(following, -1);
    if (row.BEGINN === was && row.ENDE === until) continue;
    await session.run(
      "UPDATE MIETVERTRAG SET BEGINN = ?, ENDE = ?, AENDTS = ? WHERE MANDANT = ? AND OBJNR = ? AND HAUSNR = ? AND WOHNNR = ? AND FOLGE = ?",
      [row.BEGINN, row.ENDE, stamp, mainMandant, row.OBJNR, row.HAUSNR, row.WOHNNR, row.FOLGE] as (string | number)[],
    );
  }
}

async function mendPersons(session: ErpSession, found: FoundByRule, stamp: string): Promise<void> {
  const numbersOf = (...rules: string[]): string[] =>
    rules.flatMap((rule) => found[rule] ?? []).map((line) => line.split(".")[1] as string);
  const each = async (set: string, numbers: readonly string[]): Promise<void> => {
    for (const number of numbers)
      await session.run(`UPDATE PERSON SET ${set}, AENDTS = ? WHERE MANDANT = ? AND PERSNR = ?`, [stamp, mainMandant, number]);
  };
  await each("EMAIL = NULL", numbersOf("email-placeholder", "email-throwaway", "email-staff", "email-invalid"));
  await each("TELEFON = ''", numbersOf("phone-invalid"));
  // It was written down for many who had none: it is left with nobody.
  await each("EMAIL = NULL", numbersOf("email-shared"));
  const remove = (number: string) => session.run("DELETE FROM PERSON WHERE MANDANT = ? AND PERSNR = ?", [mainMandant, number]);
  const isNeeded = async (number: string): Promise<boolean> => {
    const sql = `SELECT 1 FROM MIETVERTRAG WHERE MANDANT = ? AND ? IN (PERSNR, MITPERSNR) UNION ALL
      SELECT 1 FROM SOLLSTELLUNG WHERE MANDANT = ? AND PERSNR = ? UNION ALL SELECT 1 FROM AUFTRAG WHERE MANDANT = ? AND MELDER = ?`;
    return (await session.query(sql, [mainMandant, number, mainMandant, number, mainMandant, number])).length > 0;
  };
  // The record that nothing refers to goes; the two are two after all where both are needed.
  for (const line of found["person-lookalike"] ?? []) {
    const keys = line.split(" ").map((key) => key.split("."));
    const second = keys.find(([, , part]) => part === "2")?.[1];
    const numbers = keys.map(([, number]) => number as string);
    const needed = await Promise.all(numbers.map(isNeeded));
    if (second !== undefined) await each("VORNAME2 = VORNAME2 || ' Maria'", [second]);
    else if (needed.every(Boolean)) await each("GEBDAT = 19600229", numbers.slice(0, 1));
    else await remove(numbers[needed.indexOf(false)] as string);
  }
  for (const number of numbersOf("person-without-period")) if (!(await isNeeded(number))) await remove(number);
}

async function mendCodes(session: ErpSession, stamp: string): Promise<void> {
  await session.run("UPDATE WOHNUNG SET ART = 'WO' WHERE MANDANT = ? AND ART = 'ZZ'", [mainMandant]);
  await session.run("UPDATE AUFTRAG SET PRIO = '2', AENDTS = ? WHERE MANDANT = ? AND PRIO = '7'", [stamp, mainMandant]);
  await session.run("UPDATE AUFTRAG SET STATUS = '0', AENDTS = ? WHERE MANDANT = ? AND STATUS = 'X'", [stamp, mainMandant]);
}

async function mendEstate(session: ErpSession, stamp: string): Promise<void> {
  await session.run(
    `INSERT INTO HAUS SELECT H.MANDANT, W.OBJNR, W.HAUSNR, H.BEZ, H.STRASSE, H.HNR, H.PLZ, H.ORT, H.BAUJAHR, H.AUFZUG
      FROM (SELECT DISTINCT MANDANT, OBJNR, HAUSNR FROM WOHNUNG WHERE MANDANT = ?) W
      JOIN HAUS H ON H.MANDANT = W.MANDANT AND H.OBJNR = W.OBJNR AND H.HAUSNR = '001'
      WHERE NOT EXISTS (SELECT 1 FROM HAUS E WHERE E.MANDANT = W.MANDANT AND E.OBJNR = W.OBJNR AND E.HAUSNR = W.HAUSNR)`,
    [mainMandant],
  );
  await session.run(
    `UPDATE AUFTRAG SET MELDER = '', AENDTS = ? WHERE MANDANT = ? AND MELDER <> ''
      AND NOT EXISTS (SELECT 1 FROM PERSON P WHERE P.MANDANT = AUFTRAG.MANDANT AND P.PERSNR = AUFTRAG.MELDER)`,
    [stamp, mainMandant],
  );
}
