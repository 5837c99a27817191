/** What a clerk does in the ERP, as SQL: look at tickets, set a status, write a line into a ticket's history. */

import { FuserError } from "../../../base/errors.ts";
import type { Clock } from "../../../base/time.ts";
import { localStamp, splitStamp } from "../../../test/support/erp/calendar.ts";
import type { ErpDb, ErpRow } from "../../../test/support/erp/db.ts";
import { insertRows, mainMandant } from "../../../test/support/erp/generate.ts";

/** The ERP's codes of a ticket's status: open, in progress, given to a craftsperson, done. */
export const statusCodes = ["0", "1", "2", "9"] as const;

export interface Clerk {
  /** `YYYY-MM-DD HH:MM:SS` in the office. */
  now(): string;
  /** Tickets, newest number first; `search` matches number, title and name. */
  tickets(search: string, limit: number): Promise<ErpRow[]>;
  /** The ticket's history, oldest line first. */
  texts(number: string): Promise<ErpRow[]>;
  /** What stands at the top of the page. */
  figures(): Promise<ErpRow>;
  /** @throws FuserError `not-found-ticket` */
  setStatus(number: string, status: string): Promise<void>;
  /** A line for the tenant (`N`) or for colleagues (`I`). @throws FuserError `not-found-ticket` */
  addText(number: string, kind: "N" | "I", line: string): Promise<void>;
}

const ticketSql = `SELECT A.AUFTRNR, A.STATUS, A.PRIO, A.KURZTEXT, A.KANAL, A.ANLDAT, A.ANLZEIT, A.AENDTS, A.OBJNR, A.HAUSNR, A.WOHNNR,
    P.VORNAME1, P.NAME1, O.BEZ, O.ORT, A.FREMDNR
  FROM AUFTRAG A
  LEFT JOIN PERSON P ON P.MANDANT = A.MANDANT AND P.PERSNR = A.MELDER
  LEFT JOIN OBJEKT O ON O.MANDANT = A.MANDANT AND O.OBJNR = A.OBJNR
  WHERE A.MANDANT = ? AND (A.AUFTRNR LIKE ? OR A.KURZTEXT LIKE ? OR P.NAME1 LIKE ?)
  ORDER BY A.AUFTRNR DESC LIMIT ?`;

const figuresSql = `SELECT
    (SELECT COUNT(*) FROM OBJEKT WHERE MANDANT = ?) AS ESTATES,
    (SELECT COUNT(*) FROM WOHNUNG WHERE MANDANT = ?) AS UNITS,
    (SELECT COUNT(*) FROM PERSON WHERE MANDANT = ?) AS PERSONS,
    (SELECT COUNT(*) FROM AUFTRAG WHERE MANDANT = ? AND STATUS <> '9') AS OPEN_TICKETS`;

export function createClerk(db: ErpDb, clock: Clock): Clerk {
  const now = () => {
    const stamp = localStamp(clock.now());
    return { stamp, ...splitStamp(stamp) };
  };
  return {
    now: () => now().stamp,
    tickets(search, limit) {
      const like = `%${search.replace(/[%_]/g, "")}%`;
      return db.query(ticketSql, [mainMandant, like, like, like, limit]);
    },
    texts: (number) =>
      db.query(
        "SELECT LFDNR, ART, VERFASSER, ZEILE, ERFDAT, ERFZEIT FROM AUFTRTEXT WHERE MANDANT = ? AND AUFTRNR = ? ORDER BY LFDNR",
        [mainMandant, number],
      ),
    async figures() {
      const [row] = await db.query(figuresSql, Array<string>(4).fill(mainMandant));
      return row ?? {};
    },
    async setStatus(number, status) {
      const { stamp, day, time } = now();
      const done = status === "9" ? [day, time] : [0, 0];
      const sql = "UPDATE AUFTRAG SET STATUS = ?, ERLDAT = ?, ERLZEIT = ?, AENDTS = ? WHERE MANDANT = ? AND AUFTRNR = ?";
      if ((await db.run(sql, [status, ...done, stamp, mainMandant, number])) === 0) throw unknownTicket(number);
    },
    addText: (number, kind, line) =>
      db.transaction(async (session) => {
        const [ticket] = await session.query("SELECT 1 AS N FROM AUFTRAG WHERE MANDANT = ? AND AUFTRNR = ?", [
          mainMandant,
          number,
        ]);
        if (!ticket) throw unknownTicket(number);
        const sql = "SELECT MAX(LFDNR) AS LFDNR FROM AUFTRTEXT WHERE MANDANT = ? AND AUFTRNR = ?";
        const [last] = await session.query(sql, [mainMandant, number]);
        const { day, time } = now();
        const key = { MANDANT: mainMandant, AUFTRNR: number, LFDNR: Number(last?.LFDNR ?? 0) + 1 };
        const rest = { FREMDNR: null, ART: kind, VERFASSER: "Sachbearbeitung", ZEILE: line, ERFDAT: day, ERFZEIT: time };
        await insertRows(session, "AUFTRTEXT", [{ ...key, ...rest }]);
      }),
  };
}

function unknownTicket(number: string): FuserError {
  return new FuserError("rejected", `The ERP has no ticket ${number}`, {
    code: "not-found-ticket",
    operation: "change a ticket as the clerk",
    hint: "It may have been deleted meanwhile; choose another one",
  });
}
