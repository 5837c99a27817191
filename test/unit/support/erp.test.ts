import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ErpDb } from "../../support/erp/db.ts";
import { openSqliteErp } from "../../support/erp/db-sqlite.ts";
import { generateErp } from "../../support/erp/generate.ts";
import { badRowKinds, type Manifest, messKinds } from "../../support/erp/messes.ts";
import { tableNames, tables } from "../../support/erp/schema.ts";
import { type Bench, onEveryDatabase } from "./erp-companies.ts";

async function count(db: ErpDb, from: string): Promise<number> {
  const [row] = await db.query(`SELECT COUNT(*) AS N FROM ${from}`);
  return Number(row?.N);
}

/** A digest of all rows in key order; decimals are compared as numbers because SQLite keeps no scale. */
async function digest(db: ErpDb): Promise<string> {
  const hash = createHash("sha256");
  for (const name of tableNames) {
    const decimals = new Set<string>(
      tables[name].columns.filter(([, type]) => type.startsWith("DECIMAL")).map(([column]) => column),
    );
    const rows = await db.query(`SELECT * FROM ${name}`);
    const lines = rows.map((row) =>
      JSON.stringify(Object.entries(row).map(([column, value]) => (decimals.has(column) ? Number(value) : value))),
    );
    hash.update(`${name}\n${lines.sort().join("\n")}`);
  }
  return hash.digest("hex");
}

onEveryDatabase("The sample ERP", (start) => {
  let bench: Bench;
  let db: ErpDb;
  let manifest: Manifest;

  beforeAll(async () => {
    bench = await start();
    db = await bench.open();
    manifest = await generateErp(db, { units: 450, seed: 11 });
  });
  afterAll(async () => {
    await db.close();
    await bench.end();
  });

  test("holds about ten rows per unit, and as many in each table as the manifest says", async () => {
    let total = 0;
    for (const name of tableNames) {
      const rows = await count(db, name);
      expect(rows, name).toBe(manifest.rows[name]);
      total += rows;
    }
    expect(await count(db, "WOHNUNG WHERE MANDANT = '001'")).toBe(450);
    expect(total / 450).toBeGreaterThan(9);
    expect(total / 450).toBeLessThan(12);
  });

  test("has every mess and every bad row, each in known number", async () => {
    for (const kind of messKinds) expect(manifest.messes[kind].length, kind).toBeGreaterThanOrEqual(2);
    for (const kind of badRowKinds) expect(manifest.badRows[kind].length, kind).toBe(3);
    const own = "MANDANT = '001' AND";
    expect(await count(db, `MIETVERTRAG WHERE ${own} BEGINN = 20230231`)).toBe(manifest.badRows.invalidDate.length);
    expect(await count(db, `AUFTRAG WHERE ${own} STATUS NOT IN ('0', '1', '2', '9')`)).toBe(
      manifest.badRows.unknownStatus.length,
    );
    expect(
      await count(
        db,
        "WOHNUNG W WHERE NOT EXISTS (SELECT 1 FROM HAUS H WHERE H.MANDANT = W.MANDANT AND H.OBJNR = W.OBJNR AND H.HAUSNR = W.HAUSNR)",
      ),
    ).toBe(manifest.badRows.missingBuilding.length);
    expect(await count(db, `PERSON WHERE ${own} EMAIL = 'keine@email.de'`)).toBe(manifest.messes.placeholderEmail.length);
    expect(await count(db, `PERSON WHERE ${own} EMAIL LIKE '%@mailinator.com'`)).toBe(manifest.messes.throwawayEmail.length);
    expect(await count(db, `PERSON WHERE ${own} EMAIL LIKE '%(at)%'`)).toBe(manifest.messes.invalidEmail.length);
    expect(await count(db, `MIETVERTRAG WHERE ${own} ENDE < BEGINN AND LEERSTAND = 'N'`)).toBe(
      manifest.messes.periodEndsBeforeStart.length,
    );
    expect(await count(db, `MIETVERTRAG WHERE ${own} BEGINN = 0`)).toBe(manifest.messes.periodWithoutStart.length);
    expect(await count(db, `MIETVERTRAG WHERE ${own} STORNO = 'J'`)).toBe(manifest.messes.cancelledPeriod.length);
    expect(await count(db, `AUFTRAG WHERE ${own} PRIO = '7'`)).toBe(manifest.messes.codeByDefault.length);
    expect(await count(db, `AUFTRAG WHERE ${own} LANGTEXT LIKE '%🔥%'`)).toBe(manifest.messes.emojiText.length);
    expect(await count(db, `AUFTRAG WHERE ${own} MELDER = '99999999'`)).toBe(manifest.messes.danglingReporter.length);
    expect(await count(db, `WOHNUNG WHERE ${own} ART = 'ZZ'`)).toBe(manifest.messes.unitKindByDefault.length);
    expect(await count(db, `SOLLSTELLUNG WHERE ${own} BETRAG = 12345678901.05`)).toBe(manifest.messes.hugeAmount.length);
  });

  test("has a second company under the same numbers", async () => {
    const [row] = await db.query(
      "SELECT COUNT(*) AS N FROM WOHNUNG A JOIN WOHNUNG B USING (OBJNR, HAUSNR, WOHNNR) WHERE A.MANDANT = '001' AND B.MANDANT = '002'",
    );
    expect(Number(row?.N)).toBeGreaterThan(5);
  });

  test("is the same company for the same seed and another for another", async () => {
    const first = await digest(db);
    await using again = openSqliteErp(":memory:");
    await generateErp(again, { units: 450, seed: 11 });
    expect(await digest(again)).toBe(first);
    await generateErp(again, { units: 450, seed: 12 });
    expect(await digest(again)).not.toBe(first);
  });

  test("takes a foreign number once only", async () => {
    const column = "UPDATE AUFTRAG SET FREMDNR = 'K1' WHERE MANDANT = '001' AND AUFTRNR IN";
    await expect(db.run(`${column} ('00000001', '00000002')`)).rejects.toThrow(/unique|duplicate/i);
  });

  test("undoes a transaction that fails", async () => {
    const before = await count(db, "PERSON");
    const failing = db.transaction(async (session) => {
      await session.run("DELETE FROM PERSON WHERE MANDANT = '001'");
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await count(db, "PERSON")).toBe(before);
  });
});
