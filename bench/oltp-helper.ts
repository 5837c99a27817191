/** Clerks at work in the ERP: each a connection that does one small transaction after the other. `bench/oltp-helper.ts ACCESS UNITS` */
import { type Connection, createConnection } from "mysql2/promise";
import { answerCalls } from "./call.ts";
import { mandant, unitKey } from "./erp.ts";
import { percentile } from "./statistics.ts";

const clerks = 4;
const access = JSON.parse(process.argv[2] ?? "{}") as Parameters<typeof createConnection>[0] & object;
const units = Number(process.argv[3]);

const connections = await Promise.all(Array.from({ length: clerks }, () => createConnection({ ...access, dateStrings: true })));
const upTo = (below: number): number => Math.floor(Math.random() * below);

/** Looks at a unit, its periods and some persons, and books: six statements, one commit. */
async function work(connection: Connection): Promise<void> {
  const key = unitKey(upTo(units));
  const person = String(upTo(units) + 1).padStart(10, "0");
  const ofUnit = "MANDANT = ? AND OBJNR = ? AND HAUSNR = ? AND WOHNNR = ?";
  await connection.query("BEGIN");
  await connection.query(`SELECT * FROM WOHNUNG WHERE ${ofUnit}`, key);
  await connection.query(`SELECT * FROM MIETVERTRAG WHERE ${ofUnit}`, key);
  await connection.query("SELECT * FROM PERSON WHERE MANDANT = ? AND PERSNR BETWEEN ? AND ? LIMIT 20", [
    mandant,
    person,
    "9999999999",
  ]);
  await connection.query("INSERT INTO BUCHUNG (MANDANT, OBJNR, PERSNR, BETRAG) VALUES (?, ?, ?, ?)", [
    mandant,
    key[1],
    person,
    upTo(900),
  ]);
  await connection.query("UPDATE KONTO SET SALDO = SALDO + 1 WHERE NR = ?", [upTo(5_000) + 1]);
  await connection.query("COMMIT");
}

/** Works for so long; transactions per second and the 99th percentile of their length. */
async function load(forMs: number): Promise<{ perSecond: number; p99Ms: number }> {
  const times: number[] = [];
  const begun = performance.now();
  await Promise.all(
    connections.map(async (connection) => {
      while (performance.now() - begun < forMs) {
        const from = performance.now();
        await work(connection);
        times.push(performance.now() - from);
      }
    }),
  );
  return { perSecond: times.length / ((performance.now() - begun) / 1_000), p99Ms: percentile(times, 99) };
}

answerCalls({ load });
