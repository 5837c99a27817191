// The bytes of documents with a whole agent: ERP, files, store, channel and gateway as they are, over SQLite.
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../../base/time.ts";
import type { DocumentState } from "../../../../portal/documents.ts";
import { type LivingAgent, livingAgent } from "../../../support/living-agent.ts";

const tables = `
CREATE TABLE OBJEKT (OBJ TEXT PRIMARY KEY, BEZ TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE DOKUMENT (NR TEXT PRIMARY KEY, OBJ TEXT NOT NULL, JAHR INTEGER, DATEI TEXT) WITHOUT ROWID;
CREATE TABLE BRIEF (NR TEXT PRIMARY KEY, OBJ TEXT NOT NULL, LAENGE INTEGER, INHALT BLOB) WITHOUT ROWID;
CREATE TABLE DMS (NR TEXT PRIMARY KEY, OBJ TEXT NOT NULL, ADRESSE TEXT) WITHOUT ROWID;
INSERT INTO OBJEKT VALUES ('10', 'Park');
INSERT INTO DOKUMENT VALUES ('D1', '10', 2024, 'a.pdf'), ('D2', '10', 2024, 'none.pdf'), ('D3', '10', 2024, 'large.pdf'),
  ('D4', '10', 2024, '..\\..\\secret'), ('D5', '10', 2024, 'link'), ('D6', '10', 2024, 'empty.pdf'), ('D7', '10', 2024, NULL), ('D8', '10', 2024, 'b.pdf');
`;
const fields = `
      subject: [ { type: { value: property }, id: { ref: estates, key: [OBJ] } } ]
      category: { value: contract }
      name: NR
      mediaType: { value: application/pdf }`;
const opened = new AsyncDisposableStack();
let folder = "";
let root = "";
let host = "";
let site: LivingAgent;
const configuration = (): string => `
quality: { rules: false }
sources:
  estates: { type: property, table: OBJEKT, key: [OBJ], scope: none, changes: { compare: 15m }, fields: { name: BEZ } }
  files:
    type: document
    prefix: F
    table: DOKUMENT
    key: [NR]
    scope: none
    changes: { compare: 15m }
    deletes: { grace: 100ms }
    bytes: { root: "${root}", path: "\${JAHR}/\${DATEI}", max: 1MB }
    fields:${fields}
  letters:
    type: document
    prefix: B
    table: BRIEF
    key: [NR]
    scope: none
    changes: { compare: 15m }
    bytes: { blob: INHALT, max: 1MB }
    fields:${fields}
      sizeBytes: LAENGE
  dms:
    type: document
    prefix: W
    table: DMS
    key: [NR]
    scope: none
    changes: { compare: 15m }
    bytes: { url: ADRESSE, hosts: ["${host}"], max: 1MB }
    fields:${fields}
`;
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const file = randomBytes(700_001);
const letter = randomBytes(200_000);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "erpfuser-documents-"));
  opened.defer(() => rmSync(folder, { recursive: true }));
  root = join(folder, "archive");
  mkdirSync(join(root, "2024"), { recursive: true });
  writeFileSync(join(folder, "secret"), "secret");
  writeFileSync(join(root, "2024", "a.pdf"), file);
  writeFileSync(join(root, "2024", "b.pdf"), file);
  writeFileSync(join(root, "2024", "empty.pdf"), "");
  writeFileSync(join(root, "2024", "large.pdf"), Buffer.alloc(1_048_577));
  symlinkSync(join(folder, "secret"), join(root, "2024", "link"));
  site = opened.use(await livingAgent(tables));
  const insert = site.erp.prepare("INSERT INTO BRIEF VALUES (?, '10', ?, ?)");
  insert.run("B1", letter.length, letter);
  insert.run("B2", null, null);
  insert.run("B3", null, Buffer.alloc(1_048_577));
  insert.run("B4", 1, letter);
  const dms = createServer((request, response) => response.writeHead(request.url === "/1" ? 200 : 503).end(letter));
  await new Promise<void>((resolve) => void dms.listen(0, "127.0.0.1", resolve));
  opened.defer(() => new Promise((resolve) => void dms.close(() => resolve())));
  host = `127.0.0.1:${(dms.address() as AddressInfo).port}`;
  site.erp.exec(
    `INSERT INTO DMS VALUES ('W1', '10', 'http://${host}/1'), ('W2', '10', 'http://localhost/2'), ('W3', '10', 'http://${host}/3')`,
  );
  await site.start(configuration());
});
afterAll(() => opened.disposeAsync());

const held = (id: string): Buffer | undefined => {
  const pieces = site.gateway.documentBytes(site.agentId, id);
  return pieces && Buffer.concat([...pieces]);
};
const want = async (id: string): Promise<DocumentState | undefined> => {
  site.gateway.wantDocument(site.agentId, id);
  await site.until(() => expect(site.gateway.document(site.agentId, id)?.state).not.toBe("wanted"));
  return site.gateway.document(site.agentId, id);
};
const findings = (): string[] => site.store((store) => store.findings.list().map(({ rule, key }) => `${rule} ${key}`)).sort();

