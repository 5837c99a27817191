/**
 * What is wrong with the sample ERP, by rule, by SQL over its SQLite file and in words of its own: nothing of the agent's rules is used here. One line for each
 * finding, as the agent's list names it: the record's key, behind it that of the other record where there is one.
 */
import type { ErpRow, ErpSession } from "./db.ts";
import { mainMandant } from "./generate.ts";
import { emails, idOf, str } from "./oracle-values.ts";

export type FoundByRule = Readonly<Record<string, readonly string[]>>;

const iso = (column: string): string =>
  `substr(${column}, 1, 4) || '-' || substr(${column}, 5, 2) || '-' || substr(${column}, 7, 2)`;
/** A day that is in the calendar, or one of the values for none. */
const isDay = (column: string): string => `(${column} IN (0, 99991231) OR date(${iso(column)}) = ${iso(column)})`;
const ours = `MANDANT = '${mainMandant}'`;

/** Contracts that can be read, with NULL for what is open; P without its second person. */
const contracts = `WITH V AS (
    SELECT *, NULLIF(BEGINN, 0) AS VON, CASE WHEN ENDE IN (0, 99991231) THEN NULL ELSE ENDE END AS BIS
    FROM MIETVERTRAG WHERE ${ours} AND LEERSTAND = 'N' AND STORNO = 'N' AND ${isDay("BEGINN")} AND ${isDay("ENDE")}),
  SOUND AS (SELECT * FROM V WHERE VON IS NOT NULL AND (BIS IS NULL OR BIS >= VON)),
  PAIR AS (
    SELECT A.MANDANT, A.OBJNR, A.HAUSNR, A.WOHNNR, A.FOLGE AS FRUEHER, B.FOLGE AS SPAETER, A.VON, A.BIS, B.VON AS VON2, B.BIS AS BIS2
    FROM SOUND A JOIN SOUND B USING (MANDANT, OBJNR, HAUSNR, WOHNNR)
    WHERE A.VON < B.VON OR (A.VON = B.VON AND A.FOLGE < B.FOLGE))`;

const unit = ["MANDANT", "OBJNR", "HAUSNR", "WOHNNR"];
const keyOf = (row: ErpRow, ...columns: string[]): string => idOf(...columns.map((column) => str(row, column)));

/** @param today as 20261123 */
export async function expectFindings(session: ErpSession, today: number): Promise<FoundByRule> {
  const read = (sql: string): Promise<ErpRow[]> => session.query(sql);
  const keys = async (columns: readonly string[], sql: string): Promise<string[]> =>
    (await read(sql)).map((row) => keyOf(row, ...columns));
  const period = [...unit, "FOLGE"];
  const found: Record<string, readonly string[]> = {
    "period-no-start": await keys(period, `${contracts} SELECT * FROM V WHERE VON IS NULL`),
    "period-reversed": await keys(period, `${contracts} SELECT * FROM V WHERE BIS < VON`),
    "period-open-predecessor": await pairs(
      read,
      `${contracts} SELECT *, MIN(VON2) FROM PAIR WHERE BIS IS NULL AND VON < VON2 GROUP BY MANDANT, OBJNR, HAUSNR, WOHNNR, FRUEHER`,
      ["FRUEHER", "SPAETER"],
    ),
    "period-overlap": await pairs(
      read,
      `${contracts} SELECT * FROM PAIR
        WHERE NOT (BIS IS NULL AND VON < VON2) AND NOT (VON = VON2 AND BIS IS BIS2) AND (BIS IS NULL OR VON2 <= BIS)`,
      ["SPAETER", "FRUEHER"],
    ),
    ...(await ofPersons(read, today)),
    ...(await ofCodes(read)),
    "row-held": await keys(
      period,
      `SELECT * FROM MIETVERTRAG WHERE ${ours} AND LEERSTAND = 'N' AND STORNO = 'N' AND NOT (${isDay("BEGINN")} AND ${isDay("ENDE")})`,
    ),
    "parent-missing": await orphans(read),
  };
  return Object.fromEntries(Object.entries(found).map(([rule, lines]) => [rule, lines.toSorted()]));
}

