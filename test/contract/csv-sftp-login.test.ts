// What OpenSSH does not do for a test: log in by password, and never answer. A server of the driver's own library stands in.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connector } from "../../connectors/connector.ts";
import { csvSettings } from "../../connectors/csv/config.ts";
import { csvOver } from "../../connectors/csv/connector.ts";
import { sqlite } from "../../connectors/sqlite/connector.ts";
import { tempDirectory } from "../support/servers.ts";
import { collect, contextOf, never, sourceOf } from "./erp/subject.ts";

const password = "geheim";
const { STATUS_CODE } = ssh2.utils.sftp;

describe("CSV folder on an SFTP server that is a double", () => {
  let server: ssh2.Server;
  let home: Awaited<ReturnType<typeof tempDirectory>>;
  /** How it lets an account log in, whether it has a file, and who waits for that file's bytes. */
  let way: "password" | "keyboard-interactive" = "password";
  let files: string[] = [];
  let asked = Promise.withResolvers<void>();
  const key = ssh2.utils.generateKeyPairSync("ed25519");
  const ours = new Set<ssh2.Connection>();

  beforeAll(async () => {
    home = await tempDirectory();
    server = new ssh2.Server({ hostKeys: [key.private] }, (client) => {
      ours.add(client);
      client.on("error", () => {});
      client.on("close", () => ours.delete(client));
      client.on("authentication", (context) => {
        if (context.method !== way) return context.reject([way]);
        if (context.method === "password") return context.password === password ? context.accept() : context.reject();
        if (context.method === "keyboard-interactive")
          context.prompt([{ prompt: "Password:", echo: false }], ([answer]) =>
            answer === password ? context.accept() : context.reject(),
          );
      });
      client.on("session", (accept) => accept().on("sftp", (begin) => serve(begin())));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(async () => {
    for (const client of ours) client.end();
    const closed = once(server, "close");
    server.close();
    await closed;
    await home[Symbol.asyncDispose]();
  });

  function serve(sftp: ssh2.SFTPWrapper): void {
    const attributes = { mode: 0o100644, uid: 0, gid: 0, size: 9, atime: 1, mtime: 1 };
    let listed = false;
    const handle = Buffer.from("h");
    sftp.on("OPENDIR", (id) => {
      listed = false;
      sftp.handle(id, handle);
    });
    sftp.on("READDIR", (id) => {
      if (listed || files.length === 0) return sftp.status(id, STATUS_CODE.EOF);
      listed = true;
      sftp.name(id, files.map((filename) => ({ filename, longname: filename, attrs: attributes })) as never);
    });
    sftp.on("OPEN", (id) => sftp.handle(id, handle));
    sftp.on("FSTAT", (id) => sftp.attrs(id, attributes as never));
    sftp.on("READ", () => asked.resolve());
    sftp.on("CLOSE", (id) => sftp.status(id, STATUS_CODE.OK));
  }

  function open(given: string, state = "state"): Promise<Connector> {
    const fingerprint = createHash("sha256")
      .update((ssh2.utils.parseKey(key.public) as ssh2.ParsedKey).getPublicSSH())
      .digest("base64");
    const sftp = {
      host: "127.0.0.1",
      port: String((server.address() as AddressInfo).port),
      user: "fuser",
      password: { secret: "sftp" },
      hostKey: `SHA256:${fingerprint}`,
    };
    const tables = { T: { full: "T_{n}.csv", key: "ID", columns: { ID: "integer" } } };
    const settings = csvSettings.parse({ folder: "/export", settle: "0s", sftp, tables });
    return csvOver(sqlite).open(settings, async () => given, { ...contextOf(), stateDirectory: join(home.path, state) });
  }
  const scan = (connector: Connector): Promise<unknown> =>
    collect(connector.scan(sourceOf("T", ["ID"], ["ID"]), never)).catch((error: unknown) => error);

  it.each(["password", "keyboard-interactive"] as const)(
    "a login by %s goes through with the right password alone, which no error holds",
    async (method) => {
      way = method;
      await using connector = closing(await open(password));
      expect(await scan(connector)).toMatchObject({ code: "erp-export-awaited" });
      await using wrong = closing(await open("falsch"));
      const refused = await scan(wrong);
      expect(refused).toMatchObject({ kind: "config", code: "erp-login-refused" });
      expect(JSON.stringify(refused) + String((refused as Error).stack)).not.toContain("falsch");
    },
  );

  it("closing waits for no download, and what a killed process left behind is removed", async () => {
    files = ["T_1.csv"];
    const connector = await open(password, "other");
    await connector.describe(never);
    const [database = ""] = (await readdir(join(home.path, "other"))).filter((name) => name.endsWith(".db"));
    const incoming = join(home.path, "other", `${database}.incoming`);
    await mkdir(incoming);
    await writeFile(join(incoming, "999999999-1"), "left by a process that was killed");
    const scanning = scan(connector);
    await asked.promise;
    await connector.close();
    expect(await scanning).toBeInstanceOf(Error);
    expect((await readdir(incoming)).filter((name) => name.startsWith("999999999"))).toEqual([]);
    files = [];
    asked = Promise.withResolvers<void>();
  });
});

function closing(connector: Connector): Connector & AsyncDisposable {
  return Object.assign(connector, { [Symbol.asyncDispose]: () => connector.close() });
}
