// One statement over a tenth of a table, as somebody writes it who forgot the condition: with the guards that everybody has, the portal sees none of it before a person approves.
import { expect, test, vi } from "vitest";
import { openStoreForReading } from "../../agent/store/open.ts";
import { systemClock } from "../../base/time.ts";
import { answer, runInStep } from "../support/cli.ts";
import { openSite, type Site } from "../support/site.ts";

const patience = { timeout: 90_000, interval: 100 };

/** Ids of exactly a tenth of what the portal holds of a type, or one more where that is no whole number. */
function tenthOf(site: Site, type: string, where = "1"): string[] {
  const rows = site.gateway.store.all<{ id: string; fits: number }>(
    `SELECT id, ${where} AS fits FROM entity WHERE type = ? AND deleted_at IS NULL ORDER BY id`,
    type,
  );
  const fitting = rows.filter(({ fits }) => fits === 1);
  const count = Math.ceil(rows.length / 10);
  expect(fitting.length, type).toBeGreaterThan(count);
  return fitting.slice(0, count).map(({ id }) => id);
}

/** The condition that names rows by a key of these columns. */
const named = (columns: readonly string[], ids: readonly string[]): string =>
  ids.map((id) => `(${columns.map((column, at) => `${column} = '${id.split(".")[at]}'`).join(" AND ")})`).join(" OR ");

test("A tenth of a source that is blanked, moved or flagged as deleted by one UPDATE waits until a person approves; all else flows on, and in the end ERP and portal agree", async () => {
  await using site = await openSite({ units: 64 });
  site.configure({}, (text) => text.replace(/^guards:.*\n/m, ""));
  await site.join();
  await using _run = await runInStep(site);
  const came = new Set<string>();
  site.gateway.listen((event) => {
    if (event.kind === "items") for (const { type, id } of event.applied) came.add(`${type} ${id}`);
  });

  const blanked = tenthOf(site, "person", "id LIKE '%.1' AND json_array_length(fields, '$.phones') > 0");
  const moved = tenthOf(site, "meter", "fields ->> 'unitId' > '001.000010.002'");
  const flagged = tenthOf(site, "invoice");
  const [home] = site.gateway.store.all<{ id: string }>("SELECT id FROM entity WHERE type = 'unit' ORDER BY id");
  const stamp = `AENDTS = (SELECT MAX(AENDTS) FROM SOLLSTELLUNG)`;
  await site.erp.run(`UPDATE PERSON SET TELEFON = '' WHERE ${named(["MANDANT", "PERSNR"], blanked)}`, []);
  const place = ["OBJNR", "HAUSNR", "WOHNNR"].map((column, at) => `${column} = '${home?.id.split(".")[1 + at]}'`).join(", ");
  await site.erp.run(`UPDATE ZAEHLER SET ${place} WHERE ${named(["MANDANT", "ZAEHLNR"], moved)}`, []);
  await site.erp.run(`UPDATE SOLLSTELLUNG SET STORNO = 'J', ${stamp} WHERE ${named(["MANDANT", "SOLLNR"], flagged)}`, []);
  await site.erp.run("UPDATE OBJEKT SET BEZ = 'Umbenannt' WHERE MANDANT = '001'", []);
  site.hurry({ full: true });

  const open = () => {
    using store = openStoreForReading(site.state, systemClock);
    return store.guards.list().filter(({ state }) => state === "open");
  };
  const guards = await vi.waitFor(() => {
    const found = open().toSorted((one, other) => one.source.localeCompare(other.source));
    expect(found).toMatchObject([
      { source: "invoices", kind: "deletes", count: flagged.length },
      { source: "meters", kind: "moved", count: moved.length, fields: ["units"] },
      { source: "persons", kind: "emptied", count: blanked.length, fields: ["phones"] },
    ]);
    expect([...came].some((one) => one.startsWith("property "))).toBe(true);
    return found;
  }, patience);
  const theirs = [
    ...blanked.map((id) => `person ${id}`),
    ...moved.map((id) => `meter ${id}`),
    ...flagged.map((id) => `invoice ${id}`),
  ];
  expect(theirs.filter((one) => came.has(one))).toEqual([]);

  for (const { id, kind } of guards) {
    const { message } = await answer(site, ["guard", "approve", String(id)]);
    expect(message).toMatch(kind === "deletes" ? /^\d+ deletes go out/ : /^\d+ are read once more/);
  }
  await vi.waitFor(() => expect(theirs.filter((one) => !came.has(one))).toEqual([]), patience);
  await site.converges();
  expect(open()).toEqual([]);
});
