import { addDays, splitStamp } from "./calendar.ts";
import { clerks } from "./company-part.ts";
import type { ErpRow } from "./db.ts";
import { insertRows, mainMandant } from "./generate.ts";
import type { LifeContext, LifeEvent } from "./life.ts";
import { nextNumber, randomEstate, randomRow, rowsOfEstate, text, unitOf } from "./life-rows.ts";
import { crafts, damages, lastNames } from "./names.ts";
import { between, chance, pick } from "./random.ts";

const unknownStatus = "X";

const randomTicket = (context: LifeContext, where = "1 = 1"): Promise<ErpRow | undefined> =>
  randomRow(context, { table: "AUFTRAG", column: "AUFTRNR", where, width: 8 });

/** A ticket that a clerk writes down, with its text; `status` lets a bad one in. */
async function openTicket(context: LifeContext, status: string): Promise<number> {
  const { session, random, stamp } = context;
  const estate = await randomEstate(session, random);
  if (!estate) return 0;
  const contracts = await rowsOfEstate(session, "MIETVERTRAG", text(estate, "OBJNR"));
  if (contracts.length === 0) return 0;
  const contract = pick(random, contracts);
  const AUFTRNR = await nextNumber(session, "AUFTRAG", 8);
  const [KATEGORIE, KURZTEXT, LANGTEXT] = pick(random, damages);
  const { day, time } = splitStamp(stamp);
  const what = {
    FREMDNR: null,
    ART: "S",
    KURZTEXT,
    LANGTEXT,
    STATUS: status,
    PRIO: pick(random, ["1", "2", "3"]),
    KATEGORIE,
    KANAL: "T",
  };
  const who = { MELDER: text(contract, "PERSNR"), SBNR: String(between(random, 1, clerks)).padStart(4, "0"), KREDNR: "" };
  const when = { ANLDAT: day, ANLZEIT: time, ERLDAT: 0, ERLZEIT: 0, TERMIN: addDays(day, 14), AENDTS: stamp };
  const ticket = { ...unitOf(contract), AUFTRNR, ...what, ...who, ...when, GEWAEHR: "N", KOSTST: "", SPARTE: 0 };
  await insertRows(session, "AUFTRAG", [ticket]);
  return 1 + (await addText(context, AUFTRNR, "B", LANGTEXT));
}

async function addText({ session, random, stamp }: LifeContext, AUFTRNR: string, ART: string, ZEILE: string): Promise<number> {
  const sql = "SELECT MAX(LFDNR) AS LFDNR FROM AUFTRTEXT WHERE MANDANT = ? AND AUFTRNR = ?";
  const [last] = await session.query(sql, [mainMandant, AUFTRNR]);
  const { day, time } = splitStamp(stamp);
  const rest = { FREMDNR: null, ART, VERFASSER: pick(random, lastNames), ZEILE, ERFDAT: day, ERFZEIT: time };
  await insertRows(session, "AUFTRTEXT", [{ MANDANT: mainMandant, AUFTRNR, LFDNR: Number(last?.LFDNR ?? 0) + 1, ...rest }]);
  return 1;
}

const ticketOpened: LifeEvent = (context) => openTicket(context, "0");

/** A code nobody knows: must not hold up anything else. */
const badTicketOpened: LifeEvent = (context) => openTicket(context, unknownStatus);

const badTicketMended: LifeEvent = async ({ session, stamp }) => {
  const sql = "SELECT AUFTRNR FROM AUFTRAG WHERE MANDANT = ? AND STATUS = ? ORDER BY AUFTRNR LIMIT 1";
  const [ticket] = await session.query(sql, [mainMandant, unknownStatus]);
  if (!ticket) return 0;
  return session.run("UPDATE AUFTRAG SET STATUS = '1', AENDTS = ? WHERE MANDANT = ? AND AUFTRNR = ?", [
    stamp,
    mainMandant,
    text(ticket, "AUFTRNR"),
  ]);
};

