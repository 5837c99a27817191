import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { draftText, untried } from "../../../../../agent/cli/init/draft-text.ts";
import { presetHints } from "../../../../../agent/cli/init/known-erp.ts";
import type { Table } from "../../../../../connectors/connector.ts";
import { tables } from "../../../../support/erp/schema.ts";

const tableOf = (name: string): Table => ({
  ...{ name, kind: "table", columns: [], primaryKey: [], uniqueIndexes: [], foreignKeys: [] },
  ...{ indexedColumns: [], rows: 0, transactional: true },
});
/** The tables that a file under test/support/examples makes. */
const made = (example: string): Table[] =>
  [
    ...readFileSync(`test/support/examples/${example}.sql`, "utf8").matchAll(
      /^CREATE TABLE (?:IF NOT EXISTS )?(?:\[([^\]]+)\]|([\w.]+))/gm,
    ),
  ].map(([, quoted, plain]) => tableOf(quoted ?? plain ?? ""));

it("an ERP with a preset is known by its tables, whatever stands before their names; others are not", () => {
  expect(presetHints(made("dolibarr")).join()).toContain('`preset: dolibarr` and `vars: { prefix: "llx_" }`');
  expect(presetHints(made("nav")).join()).toContain('`preset: nav` and `vars: { company: "CRONUS International Ltd_" }`');
  expect(presetHints(Object.keys(tables).map(tableOf)).join()).toContain("`preset: sample`");
  for (const other of ["glpi", "rentease", "landlord-tenant", "estatesmgmt"]) expect(presetHints(made(other)), other).toEqual([]);
  expect(presetHints(made("dolibarr").filter(({ name }) => name !== "llx_actioncomm"))).toEqual([]);
});

it("of several companies the others are named, and no name of a table leaves its comment", () => {
  const companies = ["A", "B Ltd_", "C\nsources: {}"].flatMap((company) =>
    ["Customer", "Vendor", "Service Header", "Sales Invoice Header"].map((name) => tableOf(`${company}$${name}`)),
  );
  const connection = { connector: "mssql", connection: {}, timezone: "Europe/Berlin" };
  const parts = { name: "x", portal: "wss://x", state: "/x", ...connection, tables: companies };
  const text = draftText(parts, { sources: [], types: [], maps: [], remarks: [] }, untried);
  expect(text).toContain('`vars: { company: "A" }` (there are others: B Ltd_)');
  expect(text).not.toMatch(/^sources: \{\}/m);
});
