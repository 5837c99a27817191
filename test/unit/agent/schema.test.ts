// What a schema lacks stops what needs it and nothing else; and it is noticed under a running agent (real SQLite, a clock that the test moves).
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compile } from "../../../agent/compile.ts";
import { compileWhatCan } from "../../../agent/degrade.ts";
import { createSchemaWatch } from "../../../agent/schema-watch.ts";
import { FuserError } from "../../../base/errors.ts";
import { silentLog } from "../../../base/log.ts";
import { systemClock } from "../../../base/time.ts";
import type { Config } from "../../../config/config.ts";
import { loadConfig } from "../../../config/load.ts";
import type { Connector } from "../../../connectors/connector.ts";
import { connectors } from "../../../connectors/registry.ts";
import { manualClock } from "../../support/manual-clock.ts";
import { tempDirectory } from "../../support/servers.ts";

const never = new AbortController().signal;
const limits = { statementTimeoutMs: 5_000, lockTimeoutMs: 1_000, batchRows: 100, batchBytes: 100_000, snapshotMs: 60_000 };

const tables = `
CREATE TABLE OBJEKT (NR TEXT PRIMARY KEY, BEZ TEXT NOT NULL);
CREATE TABLE HAUS (NR TEXT PRIMARY KEY, OBJ TEXT NOT NULL, BEZ TEXT NOT NULL, ORT TEXT, AENDTS TEXT);
CREATE TABLE WOHNUNG (HNR TEXT NOT NULL, NR TEXT NOT NULL, LAGE TEXT NOT NULL, ETAGE TEXT, ZIMMER TEXT, PRIMARY KEY (HNR, NR));
CREATE TABLE AUFTRAG (NR TEXT PRIMARY KEY, HNR TEXT, TITEL TEXT NOT NULL, ART TEXT NOT NULL, STATUS TEXT NOT NULL, ANL TEXT, AENDTS TEXT, GELOESCHT TEXT, FREMD TEXT UNIQUE);
CREATE TABLE ZEILE (AUFTRAG TEXT NOT NULL, LFD INTEGER NOT NULL, TEXT TEXT, AENDTS TEXT, PRIMARY KEY (AUFTRAG, LFD));
CREATE TABLE STAND (NR INTEGER PRIMARY KEY, ZAEHLER TEXT, WERT TEXT);
`;

const text = (file: string): string => `
agent: { name: Drift, portal: "ws://127.0.0.1:1/agent", stage: test, state: /nowhere }
erp: { connector: sqlite, file: "${file}", timezone: Europe/Berlin, courtesy: { blackout: [ { between: "05:00-06:00" } ] } }
types: { iso: { text: yyyy-MM-dd } }
maps:
  kind: { read: { S: damage }, write: { damage: S }, unknown: quarantine }
  status: { read: { "0": open }, write: { open: "0" }, unknown: quarantine }
sources:
  estates: { type: property, table: OBJEKT, key: [NR], scope: none, changes: { compare: 15m }, fields: { name: BEZ } }
  buildings: { type: building, table: HAUS, key: [NR], scope: none, changes: { column: AENDTS, kind: sequence, every: 1s, compare: "0 3 * * *" }, fields: { propertyId: { ref: estates, key: [OBJ] }, name: BEZ, address: { city: ORT } } }
  units:
    type: unit
    table: WOHNUNG
    key: [HNR, NR]
    scope: none
    changes: { compare: 15m }
    fields: { buildingId: { ref: buildings, key: [HNR] }, name: LAGE, floor: ETAGE, rooms: "\${decimal(ZIMMER)}", objectType: { value: flat } }
  tickets:
    type: ticket
    table: AUFTRAG
    key: [NR]
    scope: none
    where: "GELOESCHT IS NULL"
    changes: { compare: 15m }
    touchedBy: [ { table: ZEILE, key: [AUFTRAG], own: [AUFTRAG, LFD], changes: { column: AENDTS, kind: sequence, every: 1s } } ]
    fields:
      title: TITEL
      kind: { from: ART, map: kind }
      status: { from: STATUS, map: status }
      createdAt: { from: ANL, as: iso }
      buildingId: { ref: buildings, key: [HNR], missing: omit }
      description: { rows: "SELECT TEXT FROM ZEILE WHERE AUFTRAG = :row.NR ORDER BY LFD", join: "\\n" }
  lines:
    type: message
    query: "SELECT AUFTRAG, LFD, TEXT FROM ZEILE"
    key: [AUFTRAG, LFD]
    scope: none
    changes: { compare: 15m }
    signal: { table: ZEILE, column: AENDTS, key: [AUFTRAG, LFD] }
    fields: { ticketId: { ref: tickets, key: [AUFTRAG] }, body: TEXT, visibility: { value: internal } }
commands:
  ticket.create:
    idempotency: { column: AUFTRAG.FREMD, value: "\${short(command.id, 40)}" }
    steps:
      - number: nr
        max: { table: AUFTRAG, column: NR, where: {} }
      - insert: AUFTRAG
        values: { NR: "\${pad(nr, 8, '0')}", TITEL: { from: title }, ART: { from: kind, map: kind }, STATUS: "0", FREMD: "\${short(command.id, 40)}" }
    result: { source: tickets, key: ["\${pad(nr, 8, '0')}"] }
  ticket.close:
    idempotency: base
    steps: [ { update: AUFTRAG, key: { NR: "\${key(id).NR}" }, values: { STATUS: "9" } } ]
    result: { source: tickets, key: ["\${key(id).NR}"] }
`;

