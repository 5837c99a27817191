/**
 * Which address of the sample ERP is whose, by SQL and in words of its own: nothing of the agent's rules is used here. A placeholder, a throw-away mailbox and an
 * address of the staff are nobody's; one that several persons have is that of the main tenant of their earliest running contract, if all of them stand in it.
 */
import type { ErpRow, ErpSession } from "./db.ts";
import { day, emails, type OracleJson, str } from "./oracle-values.ts";

/** What the company's messes plant: nobody's at first sight. */
const nobodys = /^keine@|@mailinator\.com$/;

/** What may be said of how a person is reached. */
export interface Reachable {
  emails(row: ErpRow): OracleJson;
  phones(row: ErpRow): OracleJson;
}

function everyPhone(row: ErpRow): OracleJson {
  const number = str(row, "TELEFON");
  return number === "" ? [] : [{ number, kind: "private" }];
}

/** As the rows stand. */
export const asWritten: Reachable = { emails, phones: everyPhone };

/** As it may reach the portal. A phone number has digits. */
export async function asVouched(session: ErpSession, mandant: string): Promise<Reachable> {
  const owners = await addressOwners(session, mandant);
  return {
    emails: (row) => owners(row, emails(row)),
    phones: (row) => (str(row, "TELEFON") === "auf Anfrage!" ? null : everyPhone(row)),
  };
}

async function addressOwners(session: ErpSession, mandant: string): Promise<(row: ErpRow, list: OracleJson) => OracleJson> {
  const staff = new Set<string>();
  for await (const row of session.each("SELECT EMAIL FROM SACHBEARBEITER WHERE MANDANT = ?", [mandant])) {
    const domain = str(row, "EMAIL").toLowerCase().split("@")[1];
    if (domain !== undefined) staff.add(domain);
  }
  const holders = await holdersOf(session, mandant);
  const contracts = await contractsOf(session, mandant);
  const isOwner = (address: string, person: string): boolean => {
    const all = holders.get(address) ?? [];
    if (all.length < 2) return true;
    const [first] = contracts
      .filter(({ tenants }) => all.every((one) => tenants.includes(one)))
      .sort((one, other) => one.from.localeCompare(other.from));
    return first?.tenants[0] === person;
  };
  return (row, list) => {
    const address = addressOf(list);
    if (address === undefined) return list;
    if (nobodys.test(address) || staff.has(address.split("@")[1] as string)) return null;
    return isOwner(address, str(row, "PERSNR")) ? list : null;
  };
}

const addressOf = (list: OracleJson): string | undefined =>
  Array.isArray(list) ? ((list[0] as { address: string } | undefined)?.address ?? undefined) : undefined;

/** Who has an address, each of those whose row can be sent at all. */
async function holdersOf(session: ErpSession, mandant: string): Promise<Map<string, string[]>> {
  const holders = new Map<string, string[]>();
  for await (const row of session.each("SELECT PERSNR, EMAIL, GEBDAT FROM PERSON WHERE MANDANT = ?", [mandant])) {
    const address = addressOf(emails(row));
    if (address === undefined || day(row, "GEBDAT") === undefined) continue;
    holders.set(address, [...(holders.get(address) ?? []), str(row, "PERSNR")]);
  }
  return holders;
}

/** Those that run today, of two tenants, the main one first. */
async function contractsOf(session: ErpSession, mandant: string): Promise<{ from: string; tenants: string[] }[]> {
  const sql = `SELECT PERSNR, MITPERSNR, BEGINN, ENDE FROM MIETVERTRAG
    WHERE MANDANT = ? AND LEERSTAND = 'N' AND STORNO = 'N' AND MITPERSNR <> ''`;
  const today = new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Berlin" }).format(new Date());
  const running: { from: string; tenants: string[] }[] = [];
  for await (const row of session.each(sql, [mandant])) {
    const [from, until] = [day(row, "BEGINN"), day(row, "ENDE")];
    if (!from || until === undefined || from > today || (until !== null && until < today)) continue;
    running.push({ from, tenants: [str(row, "PERSNR"), str(row, "MITPERSNR")] });
  }
  return running;
}