/** Codes that no map of the configuration names: those that have a default, each with its count, and those that hold their row. */
async function ofCodes(read: Read): Promise<Record<string, string[]>> {
  const statuses = "('0', '1', '2', '9')";
  const counted = async (place: string, sql: string): Promise<string[]> =>
    (await read(`SELECT CODE, count(*) AS N FROM (${sql}) GROUP BY CODE`)).map((row) => `${place} ${row.CODE} ${row.N}`);
  const tickets = (column: string, codes: string): string =>
    `SELECT ${column} AS CODE FROM AUFTRAG WHERE ${ours} AND STATUS IN ${statuses} AND ${column} NOT IN ${codes}`;
  const held = await read(`SELECT * FROM AUFTRAG WHERE ${ours} AND STATUS NOT IN ${statuses}`);
  return {
    "code-defaulted": [
      ...(await counted("units.objectType", `SELECT ART AS CODE FROM WOHNUNG WHERE ${ours} AND ART NOT IN ('WO', 'GE', 'ST')`)),
      ...(await counted("tickets.priority", tickets("PRIO", "('1', '2', '3')"))),
      ...(await counted("tickets.channel", tickets("KANAL", "('T', 'E', 'B', 'P')"))),
      ...(await counted("messages.visibility", `SELECT ART AS CODE FROM AUFTRTEXT WHERE ${ours} AND ART NOT IN ('B', 'N', 'I')`)),
    ],
    "code-unknown": held.map((row) => keyOf(row, "MANDANT", "AUFTRNR")),
  };
}

/** Rows whose parent no row is: what hangs on a row that is there, but waits itself, has no fault of its own. */
async function orphans(read: Read): Promise<string[]> {
  const found: string[] = [];
  const check = async (child: string, columns: string, parent: string, on: string): Promise<void> => {
    const parts = columns.split(" ");
    const [own, other] = [parts.slice(0, parts.indexOf("->")), parts.slice(parts.indexOf("->") + 1)];
    const rows = await read(
      `SELECT * FROM ${child} C WHERE ${ours} AND NOT EXISTS (SELECT 1 FROM ${parent} P WHERE P.MANDANT = C.MANDANT AND ${on})`,
    );
    for (const row of rows)
      found.push(`${keyOf(row, "MANDANT", ...own)} ${keyOf(row, "MANDANT", ...other)}${parent === "PERSON" ? ".1" : ""}`);
  };
  const [estate, house, flat] = ["P.OBJNR = C.OBJNR", "P.HAUSNR = C.HAUSNR", "P.WOHNNR = C.WOHNNR"];
  await check("HAUS", "OBJNR HAUSNR -> OBJNR", "OBJEKT", estate);
  await check("WOHNUNG", "OBJNR HAUSNR WOHNNR -> OBJNR HAUSNR", "HAUS", `${estate} AND ${house}`);
  const letOnes = "(SELECT * FROM MIETVERTRAG WHERE LEERSTAND = 'N' AND STORNO = 'N')";
  await check(letOnes, "OBJNR HAUSNR WOHNNR FOLGE -> OBJNR HAUSNR WOHNNR", "WOHNUNG", `${estate} AND ${house} AND ${flat}`);
  await check(letOnes, "OBJNR HAUSNR WOHNNR FOLGE -> PERSNR", "PERSON", "P.PERSNR = C.PERSNR");
  const known = "(SELECT * FROM AUFTRAG WHERE STATUS IN ('0', '1', '2', '9'))";
  await check(`(SELECT * FROM ${known} WHERE MELDER <> '')`, "AUFTRNR -> MELDER", "PERSON", "P.PERSNR = C.MELDER");
  await check(
    `(SELECT * FROM ${known} WHERE WOHNNR <> '')`,
    "AUFTRNR -> OBJNR HAUSNR WOHNNR",
    "WOHNUNG",
    `${estate} AND ${house} AND ${flat}`,
  );
  await check("ZAEHLER", "ZAEHLNR -> OBJNR HAUSNR WOHNNR", "WOHNUNG", `${estate} AND ${house} AND ${flat}`);
  const charged = "(SELECT * FROM SOLLSTELLUNG WHERE STORNO = 'N')";
  await check(
    charged,
    "SOLLNR -> OBJNR HAUSNR WOHNNR FOLGE",
    letOnes,
    `${estate} AND ${house} AND ${flat} AND P.FOLGE = C.FOLGE`,
  );
  return found;
}

type Read = (sql: string) => Promise<ErpRow[]>;

async function pairs(read: Read, sql: string, [one, other]: readonly [string, string]): Promise<string[]> {
  return (await read(sql)).map((row) => `${keyOf(row, ...unit, one)} ${keyOf(row, ...unit, other)}`);
}

