import { fork } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { Database } from "../../../../agent/store/database.ts";
import { migrate, migrations } from "../../../../agent/store/migrate.ts";
import { openStoreForReading, openStoreOn } from "../../../../agent/store/open.ts";
import { silentLog } from "../../../../base/log.ts";
import { entityText } from "../../../../protocol/entity-text.ts";
import { codesLog, storeBench } from "./bench.ts";

const { clock, folder, open, keep } = storeBench();
const withCode = (code: string) => expect.objectContaining({ name: "FuserError", code, hint: expect.stringMatching(/\w/) });

test("A second agent on the same state directory is refused and told who holds it", () => {
  const directory = folder();
  open(directory);
  expect(() => open(directory)).toThrow(withCode("state-in-use"));
  expect(() => open(directory)).toThrow(new RegExp(`process ${process.pid} on`));
});

test("The lock is held whatever the garbage collector does; of an agent that was killed it binds nobody, whatever file it left behind", async () => {
  const directory = folder();
  const child = fork(new URL("holder.ts", import.meta.url).pathname, [directory], {
    execArgv: [...process.execArgv, "--expose-gc"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await once(child, "message");
  expect(() => open(directory)).toThrow(new RegExp(`process ${child.pid} on`));
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
  expect(readFileSync(path.join(directory, "agent.owner"), "utf8")).toContain(String(child.pid));
  expect(open(directory).meta.get("kept")).toBe("yes");
});

test("A closed store can be opened again at once", () => {
  const directory = folder();
  const store = open(directory);
  store.meta.set("kept", "yes");
  store.close();
  expect(open(directory).meta.get("kept")).toBe("yes");
});

const damages: [string, (file: string) => void][] = [
  ["is no database", (file) => writeFileSync(file, "nothing of the kind".repeat(1_000))],
  ["is cut short", (file) => truncateSync(file, Math.floor(statSync(file).size / 2))],
  [
    "holds a page of rubbish",
    (file) => {
      const handle = openSync(file, "r+");
      writeSync(handle, Buffer.alloc(16_384, 0x5a), 0, 16_384, 16_384 * 5);
    },
  ],
];
test.each(damages)("A store file that %s is set aside under a dated name, never deleted, and a new store begins", (_, damage) => {
  const directory = folder();
  const store = open(directory);
  store.pending.mark(
    "units",
    Array.from({ length: 20_000 }, (_unused, no) => `key-${no}`),
    { now: 1, confirm: false },
  );
  store.close();
  const file = path.join(directory, "store.db");
  damage(file);
  const damaged = readFileSync(file);
  const { log, codes } = codesLog();
  const fresh = open(directory, { log });
  expect(fresh.wasSetAside).toMatch(/store\.db\.damaged-2026-11-22T06-00-00-000Z$/);
  expect(readFileSync(fresh.wasSetAside as string).equals(damaged)).toBe(true);
  expect(codes).toEqual(["store-set-aside"]);
  expect(fresh.pending.count()).toBe(0);
});

test("A second damaged file on the same day does not replace the first one set aside", () => {
  const directory = folder();
  for (let time = 0; time < 2; time++) {
    writeFileSync(path.join(directory, "store.db"), `rubbish ${time}`.repeat(1_000));
    open(directory).close();
  }
  expect(readdirSync(directory).filter((name) => name.includes(".damaged-") && !/-(wal|shm)$/.test(name))).toHaveLength(2);
});

test("A sound store is not set aside", () => {
  const directory = folder();
  open(directory).close();
  expect(open(directory).wasSetAside).toBeUndefined();
});

test("A missing state directory is refused with a remedy", () => {
  expect(() => open(path.join(folder(), "missing"))).toThrow(withCode("state-directory-missing"));
});

test("A state directory that the agent may not write is refused with a remedy", async () => {
  const directory = folder();
  chmodSync(directory, 0o555);
  // Root may write anywhere: as another user it is really tried.
  const child = fork(new URL("holder.ts", import.meta.url).pathname, [directory], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    ...(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}),
  });
  const [message] = await once(child, "message");
  expect(message).toEqual({ failed: "state-directory-not-writable" });
  child.disconnect();
  await once(child, "exit");
  chmodSync(directory, 0o755);
});

test("A store of version 1 is brought up to date and keeps what it holds", () => {
  const directory = folder();
  const old = new Database(path.join(directory, "store.db"));
  migrate(old, migrations.slice(0, 1));
  old.exec("INSERT INTO meta VALUES ('kept', 'yes')");
  old.close();
  const store = open(directory);
  expect(store.meta.get("kept")).toBe("yes");
  store.asks.post({ kind: "sync", source: undefined, full: false }, 1);
  expect(store.asks.open()).toHaveLength(1);
});

test("A store that kept a row for each entity loses its epoch, so that everything is compared anew, and nothing else", () => {
  const directory = folder();
  const old = new Database(path.join(directory, "store.db"));
  migrate(old, migrations.slice(0, 2));
  old.exec(`INSERT INTO meta VALUES ('epoch', 'epoch-0001'), ('kept', 'yes');
    INSERT INTO name VALUES (1, 'units');
    INSERT INTO source (no, compared_at, reconciled) VALUES (1, 5, 1);
    INSERT INTO entity (source, key, row_digest, entity_digest) VALUES (1, 'a', 1, 1), (1, 'b', 2, 2);
    INSERT INTO reference VALUES (1, 2);
    INSERT INTO pending VALUES (1, 'a', 'marked', 1, 1, 1, NULL, 0)`);
  old.close();
  const store = open(directory);
  expect(store.wasSetAside).toBeUndefined();
  expect([store.meta.get("epoch"), store.meta.get("kept")]).toEqual([undefined, "yes"]);
  expect(store.sources.get("units").reconciled).toBe(false);
  expect(store.entities.get("units", "a")).toBeUndefined();
  expect(store.pending.count("units")).toBe(1);
});

test("A guard that was open when values were not held yet goes on holding its keys, and no number of a guard comes back", () => {
  const directory = folder();
  const old = new Database(path.join(directory, "store.db"));
  migrate(old, migrations.slice(0, 4));
  old.exec(`INSERT INTO name VALUES (1, 'units');
    INSERT INTO guard VALUES (7, 1, 'deletes', 0, 20, 5, 'open', NULL), (9, 1, 'history', 3, 20, 5, 'approved', 6);
    DELETE FROM guard WHERE id = 9;
    INSERT INTO pending VALUES (1, 'a', 'held', 3, 1, 2, 7, 0), (1, 'b', 'confirm', 4, 1, 2, NULL, 1)`);
  old.close();
  const store = open(directory);
  expect(store.guards.list()).toMatchObject([{ id: 7, source: "units", kind: "deletes", count: 1, of: 20, fields: [] }]);
  expect(store.pending.heldBy(7)).toMatchObject([{ key: "a", stage: "held", mark: 3, suspicion: undefined }]);
  expect(store.pending.get("units", "b")).toMatchObject({ stage: "confirm", owesConfirm: true, suspectedAt: undefined });
  expect(store.guards.open("units", "moved", 8).id).toBe(10);
  expect(() => store.guards.open("units", "deletes", 8)).not.toThrow();
  expect(store.guards.list()).toHaveLength(2);
});

test("A migration that fails leaves the file at the version before it", () => {
  const file = path.join(folder(), "store.db");
  const database = new Database(file);
  keep(() => database.close());
  expect(() => migrate(database, [migrations[0] as string, "CREATE TABLE half (x); CREATE TABLE meta (x)"])).toThrow();
  expect(database.pragma("user_version")).toBe(1);
  expect(() => database.exec("SELECT * FROM half")).toThrow(/no such table/);
});

test("A store that a newer program has written is refused and left alone", () => {
  const directory = folder();
  open(directory).close();
  const file = path.join(directory, "store.db");
  const newer = new Database(file);
  newer.exec("PRAGMA user_version = 99");
  newer.close();
  expect(() => open(directory)).toThrow(withCode("store-too-new"));
  expect(() => openStoreForReading(directory, clock)).toThrow(withCode("store-too-new"));
  expect(existsSync(file)).toBe(true);
});

test("Another process looks into the store while the agent runs, sees each commit, and can change nothing but the questions", () => {
  const directory = folder();
  const store = open(directory);
  const reader = openStoreForReading(directory, clock);
  keep(() => reader[Symbol.dispose]());
  store.pending.mark("units", ["1", "2"], { now: 1, confirm: false });
  store.outbox.append([{ op: "upsert", type: "unit", id: "1", time: 1, text: entityText({ name: "A" }) }], { bulk: false });
  expect(reader.pending.count("units")).toBe(2);
  expect(reader.outbox.bounds()).toMatchObject({ first: 1, next: 2, items: 1 });
  expect(() => (reader as unknown as typeof store).meta.set("x", "y")).toThrow(withCode("store-not-writable"));
});

test("A question of the CLI reaches the agent, is answered once, and the answer reaches the CLI", () => {
  const directory = folder();
  const store = open(directory);
  const reader = openStoreForReading(directory, clock);
  keep(() => reader[Symbol.dispose]());
  const id = reader.asks.post({ kind: "guard", guard: 7, decision: "approve" }, 5);
  expect(store.asks.open()).toEqual([{ id, body: { kind: "guard", guard: 7, decision: "approve" }, askedAt: 5 }]);
  expect(reader.asks.answerOf(id)).toBeUndefined();
  store.asks.answer(id, { outcome: "done", message: "12 deletes go out" }, 6);
  store.asks.answer(id, { outcome: "refused", message: "late" }, 7);
  expect(store.asks.open()).toEqual([]);
  expect(reader.asks.answerOf(id)).toEqual({ outcome: "done", message: "12 deletes go out" });
});

test("A question survives a restart of the agent until it is answered", () => {
  const directory = folder();
  const store = open(directory);
  store.asks.post({ kind: "release", source: "units", key: undefined }, 1);
  store.close();
  expect(open(directory).asks.open()).toHaveLength(1);
});

test("Without a store there is nothing to look into, and that is said", () => {
  expect(() => openStoreForReading(folder(), clock)).toThrow(withCode("store-missing"));
});

test("A store on a database that somebody else keeps finds all that was committed there, though the store before it was never closed", () => {
  const sqlite = new DatabaseSync(":memory:");
  keep(() => sqlite.close());
  const options = { clock, log: silentLog };
  openStoreOn(sqlite, options).pending.mark("units", ["a"], { now: 1, confirm: false });
  expect(openStoreOn(sqlite, options).pending.count("units")).toBe(1);
});
