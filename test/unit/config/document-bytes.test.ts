import { expect, test } from "vitest";
import { grantNeeds } from "../../../agent/grant-needs.ts";
import type { Config } from "../../../config/config.ts";
import { parseConfig } from "../../../config/load.ts";

const loaded = (bytes: string, type = "document") =>
  parseConfig({
    file: "/etc/erpfuser.yaml",
    text: `agent: { name: Test, portal: "wss://portal.example.com/agent" }
erp: { connector: sqlite, file: /tmp/erp.db, timezone: Europe/Berlin }
vars: { year: "2024" }
sources:
  files:
    type: ${type}
    table: DOKUMENT
    key: [MANDANT, NR]
    where: "AKTIV = 'J'"
    changes: { compare: 15m }
    bytes: ${bytes}
    fields: { ${type === "document" ? "subject: { value: [] }, category: ART, mediaType: { value: text/plain }, " : ""}name: TITEL }
`,
  });

test.each([
  [
    "{ root: /srv/a, path: DATEI }",
    { kind: "file", root: "/srv/a", path: { kind: "column", column: "DATEI" }, maxBytes: 26_214_400 },
  ],
  [
    '{ root: "D:\\\\Archiv", path: "${vars.year}/${DATEI}.pdf", max: 1GB }',
    {
      root: "D:\\Archiv",
      path: { kind: "expression", expression: { cel: 'string(vars.year) + "/" + string(DATEI) + ".pdf"' } },
      maxBytes: 1_073_741_824,
    },
  ],
  [
    "{ url: ADRESSE, hosts: [DMS.local, 'dms.local:8443'], timeout: 5s }",
    { kind: "url", url: { kind: "column", column: "ADRESSE" }, hosts: ["dms.local", "dms.local:8443"], timeoutMs: 5_000 },
  ],
  ["{ blob: INHALT, max: 100MB }", { kind: "column", column: "INHALT", table: undefined, maxBytes: 104_857_600 }],
  ["{ blob: INHALT, table: DATEN }", { table: { name: "DATEN", key: ["MANDANT", "NR"] } }],
  ["{ blob: INHALT, table: DATEN, key: [M, N] }", { table: { name: "DATEN", key: ["M", "N"] } }],
])("bytes: %s", (text, bytes) => {
  const { config, faults } = loaded(text);
  expect(faults).toBeUndefined();
  expect(config?.sources[0]?.bytes).toMatchObject(bytes);
});

test.each([
  ["{ max: 1MB }", "sources.files.bytes", "from a file, from a column or from an address"],
  ["{ root: /srv, path: P, blob: B }", "sources.files.bytes", "from a file, from a column or from an address"],
  ["{ path: P }", "sources.files.bytes", "`root` is missing"],
  ["{ path: P, root: archive }", "sources.files.bytes.root", "absolute"],
  ["{ path: P, root: C:archive }", "sources.files.bytes.root", "absolute"],
  ["{ path: P, root: /srv, table: T }", "sources.files.bytes", "belong to `blob`"],
  ['{ path: "${vars.yaer}/x", root: /srv }', "sources.files.bytes.path", "yaer"],
  ['{ path: "${P + }", root: /srv }', "sources.files.bytes.path", "can't be read"],
  ["{ blob: B, root: /srv }", "sources.files.bytes.root", "belongs to `path`"],
  ['{ blob: "${B}" }', "sources.files.bytes.blob", "must be a column"],
  ["{ blob: B, key: [M, N] }", "sources.files.bytes.key", "belongs to `table`"],
  ["{ blob: B, table: T, key: [N] }", "sources.files.bytes.key", "1 of 2 parts"],
  ["{ blob: B, max: 101MB }", "sources.files.bytes.max", "100MB"],
  ['{ url: "https://dms/${ID}" }', "sources.files.bytes", "`hosts` is missing"],
  ["{ url: U, hosts: [dms.local/x] }", "sources.files.bytes.hosts[0]", "no host"],
  ["{ url: U, hosts: ['a b'] }", "sources.files.bytes.hosts[0]", "no host"],
  ["{ url: U, hosts: [dms], max: 101MB }", "sources.files.bytes.max", "but from a file"],
  ["{ blob: B, hosts: [dms] }", "sources.files.bytes.hosts", "belongs to `url`"],
])("bytes: %s is a fault at %s", (text, path, message) => {
  const { faults = [] } = loaded(text);
  expect(faults.map((fault) => fault.path)).toContain(path);
  expect(faults.find((fault) => fault.path === path)?.message).toContain(message);
});

test("only documents have bytes", () => {
  const { faults } = loaded("{ root: /srv, path: P }", "property");
  expect(faults).toMatchObject([{ path: "sources.files.bytes", message: expect.stringContaining("Only documents") }]);
});

test("the account needs to read the columns that the bytes are found by, and no others for them", () => {
  const needs = (bytes: string) => grantNeeds(loaded(bytes).config as Config, []).tables.map(({ table, read }) => [table, read]);
  const own = ["ART", "MANDANT", "NR", "TITEL"];
  expect(needs('{ root: /srv, path: "${ORDNER}/${DATEI}" }').flat()).toContain("DOKUMENT");
  expect(needs("{ blob: INHALT, table: DATEN, key: [M, N] }")).toContainEqual(["DATEN", ["INHALT", "M", "N"]]);
  const column = (name: string) => ({ ...bare, name });
  const described = [{ ...table, columns: [...own, "AKTIV", "ORDNER", "DATEI", "INHALT", "GEHEIM"].map(column) }];
  const read = (bytes: string) => grantNeeds(loaded(bytes).config as Config, described).tables[0]?.read;
  expect(read('{ root: /srv, path: "${ORDNER}/${DATEI}" }')).toEqual([
    "AKTIV",
    "ART",
    "DATEI",
    "MANDANT",
    "NR",
    "ORDNER",
    "TITEL",
  ]);
  expect(read("{ blob: INHALT }")).toEqual(["AKTIV", "ART", "INHALT", "MANDANT", "NR", "TITEL"]);
});

const bare = { type: "text" as const, nullable: true, length: undefined, hasDefault: false, autoIncrement: false };
const table = {
  name: "DOKUMENT",
  kind: "table" as const,
  primaryKey: ["MANDANT", "NR"],
  uniqueIndexes: [["MANDANT", "NR"]],
  foreignKeys: [],
  indexedColumns: [],
  rows: undefined,
  transactional: true,
};
