import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Connector, Value } from "../../connectors/connector.ts";
import { mayMount, smallDisk } from "../support/disk.ts";
import { type CsvFolder, csvFolder } from "./erp/csv.ts";
import { collect, never, sourceOf } from "./erp/subject.ts";

const settings = {
  tables: { T: { full: "T_{n}.csv", delta: "T_D_{n}.csv", key: ["ID"], columns: { ID: "integer", NAME: "text" } } },
};
const source = sourceOf("T", ["ID"], ["ID", "NAME"]);
const many = (name: string, rows = 5_000): string =>
  `ID;NAME\n${Array.from({ length: rows }, (_, id) => `${id};${name}\n`).join("")}`;

describe("CSV folder: faults", () => {
  let place: CsvFolder;
  let open: Connector[];
  const connect = async (more: object = {}, options?: Parameters<CsvFolder["open"]>[1]): Promise<Connector> => {
    const connector = await place.open({ ...settings, ...more }, options);
    open.push(connector);
    return connector;
  };
  const rows = async (connector: Connector): Promise<(readonly Value[])[]> =>
    (await collect(connector.scan(source, never))).map(({ row }) => row.values);
  const imports = () => place.private("SELECT file, state FROM fuser_import ORDER BY id");
  beforeEach(async () => {
    open = [];
    place = await csvFolder();
  });
  afterEach(async () => {
    for (const connector of open) await connector.close();
    await place[Symbol.asyncDispose]();
  });

  it.each(["read", "before-commit", "commit", "after-commit", "after-move"])(
    "killed at the moment %s, each file is imported once, whole",
    async (moment) => {
      await place.drop("T_1.csv", many("one"));
      await (await connect()).close();
      const first = await connect();
      expect((await rows(first)).length).toBe(5_000);
      await first.close();
      await place.drop("T_2.csv", many("two"));
      await place.drop("T_D_3.csv", "ID;NAME\n7;three\n");
      const written = JSON.stringify({ folder: place.folder, settle: "0s", ...settings });
      const child = spawn(process.execPath, ["test/support/killed-import.ts", written, place.state, moment], { stdio: "ignore" });
      const [, signal] = await once(child, "exit");
      expect(signal).toBe("SIGKILL");
      const after = await rows(await connect());
      expect(after.length).toBe(5_000);
      expect(new Set(after.map(([id, name]) => (id === 7 ? "seven" : name)))).toEqual(new Set(["two", "seven"]));
      expect(after[7]).toEqual([7, "three"]);
      expect(await imports()).toEqual([
        ["T_1.csv", "imported"],
        ["T_2.csv", "imported"],
        ["T_D_3.csv", "imported"],
      ]);
      expect(await place.names("archive")).toEqual(["T_1.csv", "T_2.csv", "T_D_3.csv"]);
      expect(await place.names()).toEqual(["archive"]);
    },
  );

  it("rows are written, committed and dropped by a thread: what the agent's own thread writes is a few lines of history", async () => {
    const spies = [vi.spyOn(DatabaseSync.prototype, "exec"), vi.spyOn(DatabaseSync.prototype, "prepare")];
    try {
      const connector = await connect();
      await place.drop("T_1.csv", many("one"));
      expect((await rows(connector)).length).toBe(5_000);
      await place.drop("T_2.csv", many("two", 3_000));
      expect((await rows(connector)).length).toBe(3_000);
      expect((await imports()).length).toBe(2);
      const databases = spies.flatMap(({ mock }) => mock.contexts as DatabaseSync[]).filter(({ isOpen }) => isOpen);
      const changes = [...new Set(databases)].map((one) => Number(one.prepare("SELECT total_changes() AS n").get()?.n));
      expect(Math.max(...changes)).toBeGreaterThan(0);
      expect(Math.max(...changes)).toBeLessThan(20);
      await connector.close();
      // The table is made anew from the archive.
      const columns = { ...settings.tables.T.columns, NAME: "text(80)" };
      expect((await rows(await connect({ tables: { T: { ...settings.tables.T, columns } } }))).length).toBe(3_000);
      const texts = spies.flatMap(({ mock }) => mock.calls.map(([text]) => text));
      expect(texts.filter((text) => /DROP TABLE|wal_checkpoint/.test(text))).toEqual([]);
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });

  it("two of the agent's processes that look at the same moment import each file once", async () => {
    const [one, other] = [await connect(), await connect()];
    await place.drop("T_1.csv", many("one"));
    await Promise.all([rows(one).catch(() => {}), rows(other).catch(() => {})]);
    expect((await rows(other)).length).toBe(5_000);
    expect(await imports()).toEqual([["T_1.csv", "imported"]]);
  });

  it("closed in the middle of a file, nothing of it is taken, and the next start takes all of it", async () => {
    let reached: () => void = () => {};
    const reading = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const connector = await connect({}, { onMoment: async (moment) => (moment === "read" ? reached() : undefined) });
    await place.drop("T_1.csv", many("one"));
    const scan = rows(connector).catch((error: Error) => error);
    await reading;
    await connector.close();
    expect(await scan).toBeInstanceOf(Error);
    expect(await place.private("SELECT COUNT(*) FROM T")).toEqual([[0]]);
    expect((await rows(await connect())).length).toBe(5_000);
  });

  it("a compare that is broken off does not wait for the import that it began", async () => {
    const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const onMoment = async (moment: string): Promise<void> => {
      if (moment !== "read") return;
      reached.resolve();
      await gate.promise;
    };
    const connector = await connect({}, { onMoment });
    await place.drop("T_1.csv", many("one", 10));
    const stop = new AbortController();
    const scan = collect(connector.scan(source, stop.signal)).catch((error: Error) => error);
    await reached.promise;
    stop.abort();
    try {
      expect(await scan).toMatchObject({ name: "AbortError" });
    } finally {
      gate.resolve();
    }
  });

  const otherDisk = existsSync("/dev/shm") && statSync("/dev/shm").dev !== statSync("/tmp").dev ? "/dev/shm" : undefined;
  it.skipIf(otherDisk === undefined)("an archive on another file system gets the file with its bytes and time", async () => {
    const archive = await mkdtemp(join(otherDisk as string, "erpfuser-test-"));
    try {
      const connector = await connect({ archive });
      await place.drop("T_1.csv", many("one", 10));
      const { mtimeMs } = statSync(join(place.folder, "T_1.csv"));
      expect((await rows(connector)).length).toBe(10);
      expect(await readFile(join(archive, "T_1.csv"), "utf8")).toBe(many("one", 10));
      expect(Math.floor(statSync(join(archive, "T_1.csv")).mtimeMs)).toBe(Math.floor(mtimeMs));
      expect(await place.names()).toEqual([]);
    } finally {
      await rm(archive, { recursive: true });
    }
  });

  it("a file that the ERP writes anew after its import is not moved away unread", async () => {
    let once = true;
    const again = async (moment: string): Promise<void> => {
      if (moment !== "after-commit" || !once) return;
      once = false;
      await place.drop("T_1.csv", many("later", 10));
    };
    const connector = await connect({}, { onMoment: again });
    await place.drop("T_1.csv", many("first", 10));
    expect(new Set((await rows(connector)).map(([, name]) => name))).toEqual(new Set(["first"]));
    expect(new Set((await rows(connector)).map(([, name]) => name))).toEqual(new Set(["later"]));
  });

  it.skipIf(!mayMount)("a full disk under the state directory takes nothing of the file, which stays, and is told", async () => {
    await using disk = await smallDisk("6m");
    const connector = await connect({}, { state: disk.path });
    await place.drop("T_1.csv", many("one", 1_000));
    expect((await rows(connector)).length).toBe(1_000);
    await place.drop("T_2.csv", many("two", 150_000));
    await expect(rows(connector)).rejects.toMatchObject({ kind: "transient", code: "erp-disk-full" });
    expect(await place.names()).toEqual(["T_2.csv", "archive"]);
    const read = await collect(connector.readKeys(source, ["0", "999", "1000"], never));
    expect(read.map(({ row }) => row.values[1])).toEqual(["one", "one"]);
    await connector.close();
  });

  it("a private file that is damaged is told with what to do", async () => {
    const connector = await connect();
    await place.drop("T_1.csv", many("one"));
    await rows(connector);
    await connector.close();
    const [file] = (await import("node:fs")).readdirSync(place.state).filter((name) => name.endsWith(".db"));
    await writeFile(join(place.state, file as string), "this is no database ".repeat(500));
    await rm(join(place.state, `${file}-wal`), { force: true });
    await expect(rows(await connect())).rejects.toMatchObject({
      kind: "config",
      code: "erp-corrupt",
      hint: expect.stringContaining("archive"),
    });
  });
});
