import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openJudge } from "../../../../agent/cli/preview-sent.ts";
import { whyLines, whyOf } from "../../../../agent/cli/preview-why.ts";
import { compile } from "../../../../agent/compile.ts";
import { openErp } from "../../../../agent/erp.ts";
import type { Mapping } from "../../../../agent/map/mapped.ts";
import { openStore } from "../../../../agent/store/open.ts";
import { silentLog } from "../../../../base/log.ts";
import { systemClock } from "../../../../base/time.ts";
import type { Config, Source } from "../../../../config/config.ts";
import { parseConfig } from "../../../../config/load.ts";
import type { Connector, RowBatch } from "../../../../connectors/connector.ts";
import { createDigester } from "../../../../protocol/digest.ts";
import { fieldsOf } from "../../../../protocol/entity-text.ts";
import { type TemporaryDirectory, tempDirectory } from "../../../support/servers.ts";

const { signal } = new AbortController();

const yaml = (file: string, state: string): string => `
agent: { name: X, portal: "wss://p.example.com/agent", state: "${state}" }
erp: { connector: sqlite, file: "${file}", timezone: Europe/Berlin }
types: { ymd: { integer: yyyyMMdd, empty: ["0"] }, hm: { integer: HHmm } }
maps: { status: { read: { "0": open, "9": closed }, unknown: quarantine } }
sources:
  estates: { type: property, table: OBJEKT, key: [NR], fields: { name: BEZ } }
  units: { type: unit, table: WOHNUNG, key: [NR], fields: { propertyId: { ref: estates, key: [OBJNR] }, name: LAGE, objectType: { value: flat } } }
  persons:
    type: person
    table: PERSON
    key: [NR]
    fields:
      kind: { value: natural }
      lastName: NAME
      emails: { from: MAIL, do: [trim, lower, email-list] }
      address: { city: ORT }
  tickets:
    type: ticket
    table: AUFTRAG
    key: [NR]
    fields:
      kind: { value: damage }
      title: "\${'Nr. ' + NR + ': ' + TEXT}"
      description: { rows: "SELECT ZEILE FROM ZEILEN WHERE NR = :row.NR ORDER BY ZEILE", join: " " }
      status: { from: STATUS, map: status }
      unitId: { ref: units, key: [WOHNNR], when: "\${!empty(WOHNNR)}" }
      reporterId: { ref: persons, key: [MELDER], missing: omit }
      createdAt: { date: DAT, time: ZEIT, as: [ymd, hm] }
      dueDate: { from: TERMIN, as: ymd, shift: -1d }
`;

