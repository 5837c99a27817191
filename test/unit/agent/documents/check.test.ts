import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bytesFaults } from "../../../../agent/document-bytes.ts";
import { rootFindings } from "../../../../agent/documents/root-findings.ts";
import { openErp } from "../../../../agent/erp.ts";
import { silentLog } from "../../../../base/log.ts";
import { systemClock } from "../../../../base/time.ts";
import { parseConfig } from "../../../../config/load.ts";

let folder = "";
let file = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "erpfuser-check-"));
  file = join(folder, "erp.db");
  const erp = new DatabaseSync(file);
  erp.exec("CREATE TABLE DOK (NR TEXT PRIMARY KEY, DATEI TEXT, TITEL TEXT NOT NULL, INHALT BLOB)");
  erp.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

function configOf(bytes: string) {
  const text = `agent: { name: Test, portal: "wss://portal.example.com/agent" }
erp: { connector: sqlite, file: "${file}", timezone: Europe/Berlin }
sources:
  files:
    type: document
    table: DOK
    key: [NR]
    changes: { compare: 15m }
    bytes: ${bytes}
    fields: { subject: { value: [] }, category: TITEL, name: TITEL, mediaType: { value: text/plain } }
`;
  const { config, faults } = parseConfig({ text, file: join(folder, "erpfuser.yaml") });
  if (config === undefined) throw new Error(JSON.stringify(faults));
  return config;
}

test.each([
  ['{ root: /srv, path: "${DATEI}.pdf" }', []],
  ["{ blob: INHALT }", []],
  ['{ url: "https://dms.local/${NR}", hosts: [dms.local] }', []],
  ['{ root: /srv, path: "${DATEY}.pdf" }', ["DATEY"]],
  ["{ root: /srv, path: INHALT }", ["INHALT"]],
  ["{ blob: INHALD }", ["INHALD"]],
  ["{ blob: INHALT, table: NOWHERE }", ["NOWHERE"]],
])("check holds bytes: %s against the database", async (bytes, named) => {
  const config = configOf(bytes);
  const secret = async (): Promise<string> => "";
  const erp = await openErp({ config, clock: systemClock, log: silentLog, secret });
  const faults = await bytesFaults({ config, erp }, new AbortController().signal);
  await erp.close();
  expect(faults).toHaveLength(named.length);
  for (const [index, name] of named.entries())
    expect(faults[index]).toMatchObject({ path: "sources.files.bytes", message: expect.stringContaining(name) });
});

test("check names a folder that is not there", async () => {
  expect(await rootFindings(configOf(`{ root: "${folder}", path: DATEI }`))).toEqual([]);
  for (const root of [join(folder, "none"), file])
    expect(await rootFindings(configOf(`{ root: "${root}", path: DATEI }`))).toMatchObject([
      { severity: "error", code: "documents-unreadable", place: "sources.files.bytes.root" },
    ]);
});
