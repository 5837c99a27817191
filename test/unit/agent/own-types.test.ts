// Types of a customer's own with a whole agent: store, gateway and portal's store as they are, over SQLite.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../base/time.ts";
import type { CommandOrder } from "../../../portal/commands.ts";
import { agentSummary, entitiesView } from "../../../portal/views.ts";
import type { Result } from "../../../protocol/messages.ts";
import { type LivingAgent, livingAgent } from "../../support/living-agent.ts";

const tables = `
CREATE TABLE PERSON (NR TEXT PRIMARY KEY, NAME TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE SCHLUESSEL (NR TEXT PRIMARY KEY, STAND TEXT NOT NULL, PERS TEXT, PFAND TEXT, FREMDNR TEXT UNIQUE, TUEREN INTEGER);
CREATE TABLE AUSGABE (NR TEXT, LFD INTEGER, AM TEXT, PRIMARY KEY (NR, LFD)) WITHOUT ROWID;
INSERT INTO PERSON VALUES ('P1', 'Muster'), ('P2', 'Beispiel');
INSERT INTO SCHLUESSEL VALUES ('K1', 'A', 'P1', '25.00', NULL, 3), ('K2', 'Z', NULL, NULL, NULL, NULL), ('K3', '?', NULL, NULL, NULL, 1), ('K4', 'A', 'P9', NULL, NULL, 9);
INSERT INTO AUSGABE VALUES ('K1', 1, '20260301'), ('K1', 2, '20260401'), ('K9', 1, '20260401');
`;
const ownTypes = (more: string): string => `
ownTypes:
  x-handover:
    title: Handing over of a key
    required: [keyId, at]
    properties:
      keyId: { type: string, x-references: [x-key] }
      at: { type: string, format: date }
  x-key:
    title: Key of a lock
    required: [state]
    properties:
      state: { type: string, enum: [out, back] }
      holderId: { type: string, x-references: [person] }
      deposit: { type: object, format: money }
      doors: { type: integer, minimum: 1, maximum: 5 }
      ${more}
`;
const rest = (fields: string): string => `
types: { ymd: { text: yyyyMMdd } }
maps: { state: { read: { A: out, Z: back } } }
quality: { rules: false }
sources:
  handovers:
    type: x-handover
    table: AUSGABE
    key: [NR, LFD]
    scope: none
    changes: { compare: 15m }
    deletes: { grace: 0s }
    fields: { keyId: { ref: keys, key: [NR] }, at: { from: AM, as: ymd } }
  keys:
    type: x-key
    table: SCHLUESSEL
    key: [NR]
    scope: none
    changes: { compare: 100ms }
    deletes: { grace: 0s }
    fields:
      state: { from: STAND, map: state, owner: shared }
      holderId: { ref: persons, key: [PERS] }
      deposit: { from: PFAND, currency: EUR }
      doors: TUEREN
      ${fields}
  persons: { type: person, table: PERSON, key: [NR], scope: none, changes: { compare: 15m }, fields: { kind: { value: natural }, lastName: NAME } }
commands:
  x-key.create:
    idempotency: { column: SCHLUESSEL.FREMDNR, value: "\${command.id}" }
    steps:
      - insert: SCHLUESSEL
        values: { NR: "\${'N' + command.id}", STAND: { from: state, map: state }, PERS: "\${key(holderId).NR}" }
    result: { source: keys, key: "\${'N' + command.id}" }
  x-key.update:
    steps:
      - update: SCHLUESSEL
        key: { NR: "\${key(id).NR}" }
        values: { STAND: { from: state, map: state } }
    result: { source: keys, key: "\${key(id).NR}" }
`;
const plain = ownTypes("") + rest("");

const opened = new AsyncDisposableStack();
let site: LivingAgent;
beforeAll(async () => {
  site = opened.use(await livingAgent(tables));
  await site.start(plain);
});
afterAll(() => opened.disposeAsync());

const stateOf = "SELECT json_extract(fields, '$.state') AS state FROM entity WHERE id = ?";
const quarantine = () =>
  site.store((store) =>
    store.quarantine
      .list({ limit: 10 })
      .map(({ source, key, code }) => `${source} ${key} ${code}`)
      .sort(),
  );