describe("why an entity is what it is", () => {
  let folder: TemporaryDirectory;
  let erp: Connector;
  let config: Config;
  let mappings: readonly Mapping[];
  let database: DatabaseSync;
  beforeAll(async () => {
    folder = await tempDirectory();
    const file = join(folder.path, "erp.db");
    const state = join(folder.path, "state");
    database = new DatabaseSync(file);
    database.exec(`
      CREATE TABLE OBJEKT (NR TEXT PRIMARY KEY, BEZ TEXT); INSERT INTO OBJEKT VALUES ('1', 'Anger'), ('2', NULL);
      CREATE TABLE WOHNUNG (NR TEXT PRIMARY KEY, OBJNR TEXT, LAGE TEXT); INSERT INTO WOHNUNG VALUES ('a', '1', 'EG'), ('b', '2', 'OG'), ('c', '7', 'DG');
      CREATE TABLE PERSON (NR TEXT PRIMARY KEY, NAME TEXT, MAIL TEXT, ORT TEXT); INSERT INTO PERSON VALUES ('p', 'Mei', ' A@B.example ; none', 'Halle');
      CREATE TABLE AUFTRAG (NR TEXT PRIMARY KEY, TEXT TEXT, STATUS TEXT, WOHNNR TEXT, MELDER TEXT, DAT INTEGER, ZEIT INTEGER, TERMIN INTEGER);
      INSERT INTO AUFTRAG VALUES ('1', 'tropft', '0', 'a', 'p', 20260102, 930, 20260301), ('2', 'kalt', '5', '', 'q', 20260102, 930, 0);
      CREATE TABLE ZEILEN (NR TEXT, ZEILE TEXT); INSERT INTO ZEILEN VALUES ('1', 'seit'), ('1', 'gestern')`);
    const loaded = parseConfig({ text: yaml(file, state), file: join(folder.path, "erpfuser.yaml") });
    expect(loaded.faults).toBeUndefined();
    config = loaded.config as Config;
    erp = await openErp({ config, clock: systemClock, log: silentLog, secret: async () => "" });
    ({ mappings } = await compile(config, erp, signal));
  });
  afterAll(async () => {
    await erp.close();
    database.close();
    await folder[Symbol.asyncDispose]();
  });

  const mappingOf = (source: string): Mapping => mappings.find((one) => one.source === source) as Mapping;
  /** The batch with the one row; good until the next one is asked for. */
  const read = async (source: string, key: string): Promise<RowBatch> => {
    for await (const batch of erp.readKeys(mappingOf(source).query, [key], signal)) return batch;
    throw new Error(`${source} has no ${key}`);
  };
  const why = async (name: string, key: string) => {
    const batch = await read(name, key);
    const mapping = mappingOf(name);
    const source = config.sources.find((one) => one.name === name) as Source;
    const mapped = mapping.map(batch.row(0), key);
    const fields = mapped.kind === "entity" ? fieldsOf(mapped.text) : undefined;
    const told = whyOf({ config, source, query: mapping.query, row: batch.row(0), mapped, fields });
    return { told, lines: told.flatMap((one) => whyLines(one, mapped.kind === "entity")) };
  };
  const judged = async (name: string, key: string) => {
    using judge = await openJudge({ config, clock: systemClock, erp, mappings, mapping: mappingOf(name), signal });
    return await judge.judge(await read(name, key), 0);
  };

  it("names for each field the columns with their values, the steps, and what comes out", async () => {
    const { lines } = await why("tickets", "1");
    expect(lines).toEqual([
      '    kind: "damage"',
      '      always "damage"',
      '    title: "Nr. 1: tropft"',
      "      NR = \"1\", TEXT = \"tropft\"; ${'Nr. ' + NR + ': ' + TEXT}",
      '    description: "gestern seit"',
      '      2 child rows of SELECT ZEILE FROM ZEILEN WHERE NR = :row.NR ORDER BY ZEILE; joined by " "',
      '    status: "open"',
      '      STATUS = "0"; map status',
      '    unitId: "a"',
      '      WOHNNR = "a"; when ${!empty(WOHNNR)}',
      '      WOHNNR = "a"; id of units by WOHNNR',
      '    reporterId: "p"',
      '      MELDER = "p"; id of persons by MELDER',
      '    createdAt: "2026-01-02T08:30:00Z"',
      "      DAT = 20260102, ZEIT = 930; as ymd (integer yyyyMMdd) and hm (integer HHmm)",
      '    dueDate: "2026-02-28"',
      "      TERMIN = 20260301; as ymd (integer yyyyMMdd); shift -1d",
    ]);
  });

  it("shows what each cleaning step made of the text, parts of objects by their path, and what was reported", async () => {
    const { told } = await why("persons", "p");
    expect(told.find(({ field }) => field === "emails")).toEqual({
      field: "emails",
      reasons: [
        {
          path: "emails",
          from: { MAIL: " A@B.example ; none" },
          steps: [
            'trim makes "A@B.example ; none"',
            'lower makes "a@b.example ; none"',
            'email-list makes [{"address":"a@b.example"}]',
          ],
        },
      ],
      gives: [{ address: "a@b.example" }],
      trouble: ["reported: value-dropped"],
    });
    expect(told.find(({ field }) => field === "address")?.reasons).toEqual([
      { path: "address.city", from: { ORT: "Halle" }, steps: [] },
    ]);
  });

  it("says at the field why the row would be held", async () => {
    const { told, lines } = await why("tickets", "2");
    expect(told.find(({ field }) => field === "status")?.trouble).toEqual([
      'holds the row: code "5" is not in map status [code-unknown]',
    ]);
    expect(lines).toContain("    kind:");
  });

  it("before the first run what was sent is not known, but parents are looked for in the ERP: a child waits, an optional reference is left out", async () => {
    expect((await judged("units", "a")).sent).toEqual({ state: "not-known", held: [], leftOut: [] });
    expect((await judged("units", "b")).sent.held).toEqual(["estates 2 is held itself [value-invalid]: it waits for it"]);
    expect((await judged("units", "c")).sent.held).toEqual([
      "estates 7 is not in its source (not in the ERP, or outside of `where` and `scope`): it waits for it",
    ]);
    database.exec("UPDATE AUFTRAG SET STATUS = '0' WHERE NR = '2'");
    const { mapped, sent } = await judged("tickets", "2");
    expect(sent.leftOut).toEqual([expect.stringMatching(/^persons q is not in its source .*: the reference is left out$/)]);
    expect(mapped.kind === "entity" && fieldsOf(mapped.text).reporterId).toBeNull();
  });

  it("beside a store it says whether the entity is as it was sent, whether its row has changed since, and what holds it", async () => {
    mkdirSync(config.agent.state, { mode: 0o700 });
    const { text } = await createDigester();
    const batch = await read("estates", "1");
    const mapped = mappingOf("estates").map(batch.row(0), "1");
    const store = openStore({ directory: config.agent.state, clock: systemClock, log: silentLog });
    try {
      const entityDigest = mapped.kind === "entity" ? text(mapped.text) : undefined;
      store.transaction(() => {
        store.entities.put("estates", "1", { rowDigest: batch.digests[0], entityDigest, parents: [] });
        const place = {
          source: "units",
          key: "a",
          type: "unit" as const,
          id: "a",
          since: 0,
          digest: undefined,
          waitsFor: undefined,
        };
        store.quarantine.put({ ...place, code: "portal-refused", field: undefined, message: "The portal refused it" });
      }, "test");
    } finally {
      store.close();
    }
    expect((await judged("estates", "1")).sent).toEqual({ state: "as-sent", rowChanged: false, held: [], leftOut: [] });
    expect((await judged("units", "a")).sent).toMatchObject({
      state: "never-sent",
      held: ["in quarantine: The portal refused it [portal-refused]"],
    });
    database.exec("UPDATE OBJEKT SET BEZ = 'Ring' WHERE NR = '1'");
    expect((await judged("estates", "1")).sent).toMatchObject({ state: "differs", rowChanged: true });
  });
});
