import { appendFile, chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connector, Value } from "../../connectors/connector.ts";
import { csvSettings } from "../../connectors/csv/config.ts";
import { csvOver, type OnMoment } from "../../connectors/csv/connector.ts";
import { sqlite } from "../../connectors/sqlite/connector.ts";
import { has } from "../support/servers.ts";
import { type Sshd, sshd } from "../support/sshd.ts";
import { type CsvFolder, csvFolder } from "./erp/csv.ts";
import { collect, contextOf, never, sourceOf } from "./erp/subject.ts";

const tables = { T: { full: "T_{n}.csv", delta: "T_D_{n}.csv", key: ["ID"], columns: { ID: "integer", NAME: "text" } } };
const source = sourceOf("T", ["ID"], ["ID", "NAME"]);

describe.skipIf(!has("sshd"))("CSV folder on an SFTP server", () => {
  let server: Sshd;
  let place: CsvFolder;
  let open: Connector[];
  beforeAll(async () => {
    server = await sshd();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    open = [];
    place = await csvFolder();
  });
  afterEach(async () => {
    for (const connector of open) await connector.close();
    await place[Symbol.asyncDispose]();
  });

  async function connect({
    sftp,
    key = server.privateKey,
    onMoment,
    ...more
  }: {
    sftp?: object;
    key?: string;
    onMoment?: OnMoment;
    settle?: string;
    marker?: string;
  } = {}): Promise<Connector> {
    const link = {
      host: "127.0.0.1",
      port: String(server.port),
      user: server.user,
      privateKey: { secret: "sftp-key" },
      hostKey: server.hostKey,
      ...sftp,
    };
    const settings = csvSettings.parse({ folder: place.folder, settle: "0s", tables, sftp: link, ...more });
    const connector = await csvOver(sqlite, onMoment).open(settings, async () => key, {
      ...contextOf(),
      stateDirectory: place.state,
    });
    open.push(connector);
    return connector;
  }
  const rows = async (connector: Connector): Promise<(readonly Value[])[]> =>
    (await collect(connector.scan(source, never))).map(({ row }) => row.values);

  it("grants --compare tells of an SFTP server what can be asked: files that may be changed, and what is seen beside the folder", async () => {
    await place.drop("T_1.csv", "ID;NAME\n1;Ada\n");
    await mkdir(place.state);
    const told = await (await connect()).grants?.compare({ tables: [], calls: [], ledgers: [], feeds: [] }, never);
    expect(told).toMatchObject({ server: { account: `${server.user}@127.0.0.1` }, missing: [] });
    const beside = (told?.tooMany ?? []).filter((line) => !line.startsWith("# root may do everything"));
    expect(beside).toEqual([
      expect.stringMatching(/may change files that it only reads, T_1\.csv:/),
      expect.stringMatching(/sees more of the server than its folder, state in \/.*ChrootDirectory/),
    ]);
    expect(await place.names()).toEqual(["T_1.csv", "archive", "rejected"]);
  });

  it("full exports and deltas are downloaded, imported and moved to the archive on the server", async () => {
    await place.drop("T_1.csv", "ID;NAME\n1;Ada\n2;Müller\n");
    await place.drop("T_D_2.csv", "ID;NAME\n3;Cleo\n");
    const connector = await connect();
    expect(await rows(connector)).toEqual([
      [1, "Ada"],
      [2, "Müller"],
      [3, "Cleo"],
    ]);
    expect(await place.names()).toEqual(["archive"]);
    expect(await place.names("archive")).toEqual(["T_1.csv", "T_D_2.csv"]);
    expect((await connector.identity(never)).database).toBe(`csv:sftp://${server.user}@127.0.0.1:${server.port}${place.folder}`);
    expect((await connector.check(never)).filter(({ severity }) => severity !== "info")).toEqual([]);
    await place.drop("T_1.csv", "ID;NAME\n1;Ada\n2;Müller\n");
    expect((await rows(connector)).length).toBe(3);
    expect(await place.names("archive")).toEqual(["T_1.2.csv", "T_1.csv", "T_D_2.csv"]);
  });

  it("a large file arrives whole", async () => {
    const lines = Array.from({ length: 60_000 }, (_, id) => `${id};name of number ${id}\n`).join("");
    await place.drop("T_1.csv", `ID;NAME\n${lines}`);
    expect((await rows(await connect())).length).toBe(60_000);
  });

  it("a broken file goes to the reject folder on the server beside a text", async () => {
    await place.drop("T_1.csv", "ID;NAME\n1;Ada\n2\n");
    await expect(rows(await connect())).rejects.toMatchObject({ code: "erp-export-awaited" });
    expect(await place.names("rejected")).toEqual(["T_1.csv", "T_1.csv.txt"]);
    expect(await readFile(join(place.folder, "rejected", "T_1.csv.txt"), "utf8")).toContain("Line 3 has 1 values in place of 2");
  });

  it("a file that is written on after it was listed is read again as a whole", async () => {
    let once = true;
    const onMoment = async (moment: string): Promise<void> => {
      if (moment !== "read" || !once) return;
      once = false;
      await appendFile(join(place.folder, "T_1.csv"), "2;Bob\n");
    };
    await place.drop("T_1.csv", "ID;NAME\n1;Ada\n");
    const connector = await connect({ onMoment });
    await expect(rows(connector)).rejects.toMatchObject({ code: "erp-export-awaited" });
    expect((await rows(connector)).length).toBe(2);
    expect(await place.private("SELECT row_count FROM fuser_import")).toEqual([[2]]);
  });

  it("a server with another key is refused, whatever it answers, and check shows the key that it has", async () => {
    const none = await connect({ sftp: { hostKey: undefined } });
    await expect(rows(none)).rejects.toMatchObject({
      kind: "config",
      code: "erp-host-key",
      message: expect.stringContaining(server.hostKey),
    });
    expect(await none.check(never)).toContainEqual(
      expect.objectContaining({ code: "erp-host-key", message: expect.stringContaining(server.hostKey) }),
    );
    const connector = await connect();
    await place.drop("T_1.csv", "ID;NAME\n1;Ada\n");
    expect((await rows(connector)).length).toBe(1);
    await connector.close();
    await server.stop();
    await server.start({ hostKey: "other" });
    try {
      await expect(rows(await connect())).rejects.toMatchObject({
        kind: "config",
        code: "erp-host-key",
        hint: expect.stringContaining("listening"),
      });
    } finally {
      await server.stop();
      await server.start();
    }
  });

  it("a login that is refused, a key that is none and a server that is away are told apart", async () => {
    await expect(rows(await connect({ key: server.strangeKey }))).rejects.toMatchObject({
      kind: "config",
      code: "erp-login-refused",
    });
    await expect(rows(await connect({ key: "no key at all" }))).rejects.toMatchObject({
      kind: "config",
      code: "erp-login-refused",
    });
    const connector = await connect();
    await place.drop("T_1.csv", "ID;NAME\n1;Ada\n");
    expect((await rows(connector)).length).toBe(1);
    await server.stop();
    const away = await connect();
    await expect(rows(away)).rejects.toMatchObject({ kind: "transient", code: "erp-unreachable" });
    await server.start();
    expect((await rows(away)).length).toBe(1);
  });

  it("a folder that is missing, or whose marker is another one, is told with the account", async () => {
    const connector = await connect({ marker: "live" });
    await expect(rows(connector)).rejects.toMatchObject({ kind: "transient", code: "erp-folder-other" });
    await writeFile(join(place.folder, "erpfuser-folder.txt"), "live");
    await place.drop("T_1.csv", "ID;NAME\n1;Ada\n");
    expect((await rows(connector)).length).toBe(1);
    await rename(place.folder, `${place.folder}.away`);
    await expect(rows(connector)).rejects.toMatchObject({
      kind: "transient",
      code: "erp-folder-missing",
      message: expect.stringContaining(server.user),
    });
    await rename(`${place.folder}.away`, place.folder);
    await chmod(place.folder, 0o755);
    expect((await rows(connector)).length).toBe(1);
  });
});
