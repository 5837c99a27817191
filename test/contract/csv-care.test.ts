import { chmod, chown, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Connector, Value } from "../../connectors/connector.ts";
import { csvSettings } from "../../connectors/csv/config.ts";
import { type CsvFolder, csvFolder } from "./erp/csv.ts";
import { collect, never, sourceOf } from "./erp/subject.ts";

const T = { full: "T_{yyyyMMdd}.csv", delta: "T_D_{yyyyMMdd}.csv", key: ["ID"], columns: { ID: "integer", NAME: "text" } };
const tables = { tables: { T } };
const changed = { tables: { T: { ...T, columns: { ID: "text", NAME: "text" } } } };
const { full: _, ...deltas } = T;
const source = sourceOf("T", ["ID"], ["ID", "NAME"]);
const file = (...names: string[]): string => `ID;NAME\n${names.map((name, index) => `${index + 1};${name}\n`).join("")}`;

const nobody = 65_534;

/** Root may read everything: until it is disposed the process has the rights of a user who owns the directory and nothing else. */
async function withoutRootsRights(directory: string): Promise<AsyncDisposable> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) {
    for (const entry of await readdir(directory, { recursive: true })) await chown(join(directory, entry), nobody, nobody);
    await chown(directory, nobody, nobody);
    for (let above = dirname(directory); above !== dirname(above); above = dirname(above)) {
      await chmod(above, (await stat(above)).mode | 0o011);
    }
    process.seteuid?.(nobody);
  }
  return {
    [Symbol.asyncDispose]: async () => {
      if (isRoot) process.seteuid?.(0);
    },
  };
}

