import { addDays, firstOfMonth, splitStamp } from "./calendar.ts";
import type { ErpRow } from "./db.ts";
import { insertRows, mainMandant } from "./generate.ts";
import type { LifeContext, LifeEvent } from "./life.ts";
import {
  isRunning,
  nextNumber,
  randomContract,
  randomEstate,
  randomRow,
  rowsOfEstate,
  text,
  unitOf,
  unitPredicate,
  unitValues,
} from "./life-rows.ts";
import { between, pick } from "./random.ts";

const randomInvoice = (context: LifeContext, where: string): Promise<ErpRow | undefined> =>
  randomRow(context, { table: "SOLLSTELLUNG", column: "SOLLNR", where, width: 10 });

/** Next month's rent of one estate: many rows in one transaction. */
const rentRun: LifeEvent = async (context) => {
  const { session, random, stamp } = context;
  const estate = await randomEstate(session, random);
  if (!estate) return 0;
  const contracts = (await rowsOfEstate(session, "MIETVERTRAG", text(estate, "OBJNR"))).filter(isRunning);
  const SOLLDAT = firstOfMonth(splitStamp(stamp).day, between(random, 1, 12));
  const rows: ErpRow[] = [];
  for (const contract of contracts) {
    const SOLLNR = await nextNumber(session, "SOLL", 10);
    const { MANDANT, ...where } = unitOf(contract);
    const what = {
      SOLLDAT,
      FAELLIG: addDays(SOLLDAT, 2),
      BETRAG: text(contract, "MIETE"),
      OFFEN: text(contract, "MIETE"),
      STORNO: "N",
      AENDTS: stamp,
    };
    rows.push({ MANDANT, SOLLNR, ...where, FOLGE: contract.FOLGE ?? 0, PERSNR: text(contract, "PERSNR"), ...what });
  }
  await insertRows(session, "SOLLSTELLUNG", rows);
  return rows.length;
};

const invoicePaid: LifeEvent = async (context) => {
  const invoice = await randomInvoice(context, "OFFEN <> 0 AND STORNO = 'N'");
  if (!invoice) return 0;
  const sql = "UPDATE SOLLSTELLUNG SET OFFEN = '0.00', AENDTS = ? WHERE MANDANT = ? AND SOLLNR = ?";
  return context.session.run(sql, [context.stamp, mainMandant, text(invoice, "SOLLNR")]);
};

const invoiceCorrected: LifeEvent = async (context) => {
  const invoice = await randomInvoice(context, "STORNO = 'N'");
  if (!invoice) return 0;
  const amount = `${between(context.random, -50, 2_500)}.${between(context.random, 10, 99)}`;
  const sql = "UPDATE SOLLSTELLUNG SET BETRAG = ?, OFFEN = ?, AENDTS = ? WHERE MANDANT = ? AND SOLLNR = ?";
  return context.session.run(sql, [amount, amount, context.stamp, mainMandant, text(invoice, "SOLLNR")]);
};

const invoiceCancelled: LifeEvent = async (context) => {
  const invoice = await randomInvoice(context, "STORNO = 'N'");
  if (!invoice) return 0;
  const sql = "UPDATE SOLLSTELLUNG SET STORNO = 'J', AENDTS = ? WHERE MANDANT = ? AND SOLLNR = ?";
  return context.session.run(sql, [context.stamp, mainMandant, text(invoice, "SOLLNR")]);
};

const invoiceDeleted: LifeEvent = async (context) => {
  const invoice = await randomInvoice(context, "1 = 1");
  if (!invoice) return 0;
  return context.session.run("DELETE FROM SOLLSTELLUNG WHERE MANDANT = ? AND SOLLNR = ?", [mainMandant, text(invoice, "SOLLNR")]);
};

/** Rents of an estate rise: many rows change, none of them in a column that the portal sees. */
const rentsRaised: LifeEvent = async ({ session, random, stamp }) => {
  const estate = await randomEstate(session, random);
  if (!estate) return 0;
  const sql =
    "UPDATE MIETVERTRAG SET MIETE = ROUND(MIETE + 1, 2), AENDTS = ? WHERE MANDANT = ? AND OBJNR = ? AND ENDE = 99991231";
  return session.run(sql, [stamp, mainMandant, text(estate, "OBJNR")]);
};

/** Soft cancellation of a contract with everything booked on it. */
const contractCancelled: LifeEvent = async (context) => {
  const contract = await randomContract(context, isRunning);
  if (!contract) return 0;
  const values = [context.stamp, ...unitValues(unitOf(contract)), contract.FOLGE ?? 0];
  const booked = await context.session.run(
    `UPDATE SOLLSTELLUNG SET STORNO = 'J', AENDTS = ? WHERE ${unitPredicate} AND FOLGE = ? AND STORNO = 'N'`,
    values,
  );
  return (
    booked +
    (await context.session.run(`UPDATE MIETVERTRAG SET STORNO = 'J', AENDTS = ? WHERE ${unitPredicate} AND FOLGE = ?`, values))
  );
};

const contractReinstated: LifeEvent = async (context) => {
  const contract = await randomContract(context, (row) => row.STORNO === "J" && row.LEERSTAND === "N");
  if (!contract) return 0;
  const values = [context.stamp, ...unitValues(unitOf(contract)), contract.FOLGE ?? 0];
  return context.session.run(`UPDATE MIETVERTRAG SET STORNO = 'N', AENDTS = ? WHERE ${unitPredicate} AND FOLGE = ?`, values);
};

/** Mends a contract that began on 31 February. */
const invalidDateMended: LifeEvent = async ({ session, stamp }) => {
  const [contract] = await session.query(
    "SELECT * FROM MIETVERTRAG WHERE MANDANT = ? AND BEGINN = 20230231 ORDER BY OBJNR, HAUSNR, WOHNNR LIMIT 1",
    [mainMandant],
  );
  if (!contract) return 0;
  const sql = `UPDATE MIETVERTRAG SET BEGINN = 20230228, AENDTS = ? WHERE ${unitPredicate} AND FOLGE = ?`;
  return session.run(sql, [stamp, ...unitValues(unitOf(contract)), contract.FOLGE ?? 0]);
};

const meterRead: LifeEvent = async (context) => {
  const meter = await randomRow(context, { table: "ZAEHLER", column: "ZAEHLNR", width: 10 });
  if (!meter) return 0;
  const { random, session, stamp } = context;
  const STAND = `${between(random, 0, 999_999)}.${String(between(random, 0, 999)).padStart(3, "0")}`;
  const row = { LFDID: null, MANDANT: mainMandant, ZAEHLNR: text(meter, "ZAEHLNR"), ABLDAT: splitStamp(stamp).day, STAND };
  await insertRows(session, "ZAEHLERSTAND", [{ ...row, HERKUNFT: pick(random, ["F", "M", "A"]) }]);
  return 1;
};

export const bookingEvents = {
  rentRun,
  invoicePaid,
  invoiceCorrected,
  invoiceCancelled,
  invoiceDeleted,
  rentsRaised,
  contractCancelled,
  contractReinstated,
  invalidDateMended,
  meterRead,
};
