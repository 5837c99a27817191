import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { lastLine, startBareDemo } from "../support/demo-process.ts";
import { freePort, has, mariadb, tempDirectory } from "../support/servers.ts";

async function occupied(): Promise<{ server: Server; port: number }> {
  const port = await freePort();
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  return { server, port };
}

interface Refusal {
  code: string;
  message: string;
  hint: string;
}

const errorOf = (demo: ReturnType<typeof startBareDemo>): Refusal => lastLine(demo).error as Refusal;

describe("a demo that can't start", () => {
  test("names the port that is in use and the option that avoids it", async () => {
    await using directory = await tempDirectory();
    const { server, port } = await occupied();
    await using demo = startBareDemo(["--json", "--port", String(port), "--directory", directory.path]);
    expect(await demo.ended).toBe(2);
    expect(errorOf(demo)).toMatchObject({ code: "usage-port-in-use", message: expect.stringContaining(String(port)) });
    expect(errorOf(demo).hint).toContain("--port");
    server.close();
  });

  test("says that nothing listens where MariaDB should be, and never repeats the password", async () => {
    await using directory = await tempDirectory();
    const url = `mysql://root:geheim@127.0.0.1:${await freePort()}/firma`;
    await using demo = startBareDemo(["--json", "--once", "--erp", url, "--directory", directory.path]);
    expect(await demo.ended).toBe(4);
    expect(errorOf(demo)).toMatchObject({ code: "erp-unreachable", hint: expect.stringContaining("start the server") });
    expect(demo.stdout + demo.stderr).not.toContain("geheim");
  });

  test("refuses an address that is none", async () => {
    await using directory = await tempDirectory();
    await using demo = startBareDemo(["--json", "--erp", "mysql://nobody", "--directory", directory.path]);
    expect(await demo.ended).toBe(2);
    expect(errorOf(demo).code).toBe("usage-erp-url");
  });

  test("leaves a directory alone that holds something else", async () => {
    await using directory = await tempDirectory();
    const letter = join(directory.path, "letter.txt");
    writeFileSync(letter, "dear");
    await using demo = startBareDemo(["--json", "--directory", directory.path]);
    expect(await demo.ended).toBe(2);
    expect(errorOf(demo).code).toBe("usage-demo-directory");
    expect(existsSync(letter)).toBe(true);
  });

  test("refuses to start beside another one in the same directory", async () => {
    await using directory = await tempDirectory();
    writeFileSync(join(directory.path, "demo.pid"), String(process.pid));
    await using demo = startBareDemo(["--json", "--directory", directory.path]);
    expect(await demo.ended).toBe(6);
    expect(errorOf(demo)).toMatchObject({ code: "state-demo-running", hint: expect.stringContaining("--directory") });
  });

  test("prints the last words of a portal that dies at its start, and where the rest of them stands", async () => {
    await using directory = await tempDirectory();
    writeFileSync(join(directory.path, "demo.json"), JSON.stringify({ erp: "elsewhere", units: 1, portalPort: 1, agentId: "" }));
    mkdirSync(join(directory.path, "portal.db"));
    await using demo = startBareDemo(["--keep", "--units", "10", "--directory", directory.path]);
    expect(await demo.ended).toBe(3);
    expect(demo.stderr).toMatch(/The portal ended by itself \(exit code \d+\)/);
    expect(demo.stderr).toContain("unable to open database file");
    expect(demo.stderr).toContain(join(directory.path, "logs", "portal.log"));
  });
});

describe.skipIf(!has("mariadb"))("a demo on a MariaDB that holds other tables", () => {
  test("refuses to drop tables of the sample ERP's names that it did not make, until told to", async () => {
    await using directory = await tempDirectory();
    await using server = await mariadb();
    await server.createDatabase("firma");
    const connection = await server.connect();
    await connection.query("CREATE TABLE firma.PERSON (ID INT)");
    await connection.query("INSERT INTO firma.PERSON VALUES (4711)");
    const url = `mysql://root:${server.password}@127.0.0.1:${server.port}/firma`;
    const args = ["--json", "--units", "10", "--erp", url, "--directory", directory.path];
    {
      await using demo = startBareDemo(args);
      expect(await demo.ended).toBe(4);
      expect(errorOf(demo)).toMatchObject({ code: "erp-tables-not-ours", message: expect.stringContaining("PERSON") });
      expect(errorOf(demo).hint).toContain("--reset");
    }
    expect((await connection.query("SELECT ID FROM firma.PERSON"))[0]).toEqual([{ ID: 4711 }]);
    {
      await using demo = startBareDemo([...args, "--reset"]);
      await demo.waitFor("stderr", /rows made/);
    }
    expect((await connection.query("SELECT COUNT(*) AS N FROM firma.WOHNUNG WHERE MANDANT = '001'"))[0]).toEqual([{ N: 10 }]);
    await connection.end();
  });
});