describe("CSV folder: what careless hands and unlucky moments do", () => {
  let place: CsvFolder;
  let open: Connector[];
  const connect = async (settings: object = tables, options?: Parameters<CsvFolder["open"]>[1]): Promise<Connector> => {
    const connector = await place.open(settings, options);
    open.push(connector);
    return connector;
  };
  const names = async (connector: Connector, of = source): Promise<Value[]> =>
    (await collect(connector.scan(of, never))).map(({ row }) => row.values[1] as Value);
  /** Names that a connector of its own reads. */
  const read = async (settings: object = tables, options?: Parameters<CsvFolder["open"]>[1]): Promise<Value[]> => {
    const connector = await connect(settings, options);
    try {
      return await names(connector);
    } finally {
      await connector.close();
    }
  };
  const awaited = { kind: "transient", code: "erp-export-awaited" };
  beforeEach(async () => {
    open = [];
    place = await csvFolder();
  });
  afterEach(async () => {
    for (const connector of open) await connector.close();
    await place[Symbol.asyncDispose]();
  });

  it("until its first import is committed a table can't be read, and no position counts it", async () => {
    const seen: unknown[] = [];
    const connector = await connect(tables, {
      onMoment: async (moment) => {
        if (moment !== "before-commit") return;
        seen.push(await collect(connector.readKeys(source, ["1"], never)).catch(({ code }: { code: string }) => code));
        seen.push((await connector.identity(never)).position);
      },
    });
    await place.drop("T_20260201.csv", file("Ada"));
    expect(await names(connector)).toEqual(["Ada"]);
    expect(seen).toEqual(["erp-export-awaited", { imports: "0" }]);
  });

  it("content that comes back under the same name after another is taken again", async () => {
    const connector = await connect();
    for (const name of ["Ada", "Eve", "Ada"]) {
      await place.drop("T_20260201.csv", file(name));
      expect(await names(connector)).toEqual([name]);
    }
  });

  it("deltas wait for the first full export, so that one put back later is not older than they are", async () => {
    const connector = await connect();
    await place.drop("T_D_20260203.csv", "ID;NAME\n2;Dora\n");
    await expect(names(connector)).rejects.toMatchObject(awaited);
    await place.drop("T_20260201.csv", file("Ada", "Bob"));
    expect(await names(connector)).toEqual(["Ada", "Dora"]);
    expect(await place.names("rejected")).toEqual([]);
  });

  it("a table that is made anew can't be read before the last of its files is in, and ended in between it begins anew", async () => {
    await place.drop("T_20260201.csv", file("Ada"));
    await place.drop("T_D_20260202.csv", "ID;NAME\n2;Bob\n");
    expect(await read()).toEqual(["Ada", "Bob"]);
    await place.drop("T_D_20260203.csv", "ID;NAME\n3;Cleo\n");
    expect(await read()).toEqual(["Ada", "Bob", "Cleo"]);
    const delta = join(place.folder, "archive", "T_D_20260203.csv");
    const text = await readFile(delta, "utf8");
    await rm(delta);
    await expect(read(changed)).rejects.toMatchObject(awaited);
    // Not a word of the full export alone: with the delta back in the archive everything is there.
    await writeFile(delta, text);
    expect(await read(changed)).toEqual(["Ada", "Bob", "Cleo"]);
    // Or in the folder, all of them.
    await rm(delta);
    await expect(read()).rejects.toMatchObject(awaited);
    await place.drop("T_20260201.csv", file("Ada"));
    await place.drop("T_D_20260202.csv", "ID;NAME\n2;Bob\n");
    await place.drop("T_D_20260203.csv", text);
    expect(await read()).toEqual(["Ada", "Bob", "Cleo"]);
  });

  it("a table of deltas alone whose first ones have left the archive does not stand with what is left of them", async () => {
    await place.drop("T_D_20260201.csv", file("Ada"));
    expect(await read({ tables: { T: deltas } })).toEqual(["Ada"]);
    await place.drop("T_D_20260202.csv", "ID;NAME\n2;Bob\n");
    expect(await read({ tables: { T: deltas } })).toEqual(["Ada", "Bob"]);
    await rm(join(place.folder, "archive", "T_D_20260201.csv"));
    const other = { tables: { T: { ...deltas, columns: changed.tables.T.columns } } };
    await expect(read(other)).rejects.toMatchObject(awaited);
    await place.drop("T_D_20260203.csv", "ID;NAME\n3;Cleo\n");
    await expect(read(other)).rejects.toMatchObject(awaited);
    await place.drop("T_D_20260204.csv.accepted", file("Ada", "Bob", "Cleo"));
    expect(await read(other)).toEqual(["Ada", "Bob", "Cleo"]);
  });

  it("check with other settings describes their tables and leaves alone those that the service reads", async () => {
    const service = await connect();
    await place.drop("T_20260201.csv", file("Ada"));
    expect(await names(service)).toEqual(["Ada"]);
    const other = await connect(changed);
    expect((await other.describe(never, ["T"]))[0]?.columns[0]).toMatchObject({ name: "ID", type: "text" });
    expect((await other.describeQuery(source, never)).columns[0]).toMatchObject({ type: "text" });
    expect(await other.check(never)).toContainEqual(expect.objectContaining({ code: "erp-export-awaited", place: "T" }));
    expect((await collect(service.readKeys(source, ["1"], never))).length).toBe(1);
    await expect(names(other)).rejects.toMatchObject({ kind: "transient", code: "erp-tables-in-use" });
    await service.close();
    expect(await names(other)).toEqual(["Ada"]);
  });

  it("a file on which somebody writes on after it was moved goes back, and is read as a whole", async () => {
    const connector = await connect();
    await place.drop("T_20260201.csv", file("Ada", "Bob"));
    expect(await names(connector)).toEqual(["Ada", "Bob"]);
    await writeFile(join(place.folder, "archive", "T_20260201.csv"), "3;Cleo\n", { flag: "a" });
    expect(await names(connector)).toEqual(["Ada", "Bob", "Cleo"]);
    await place.drop("T_20260202.csv", "ID;NAME\n1;Ada\n2;Bob\n3");
    expect(await names(connector)).toEqual(["Ada", "Bob", "Cleo"]);
    expect(await place.names("rejected")).toEqual(["T_20260202.csv", "T_20260202.csv.txt"]);
    await writeFile(join(place.folder, "rejected", "T_20260202.csv"), ";Cora\n", { flag: "a" });
    expect(await names(connector)).toEqual(["Ada", "Bob", "Cora"]);
    expect(await place.names("rejected")).toEqual([]);
    expect(await place.private("SELECT file, state FROM fuser_import WHERE state <> 'imported'")).toEqual([
      ["T_20260201.csv", "replaced"],
      ["T_20260202.csv", "replaced"],
    ]);
  });

  it("a file without read permission holds up its own table alone, and check names it", async () => {
    const connector = await connect({ tables: { T, OTHER: { ...T, full: "OTHER_{n}.csv", delta: undefined } } });
    await place.drop("T_20260201.csv", file("Ada"));
    await chmod(join(place.folder, "T_20260201.csv"), 0);
    await place.drop("OTHER_1.csv", file("Bob"));
    await using _ = await withoutRootsRights(dirname(place.folder));
    expect(await names(connector, sourceOf("OTHER", ["ID"], ["ID", "NAME"]))).toEqual(["Bob"]);
    expect(await connector.check(never)).toContainEqual(expect.objectContaining({ code: "erp-file-unreadable" }));
  });

  it.skipIf(process.getuid?.() !== 0)(
    "grants --compare tries out what the account may in the folders and with the files, and names what is beyond it",
    async () => {
      const connector = await connect();
      const needs = { tables: [], calls: [], ledgers: [], feeds: [] };
      const compared = async () => {
        const told = await connector.grants?.compare(needs, never);
        return {
          missing: told?.missing,
          tooMany: told?.tooMany.map((line) => line.replaceAll(place.folder, "FOLDER").split(":")[0]),
        };
      };
      const above = dirname(place.folder);
      const dropped = join(place.folder, "T_20260201.csv");
      const asRoot = async (work: () => Promise<void>): Promise<void> => {
        process.seteuid?.(0);
        await work();
        process.seteuid?.(nobody);
      };
      await place.drop("T_20260201.csv", file("Ada"));
      await place.drop("other.csv", file("Ada"));
      expect((await compared()).tooMany).toEqual(["# root may do everything, everywhere"]);
      await using _ = await withoutRootsRights(above);
      const name = userInfo().username;
      expect(await compared()).toEqual({
        missing: [],
        tooMany: [
          `# ${name} owns 'FOLDER' and may change who uses it`,
          `# ${name} may put another folder in the place of 'FOLDER'`,
          `# ${name} may change files that it only reads, T_20260201.csv`,
        ],
      });
      await asRoot(async () => {
        for (const path of [above, place.folder, dropped]) await chown(path, 0, 0);
        await chmod(above, 0o755);
        await chmod(place.folder, 0o777);
      });
      expect(await compared()).toEqual({ missing: [], tooMany: [] });
      await asRoot(async () => {
        await chmod(dropped, 0o600);
        await rm(join(place.folder, "rejected"), { recursive: true });
        await chmod(place.folder, 0o755);
      });
      const use = (path: string): string => `setfacl -m u:${name}:rwx '${path}'`;
      expect(await compared()).toEqual({
        missing: [
          `setfacl -m u:${name}:r '${dropped}'`,
          use(place.folder),
          `mkdir -p '${join(place.folder, "archive")}'`,
          use(join(place.folder, "archive")),
          `mkdir -p '${join(place.folder, "rejected")}'`,
          use(join(place.folder, "rejected")),
        ],
        tooMany: [],
      });
      expect((await readdir(place.folder)).sort()).toEqual(["T_20260201.csv", "archive", "other.csv"]);
    },
  );

  it("one damaged letter does not make another encoding of a UTF-8 file; windows-1252 stays what it is", async () => {
    const connector = await connect();
    const damaged = Buffer.from(file("Müller", "Jörg", "Ärmel"));
    damaged[damaged.indexOf(0xc3)] = 0x41;
    await place.drop("T_20260201.csv", damaged);
    await expect(names(connector)).rejects.toMatchObject(awaited);
    expect(await readFile(join(place.folder, "rejected", "T_20260201.csv.txt"), "utf8")).toContain("no utf-8");
    await place.drop("T_20260202.csv", Buffer.from(file("Groß“", "Jörg", "Ärmel"), "latin1"));
    expect(await names(connector)).toHaveLength(3);
    await place.drop("T_20260203.csv", Buffer.concat([Buffer.from(file("Jörg", "Groß"), "latin1"), Buffer.alloc(64)]));
    expect(await names(connector)).toHaveLength(3);
    expect(await readFile(join(place.folder, "rejected", "T_20260203.csv.txt"), "utf8")).toContain("bytes of zero");
  });

  it("the time of a file alone makes no new one, and a column called ROWID is refused", async () => {
    const connector = await connect();
    await place.drop("T_20260201.csv", file("Ada"));
    await names(connector);
    await place.drop("T_20260201.csv", file("Ada"));
    await utimes(join(place.folder, "T_20260201.csv"), 1, 1);
    await names(connector);
    expect((await connector.identity(never)).position).toEqual({ imports: "1" });
    const rowid = { folder: "/x", tables: { T: { ...T, columns: { ID: "integer", rowid: "text" } } } };
    expect(csvSettings.safeParse(rowid).error?.issues[0]?.message).toContain("ROW_ID");
  });
});
