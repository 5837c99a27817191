import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MysqlSettings } from "../../connectors/mysql/config.ts";
import { mysql } from "../../connectors/mysql/connector.ts";
import { signedCertificate } from "../support/certificates.ts";
import type { MariaDb } from "../support/mariadb.ts";
import { has, mariadb, type TemporaryDirectory, tempDirectory } from "../support/servers.ts";
import { collect, contextOf, never, sourceOf } from "./erp/subject.ts";

/** The server's flags for it. */
function certificates(folder: string, name: string, address?: string): { ca: string; flags: string[] } {
  const { ca, cert, key } = signedCertificate(folder, name, address);
  return { ca, flags: [`--ssl-ca=${ca}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`] };
}

describe.skipIf(!has("mariadb"))("MariaDB: encrypted connections", () => {
  let folder: TemporaryDirectory;
  let server: MariaDb;
  let ca: string;
  let otherCa: string;
  const source = sourceOf("q", ["a"], ["a"], { from: { query: "SELECT 1 AS a", parameters: {} } });

  beforeAll(async () => {
    folder = await tempDirectory();
    const own = certificates(folder.path, "own");
    ca = own.ca;
    otherCa = certificates(folder.path, "other").ca;
    server = await mariadb({ extraFlags: own.flags });
    await server.createDatabase("secured");
  });
  afterAll(async () => {
    await server?.stop();
    await folder?.[Symbol.asyncDispose]();
  });

  const open = (tls: MysqlSettings["tls"], host = "127.0.0.1") =>
    mysql.open(
      { server: host, port: server.port, database: "secured", user: server.user, password: { secret: "erp" }, tls },
      async () => server.password,
      contextOf(),
    );

  async function outcome(tls: MysqlSettings["tls"], host?: string): Promise<{ rows: unknown; codes: string[] }> {
    const connector = await open(tls, host);
    try {
      const rows = await collect(connector.scan(source, never)).catch((error: unknown) => error);
      return { rows, codes: (await connector.check(never)).map(({ code }) => code) };
    } finally {
      await connector.close();
    }
  }

  it("are verified against the authority that is named", async () => {
    const { rows, codes } = await outcome({ ca });
    expect(rows).toHaveLength(1);
    expect(codes).not.toContain("erp-not-verified-tls");
    expect(codes).not.toContain("erp-not-encrypted");
    // It is good for two days.
    expect(codes).toContain("erp-certificate-expires");
  });

  it("are refused when another authority signed the certificate, or none that this machine trusts", async () => {
    const refused = { kind: "config", code: "erp-tls-refused" };
    expect(await outcome({ ca: otherCa })).toMatchObject({ rows: refused, codes: ["erp-tls-refused"] });
    expect(await outcome({ mode: "required" })).toMatchObject({ rows: refused, codes: ["erp-tls-refused"] });
  });

  it("are refused when the certificate is for another host or address", async () => {
    const refused = { rows: { kind: "config", code: "erp-tls-refused" } };
    expect(await outcome({ ca }, "localhost")).toMatchObject(refused);
    const foreign = certificates(folder.path, "foreign", "10.1.2.3");
    await using elsewhere = await mariadb({ extraFlags: foreign.flags });
    await elsewhere.createDatabase("secured");
    const settings = {
      server: "127.0.0.1",
      port: elsewhere.port,
      database: "secured",
      user: "root",
      password: { secret: "erp" },
    };
    const connector = await mysql.open({ ...settings, tls: { ca: foreign.ca } }, async () => elsewhere.password, contextOf());
    const rows = await collect(connector.scan(source, never)).catch((error: unknown) => error);
    await connector.close();
    expect({ rows }).toMatchObject(refused);
  });

  it("the account's password is told before it runs out, by the day where the account may see it and else by the rule", async () => {
    const admin = await server.connect();
    const told = async (user: string, expiry: string, grants = ""): Promise<(string | undefined)[]> => {
      await admin.query(`CREATE USER ${user}@'127.0.0.1' IDENTIFIED BY 'secret' PASSWORD EXPIRE ${expiry}`);
      await admin.query(`GRANT SELECT ON secured.* TO ${user}@'127.0.0.1'`);
      if (grants !== "") await admin.query(`GRANT SELECT ON ${grants} TO ${user}@'127.0.0.1'`);
      const settings = {
        server: "127.0.0.1",
        port: server.port,
        database: "secured",
        user,
        password: { secret: "erp" },
        tls: { ca },
      };
      const connector = await mysql.open(settings, async () => "secret", contextOf());
      const found = await connector.check(never);
      await connector.close();
      expect(found.map(({ code }) => code)).not.toContain("erp-check-failed");
      return found.flatMap(({ code, message }) => (code.startsWith("erp-password") ? [code, message] : []));
    };
    try {
      expect(await told("soon", "INTERVAL 10 DAY", "mysql.global_priv")).toEqual([
        "erp-password-expires",
        expect.stringMatching(/^The password of soon@127\.0\.0\.1 expires on \d{4}-\d\d-\d\d/),
      ]);
      expect(await told("late", "INTERVAL 90 DAY", "mysql.global_priv")).toEqual([]);
      expect(await told("blind", "INTERVAL 90 DAY")).toEqual([
        "erp-password-lifetime",
        expect.stringContaining("blind@127.0.0.1 runs out 90 days after it was set"),
      ]);
      for (const [user, expiry] of [
        ["never", "NEVER"],
        ["usual", "DEFAULT"],
      ] as const)
        expect(await told(user, expiry)).toEqual([]);
      await admin.query("SET GLOBAL default_password_lifetime = 5");
      expect((await told("ruled", "DEFAULT", "mysql.global_priv"))[0]).toBe("erp-password-expires");
      expect((await told("guessed", "DEFAULT"))[0]).toBe("erp-password-lifetime");
    } finally {
      await admin.query("SET GLOBAL default_password_lifetime = 0");
      await admin.end();
    }
  });

  it("without verification work and check warns", async () => {
    const { rows, codes } = await outcome({ mode: "required", verify: false });
    expect(rows).toHaveLength(1);
    expect(codes).toContain("erp-not-verified-tls");
  });
});