/** By a clerk; tickets that came from the portal change like any other. */
const ticketStatusChanged: LifeEvent = async (context) => {
  const ticket = await randomTicket(context, `STATUS <> '${unknownStatus}'`);
  if (!ticket) return 0;
  const STATUS = pick(
    context.random,
    ["0", "1", "2", "9"].filter((status) => status !== ticket.STATUS),
  );
  const { day, time } = splitStamp(context.stamp);
  const done = STATUS === "9" ? [day, time] : [0, 0];
  const values = [STATUS, ...done, context.stamp, mainMandant, text(ticket, "AUFTRNR")];
  return context.session.run(
    "UPDATE AUFTRAG SET STATUS = ?, ERLDAT = ?, ERLZEIT = ?, AENDTS = ? WHERE MANDANT = ? AND AUFTRNR = ?",
    values,
  );
};

const ticketGivenAway: LifeEvent = async (context) => {
  const ticket = await randomTicket(context);
  if (!ticket) return 0;
  const KREDNR = String(70_000 + between(context.random, 0, crafts.length - 1)).padStart(8, "0");
  const values = [KREDNR, pick(context.random, ["1", "2", "3", "7"]), context.stamp, mainMandant, text(ticket, "AUFTRNR")];
  return context.session.run("UPDATE AUFTRAG SET KREDNR = ?, PRIO = ?, AENDTS = ? WHERE MANDANT = ? AND AUFTRNR = ?", values);
};

/** A line in the history; the ticket's own row and stamp stay untouched. */
const ticketTextAdded: LifeEvent = async (context) => {
  const ticket = await randomTicket(context);
  if (!ticket) return 0;
  const ART = pick(context.random, ["B", "N", "I"]);
  return addText(context, text(ticket, "AUFTRNR"), ART, `Vermerk ${between(context.random, 1, 999_999)} – „erledigt“ 👍`);
};

async function randomText(context: LifeContext): Promise<ErpRow | undefined> {
  const line = await randomRow(context, {
    table: "AUFTRTEXT",
    column: "AUFTRNR",
    where: "FREMDNR IS NULL AND VERFASSER <> 'Portal'",
    width: 8,
  });
  return line;
}

const ticketTextCorrected: LifeEvent = async (context) => {
  const line = await randomText(context);
  if (!line) return 0;
  const ZEILE = `${text(line, "ZEILE").slice(0, 200)} (berichtigt ${between(context.random, 1, 9_999)})`;
  const values = [ZEILE, mainMandant, text(line, "AUFTRNR"), text(line, "LFDNR")];
  return context.session.run("UPDATE AUFTRTEXT SET ZEILE = ? WHERE MANDANT = ? AND AUFTRNR = ? AND LFDNR = ?", values);
};

const ticketTextDeleted: LifeEvent = async (context) => {
  const line = await randomText(context);
  if (!line) return 0;
  const values = [mainMandant, text(line, "AUFTRNR"), text(line, "LFDNR")];
  return context.session.run("DELETE FROM AUFTRTEXT WHERE MANDANT = ? AND AUFTRNR = ? AND LFDNR = ?", values);
};

/** A clerk's own ticket disappears with its texts; what the portal reported is never deleted here, so that the oracle may count it. */
const ticketDeleted: LifeEvent = async (context) => {
  const ticket = await randomTicket(context, "FREMDNR IS NULL AND KANAL <> 'P'");
  if (!ticket || !chance(context.random, 0.7)) return 0;
  const values = [mainMandant, text(ticket, "AUFTRNR")];
  const [foreign] = await context.session.query(
    "SELECT 1 AS N FROM AUFTRTEXT WHERE MANDANT = ? AND AUFTRNR = ? AND (FREMDNR IS NOT NULL OR VERFASSER = 'Portal') LIMIT 1",
    values,
  );
  if (foreign) return 0;
  const lines = await context.session.run("DELETE FROM AUFTRTEXT WHERE MANDANT = ? AND AUFTRNR = ?", values);
  return lines + (await context.session.run("DELETE FROM AUFTRAG WHERE MANDANT = ? AND AUFTRNR = ?", values));
};

export const ticketEvents = {
  ticketOpened,
  badTicketOpened,
  badTicketMended,
  ticketStatusChanged,
  ticketGivenAway,
  ticketTextAdded,
  ticketTextCorrected,
  ticketTextDeleted,
  ticketDeleted,
};