describe("A schema that lacks something", () => {
  let opened: AsyncDisposableStack;
  let erp: DatabaseSync;
  let config: Config;
  let connector: Connector;

  beforeEach(async () => {
    opened = new AsyncDisposableStack();
    const file = `${opened.use(await tempDirectory()).path}/erp.db`;
    erp = opened.adopt(new DatabaseSync(file), (database) => database.close());
    erp.exec(tables);
    const loaded = await loadConfig({ text: text(file), file: "/nowhere/erpfuser.yaml" });
    if (!loaded.config) throw new Error(JSON.stringify(loaded.faults, null, 1));
    config = loaded.config;
    const context = { clock: systemClock, log: silentLog, limits, sessionName: "test" };
    const open = connectors.sqlite?.open(config.erp.settings, async () => "", context);
    connector = opened.adopt((await open) as Connector, (one) => one.close());
  });
  afterEach(() => opened.disposeAsync());

  const lacksNow = async (): Promise<string[]> => {
    const { lacks } = await compileWhatCan(config, connector, never);
    return lacks.map(
      ({ stops, source, name }) => `${stops} ${source === undefined || source === name ? name : `${source} ${name}`}`,
    );
  };

  test("None: all is compiled as it is where everything must compile", async () => {
    const [strict, lenient] = [await compile(config, connector, never), await compileWhatCan(config, connector, never)];
    expect(lenient.lacks).toEqual([]);
    const prints = ({ mappings }: typeof strict) =>
      mappings.map(({ source, fingerprint, fields }) => [source, fingerprint, fields]);
    expect(prints(lenient)).toEqual(prints(strict));
    expect([...lenient.commands.keys()]).toEqual([...strict.commands.keys()]);
  });

  test.each([
    ["a field's column", "ALTER TABLE WOHNUNG DROP COLUMN ETAGE", ["field units floor"]],
    [
      "two of them, one within an expression",
      "ALTER TABLE WOHNUNG DROP COLUMN ETAGE; ALTER TABLE WOHNUNG DROP COLUMN ZIMMER",
      ["field units floor", "field units rooms"],
    ],
    ["a column of a list or an object", "ALTER TABLE HAUS DROP COLUMN ORT", ["field buildings address"]],
    ["a reference that may be left out", "ALTER TABLE AUFTRAG DROP COLUMN HNR", ["field tickets buildingId"]],
    ["a required field's column", "ALTER TABLE WOHNUNG DROP COLUMN LAGE", ["source units"]],
    ["a part of the key", "ALTER TABLE WOHNUNG RENAME COLUMN HNR TO HAUS", ["source units"]],
    ["a table", "ALTER TABLE WOHNUNG RENAME TO WOHNUNGEN", ["source units"]],
    [
      "a column of a condition",
      "ALTER TABLE AUFTRAG DROP COLUMN GELOESCHT",
      ["source tickets", "command ticket.create", "command ticket.close"],
    ],
    ["a column with changes", "ALTER TABLE HAUS DROP COLUMN AENDTS", ["signal buildings"]],
    [
      "a column with changes of children, and of a query's table",
      "ALTER TABLE ZEILE DROP COLUMN AENDTS",
      ["signal tickets ZEILE", "signal lines"],
    ],
    [
      "a column of child rows and of a query",
      "ALTER TABLE ZEILE DROP COLUMN TEXT",
      ["field tickets description", "source lines"],
    ],
    ["a column that commands write", "ALTER TABLE AUFTRAG RENAME COLUMN FREMD TO ANDERS", ["command ticket.create"]],
    [
      "the type of a column",
      "ALTER TABLE AUFTRAG DROP COLUMN ANL; ALTER TABLE AUFTRAG ADD COLUMN ANL REAL",
      ["field tickets createdAt"],
    ],
    ["nothing, but has a column more", "ALTER TABLE AUFTRAG ADD COLUMN NEU TEXT", []],
    [
      "what an insert must fill",
      "ALTER TABLE AUFTRAG RENAME TO ALT; CREATE TABLE AUFTRAG (NR TEXT PRIMARY KEY, HNR TEXT, TITEL TEXT NOT NULL, ART TEXT NOT NULL, STATUS TEXT NOT NULL, ANL TEXT, AENDTS TEXT, GELOESCHT TEXT, FREMD TEXT UNIQUE, NEU TEXT NOT NULL)",
      ["command ticket.create"],
    ],
  ])("Lacking %s, it stops what needs that", async (_, change, lacks) => {
    erp.exec(change);
    expect(await lacksNow()).toEqual(lacks);
  });

  test("Without its column of changes a source is compared each quarter of an hour, and says why", async () => {
    erp.exec("ALTER TABLE HAUS DROP COLUMN AENDTS");
    const { sources } = await compileWhatCan(config, connector, never);
    expect(sources.find(({ mapping }) => mapping.source === "buildings")).toMatchObject({
      cursor: undefined,
      compare: { kind: "every", ms: 900_000 },
      lostSignals: ["buildings"],
      instead: { code: "schema-missing", message: "Table HAUS has no column AENDTS" },
    });
  });

  test("What is dropped is noticed within a minute, and soon after a failure; what is added, and what fails meanwhile, changes nothing", async () => {
    const clock = manualClock(Date.UTC(2026, 10, 23, 7));
    let looks = 0;
    const away = new FuserError("transient", "It is away", { code: "erp-unreachable", operation: "describe" });
    let fail = false;
    const watched: Connector = {
      ...connector,
      describe: (...args) => {
        looks += 1;
        return fail ? Promise.reject(away) : connector.describe(...args);
      },
    };
    const pass = async (ms: number): Promise<void> => {
      for (let left = ms; left > 0; left -= 1_000) {
        clock.advance(Math.min(1_000, left));
        for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const stop = new AbortController();
    const begin = async (again: boolean) => {
      const compiled = await compileWhatCan(config, connector, never);
      const watch = createSchemaWatch({ config, erp: watched, clock, log: silentLog, compiled, again });
      let changed: Awaited<ReturnType<typeof watch.run>> | "nothing" = "nothing";
      const done = watch.run(stop.signal).then((result) => {
        changed = result;
      });
      return { doubt: watch.doubt, done, changed: () => changed };
    };
    const first = await begin(false);
    erp.exec("ALTER TABLE WOHNUNG ADD COLUMN NEU TEXT");
    await pass(65_000);
    expect(looks).toBeGreaterThanOrEqual(2);
    expect(first.changed()).toBe("nothing");
    erp.exec("ALTER TABLE WOHNUNG DROP COLUMN ETAGE");
    await pass(60_000);
    expect(first.changed()).toMatchObject({ lacks: [{ stops: "field", name: "floor" }] });

    const second = await begin(true);
    erp.exec("ALTER TABLE WOHNUNG ADD COLUMN ETAGE TEXT");
    second.doubt();
    await pass(3_000);
    expect(second.changed()).toMatchObject({ lacks: [] });

    const third = await begin(true);
    fail = true;
    await pass(90_000);
    fail = false;
    expect(third.changed()).toBe("nothing");
    // While the ERP is to be left alone nothing is asked.
    clock.setWall(Date.UTC(2026, 10, 23, 4));
    erp.exec("ALTER TABLE WOHNUNG DROP COLUMN ETAGE");
    looks = 0;
    await pass(300_000);
    expect([looks, third.changed()]).toEqual([0, "nothing"]);
    clock.setWall(Date.UTC(2026, 10, 23, 6));
    await pass(60_000);
    expect(third.changed()).toMatchObject({ lacks: [{ name: "floor" }] });
    const fourth = await begin(false);
    stop.abort();
    await Promise.all([first.done, second.done, third.done, fourth.done]);
    expect(fourth.changed()).toBeUndefined();
  });
});