test("Documents flow without their bytes, and no byte is read or sent before the portal asks", async () => {
  await site.came(16);
  expect((await site.held("document"))["F:D1"]).toEqual({
    subject: [{ type: "property", id: "10" }],
    category: "contract",
    name: "D1",
    mediaType: "application/pdf",
  });
  expect(site.gateway.store.get("SELECT count(*) AS n FROM document_piece")).toEqual({ n: 0 });
  expect(site.gateway.document(site.agentId, "F:D1")).toBeUndefined();
  expect(() => site.gateway.wantDocument(site.agentId, "F:D99")).toThrow("no such document");
});

test("The bytes of a file, of a column and of an address arrive whole, compared by size and digest", async () => {
  expect(await want("F:D1")).toEqual({
    state: "held",
    received: file.length,
    sizeBytes: file.length,
    sha256: sha256(file),
    reason: null,
  });
  expect(held("F:D1")?.equals(file)).toBe(true);
  expect(await want("B:B1")).toMatchObject({ state: "held", sizeBytes: letter.length, sha256: sha256(letter) });
  expect(held("B:B1")?.equals(letter)).toBe(true);
  expect(await want("W:W1")).toMatchObject({ state: "held", sizeBytes: letter.length, sha256: sha256(letter) });
  expect(await want("W:W3")).toMatchObject({ state: "refused", reason: "later" });
  expect(await want("F:D6")).toMatchObject({ state: "held", sizeBytes: 0, sha256: sha256(new Uint8Array()) });
});

test("What can't be had is refused with its reason, and a finding until it is mended", async () => {
  const wanted = ["F:D2", "F:D3", "F:D4", "F:D5", "F:D7", "B:B2", "B:B3", "W:W2"];
  const reasons = await Promise.all(wanted.map(async (id) => (await want(id))?.reason));
  expect(reasons).toEqual(["missing", "too-large", "outside", "outside", "missing", "missing", "too-large", "outside"]);
  expect(findings()).toEqual([
    "document-missing B2",
    "document-missing D2",
    "document-missing D7",
    "document-outside D4",
    "document-outside D5",
    "document-outside W2",
    "document-too-large B3",
    "document-too-large D3",
  ]);
  writeFileSync(join(root, "2024", "none.pdf"), "found");
  expect(await want("F:D2")).toMatchObject({ state: "held", sizeBytes: 5 });
  expect(findings()).not.toContain("document-missing D2");
});

test("What was mended, or is gone, closes by the agent's own look as well", async () => {
  expect(findings()).toEqual(expect.arrayContaining(["document-too-large D3", "document-outside D5", "document-missing B2"]));
  writeFileSync(join(root, "2024", "large.pdf"), "small");
  site.erp.exec("DELETE FROM DOKUMENT WHERE NR = 'D5'");
  site.store((store) => store.asks.post({ kind: "sync", source: "files", full: true }, systemClock.now()));
  await site.until(() => expect(site.store((store) => store.entities.known("files", "D5"))).toBe(false));
  await site.start(configuration());
  await site.until(() => expect(findings()).not.toContain("document-too-large D3"));
  await site.until(() => expect(findings()).not.toContain("document-outside D5"));
  expect(findings()).toContain("document-missing B2");
});

test("Bytes of another size than the ERP tells are not kept", async () => {
  expect(await want("B:B4")).toMatchObject({ state: "refused", reason: "differs", received: 0 });
  expect(held("B:B4")).toBeUndefined();
});

test("A link that is cut in the midst goes on from where it ended, also with an agent that was started anew", async () => {
  const offsets: number[] = [];
  const cutAt = new Set([163_840, 327_680]);
  site.gateway.hooks.piece = (_, offset) => {
    offsets.push(offset);
    return cutAt.delete(offset) ? "drop" : undefined;
  };
  const first = want("F:D8");
  await site.until(() => expect(cutAt.size).toBeLessThan(2));
  await site.stop();
  await site.start(configuration());
  await first;
  site.gateway.hooks.piece = undefined;
  expect(cutAt.size).toBe(0);
  expect(held("F:D8")?.equals(file)).toBe(true);
  // Each piece came once, but for the two that were cut off.
  expect(offsets).toHaveLength(Math.ceil(file.length / 32_768) + 2);
});

test("A file that was exchanged meanwhile begins anew, and what it was before is not mixed with it", async () => {
  const other = randomBytes(500_000);
  let exchanged = false;
  site.gateway.hooks.piece = (_, offset) => {
    if (offset !== 163_840 || exchanged) return undefined;
    exchanged = true;
    writeFileSync(join(root, "2024", "b.pdf"), other);
    return "drop";
  };
  // Another version than what is held, for the agent's own look at it.
  writeFileSync(join(root, "2024", "b.pdf"), file);
  expect(await want("F:D8")).toMatchObject({ state: "held", sha256: sha256(other) });
  site.gateway.hooks.piece = undefined;
  expect(exchanged).toBe(true);
  expect(held("F:D8")?.equals(other)).toBe(true);
});

test("With the record the bytes go as well", async () => {
  site.erp.exec("DELETE FROM DOKUMENT WHERE NR = 'D1'");
  site.store((store) => store.asks.post({ kind: "sync", source: "files", full: true }, systemClock.now()));
  await site.until(() => expect(site.gateway.document(site.agentId, "F:D1")).toBeUndefined());
  expect(held("F:D1")).toBeUndefined();
  expect(site.gateway.store.get("SELECT count(*) AS n FROM document_piece WHERE id = 'F:D1'")).toEqual({ n: 0 });
});