async function ofPersons(read: Read, today: number): Promise<Record<string, string[]>> {
  const uses = await read(`${contracts} SELECT PERSNR, MIN(COALESCE(VON, 0)) AS VON FROM (
      SELECT PERSNR, VON FROM V UNION ALL SELECT MITPERSNR, VON FROM V WHERE MITPERSNR <> '') GROUP BY PERSNR`);
  const begins = new Map(uses.map((row) => [str(row, "PERSNR"), Number(row.VON)]));
  const persons = await read(`SELECT * FROM PERSON WHERE ${ours} AND ${isDay("GEBDAT")}`);
  const addressOf = (row: ErpRow): string | undefined => (emails(row) as { address: string }[] | null)?.[0]?.address;
  const reachable = persons.filter(
    (row) => addressOf(row) !== undefined || str(row, "TELEFON") !== "" || Number(row.GEBDAT) !== 0,
  );
  const line = (row: ErpRow): string => idOf(str(row, "MANDANT"), str(row, "PERSNR"), "1");
  const withEarliest = async (row: ErpRow): Promise<string> => {
    const [first] = await read(
      `${contracts} SELECT * FROM V WHERE '${str(row, "PERSNR")}' IN (PERSNR, MITPERSNR) ORDER BY VON LIMIT 1`,
    );
    return `${line(row)} ${keyOf(first as ErpRow, ...unit, "FOLGE")}`;
  };
  return {
    "person-without-period": reachable.filter((row) => !begins.has(str(row, "PERSNR"))).map(line),
    "person-future-only": await Promise.all(
      reachable.filter((row) => (begins.get(str(row, "PERSNR")) ?? 0) > today).map(withEarliest),
    ),
    ...(await ofAddresses(read, persons, addressOf)),
    "phone-invalid": persons
      .filter((row) => str(row, "TELEFON") !== "" && str(row, "TELEFON").replace(/\D/g, "").length < 5)
      .map(line),
    "person-lookalike": (await lookalikes(read)).flatMap(([first, ...others]) => others.map((other) => `${other} ${first}`)),
  };
}

/** Keys of those who look like one, the second persons of records included. */
async function lookalikes(read: Read): Promise<string[][]> {
  const place = "STRASSE || '|' || HNR || '|' || PLZ || '|' || ORT";
  const rows = await read(`SELECT group_concat(PERSNR || '.' || TEIL, ' ') AS PERSNRN FROM (
      SELECT PERSNR, 1 AS TEIL, NAME1 AS NAME, VORNAME1 AS VORNAME, CASE WHEN GEBDAT = 0 THEN ${place} ELSE GEBDAT END AS WAS
      FROM PERSON WHERE ${ours} AND ${isDay("GEBDAT")}
      UNION ALL SELECT PERSNR, 2, NAME2, VORNAME2, ${place} FROM PERSON WHERE ${ours} AND NAME2 <> '')
    GROUP BY lower(NAME), lower(VORNAME), WAS HAVING count(*) > 1`);
  return rows.map((row) =>
    str(row, "PERSNRN")
      .split(" ")
      .map((part) => idOf(mainMandant, ...part.split(".")))
      .toSorted(),
  );
}

async function ofAddresses(
  read: Read,
  persons: readonly ErpRow[],
  addressOf: (row: ErpRow) => string | undefined,
): Promise<Record<string, string[]>> {
  const line = (row: ErpRow): string => idOf(str(row, "MANDANT"), str(row, "PERSNR"), "1");
  const domains = await read(
    `SELECT DISTINCT lower(substr(EMAIL, instr(EMAIL, '@') + 1)) AS D FROM SACHBEARBEITER WHERE ${ours} AND EMAIL LIKE '%@%'`,
  );
  const staff = new Set(domains.map((row) => str(row, "D")));
  const found: Record<string, string[]> = {
    "email-placeholder": [],
    "email-throwaway": [],
    "email-staff": [],
    "email-invalid": [],
  };
  const holders = new Map<string, ErpRow[]>();
  for (const row of persons) {
    const address = addressOf(row);
    const [name, domain = ""] = (address ?? "").split("@");
    const rule =
      address === undefined
        ? str(row, "EMAIL").trim() === ""
          ? undefined
          : "email-invalid"
        : name === "keine"
          ? "email-placeholder"
          : domain === "mailinator.com"
            ? "email-throwaway"
            : staff.has(domain)
              ? "email-staff"
              : undefined;
    if (rule !== undefined) found[rule]?.push(line(row));
    else if (address !== undefined) holders.set(address, [...(holders.get(address) ?? []), row]);
  }
  const couples = await read(`${contracts} SELECT PERSNR, MITPERSNR FROM V WHERE MITPERSNR <> ''`);
  const alike = await lookalikes(read);
  const isHousehold = (all: readonly ErpRow[]): boolean =>
    couples.some((row) => all.every((one) => [row.PERSNR, row.MITPERSNR].includes(one.PERSNR as string)));
  const isOne = (all: readonly ErpRow[]): boolean => alike.some((group) => all.every((one) => group.includes(line(one))));
  const shared = [...holders.values()].filter((all) => all.length > 1 && !isHousehold(all) && !isOne(all));
  return { ...found, "email-shared": shared.flat().map(line) };
}