test("Entities of one's own types reach the portal behind what they refer to; a row that does not fit, and one whose parent is not there, wait", async () => {
  expect(await site.came(6)).toEqual(["person P1", "person P2", "x-handover K1.1", "x-handover K1.2", "x-key K1", "x-key K2"]);
  expect(await site.held("x-key")).toEqual({
    K1: { state: "out", holderId: "P1", deposit: { amount: "25.00", currency: "EUR" }, doors: 3 },
    K2: { state: "back", holderId: null, deposit: null, doors: null },
  });
  expect(await site.held("x-handover")).toMatchObject({ "K1.1": { keyId: "K1", at: "2026-03-01" } });
  expect(quarantine()).toEqual(["handovers K9.1 parent-missing", "keys K3 code-unknown", "keys K4 value-invalid"]);
});

test("The portal shows them by the title that the configuration gives them", () => {
  const { gateway, agentId } = site;
  const [agent] = gateway.agents();
  expect(agentSummary(gateway, agent as NonNullable<typeof agent>)).toMatchObject({
    entities: { person: 2, "x-key": 2, "x-handover": 2 },
    ownTypes: { "x-key": "Key of a lock", "x-handover": "Handing over of a key" },
  });
  expect(entitiesView(gateway.store, agentId, { type: "x-key", after: "K1" }).map(({ id }) => id)).toEqual(["K2"]);
});

test("A row that was mended and one that goes reach the portal like those of any type, children before parents", async () => {
  site.erp.exec(
    "INSERT INTO SCHLUESSEL VALUES ('K9', 'A', NULL, NULL, NULL, 1); UPDATE SCHLUESSEL SET STAND = 'Z' WHERE NR = 'K3'",
  );
  expect(await site.came(3)).toEqual(["x-handover K9.1", "x-key K3", "x-key K9"]);
  site.erp.exec("DELETE FROM AUSGABE WHERE NR = 'K9'; DELETE FROM SCHLUESSEL WHERE NR = 'K9'");
  site.store((store) => store.asks.post({ kind: "sync", source: undefined, full: true }, systemClock.now()));
  expect(await site.came(2)).toEqual(["x-handover K9.1 gone", "x-key K9 gone"]);
});

test("Commands make and change them, and their state comes back as the ERP has it", async () => {
  const { gateway, agentId } = site;
  const done = async (order: CommandOrder): Promise<Result> => {
    const id = gateway.issue(agentId, order);
    await site.until(() => expect(gateway.command(id)?.state).toBe("settled"));
    return JSON.parse(gateway.command(id)?.result ?? "{}") as Result;
  };
  const made = await done({ command: "x-key.create", values: { state: "out", holderId: "P2" } });
  expect(made).toMatchObject({ outcome: "applied", entity: { type: "x-key", id: `N${made.id}` } });
  const entity = made.entity as NonNullable<typeof made.entity>;
  const changed = await done({ command: "x-key.update", entity, values: { state: "back" }, base: { state: "out" } });
  expect([changed.outcome, changed.error]).toEqual(["applied", undefined]);
  await site.until(() => expect(gateway.store.get(stateOf, entity.id)).toEqual({ state: "back" }));
  const lost = await done({ command: "x-key.update", entity, values: { state: "lost" }, base: { state: "back" } });
  expect(lost).toMatchObject({ outcome: "rejected", error: { code: "value-invalid" } });
  await site.came();
});

test("A field that the type gets is sent of all of them, under a declaration that the portal hears at the next connect", async () => {
  await site.start(ownTypes("mark: { type: string, maxLength: 9 }") + rest("mark: NR"));
  expect(await site.came(3)).toEqual(["x-key K1", "x-key K2", "x-key K3"]);
  expect(await site.held("x-key")).toMatchObject({ K1: { mark: "K1", doors: 3 }, K3: { mark: "K3" } });
  // An id of 21 characters does not fit: it waits, and the portal keeps what it has of it.
  expect(quarantine().filter((entry) => entry.startsWith("keys N"))).toHaveLength(1);
  await site.start(plain);
  await site.until(() => expect(quarantine()).toEqual(["keys K4 value-invalid"]));
  expect(await site.held("x-key")).not.toHaveProperty("K1.mark");
  await site.came();
});

test("After the store was lost nothing that the portal has of them is sent a second time", async () => {
  const before = await site.held("x-key");
  await site.stop();
  rmSync(join(site.configFile, "..", "state", "store.db"));
  await site.start(plain);
  expect(await site.came()).toEqual([]);
  expect(await site.held("x-key")).toEqual(before);
});
