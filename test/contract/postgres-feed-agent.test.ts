import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Postgres } from "../support/postgres.ts";
import { statementOf } from "../support/postgres-feed.ts";
import { postgres, type TemporaryDirectory, tempDirectory } from "../support/servers.ts";

/** The command line against PostgreSQL, through the server's own socket, which wants no password. */
describe("erpfuser on PostgreSQL's feed", () => {
  let server: Postgres;
  let folder: TemporaryDirectory;
  let file: string;

  beforeAll(async () => {
    server = await postgres();
    folder = await tempDirectory();
    file = join(folder.path, "erpfuser.yaml");
    const admin = await server.connect();
    await admin.query("CREATE TABLE objekt (nr int PRIMARY KEY, bez text NOT NULL)");
    await admin.end();
    await writeFile(
      file,
      `agent: { name: Slots, portal: "ws://127.0.0.1:1/agent", stage: test, state: ${folder.path} }
erp: { connector: postgres, server: ${server.data}, port: ${server.port}, database: postgres, user: postgres, timezone: Europe/Berlin }
sources:
  properties: { type: property, table: objekt, key: [nr], fields: { name: bez }, changes: { feed: logical-replication } }
`,
    );
  });
  afterAll(async () => {
    await server?.stop();
    await folder?.[Symbol.asyncDispose]();
  });

  async function erpfuser(...args: string[]): Promise<Record<string, unknown>> {
    const command = [process.execPath, ["agent/main.ts", "--config", file, "--json", ...args]] as const;
    const { stdout } = await promisify(execFile)(...command).catch((error: { stdout: string }) => error);
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  it("check prints the publication that is missing, and feed drop leaves no slot behind", async () => {
    const { findings } = (await erpfuser("check")) as { findings: { code: string; remedy: string }[] };
    const publication = findings.find(({ code }) => code === "erp-feed-unpublished")?.remedy ?? "";
    const admin = await server.connect();
    try {
      await admin.query(statementOf(publication));
      const name = /PUBLICATION (\w+)/.exec(publication)?.[1];
      await admin.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [name]);
      expect(await erpfuser("feed", "drop")).toMatchObject({ dropped: "logical-replication" });
      expect((await admin.query("SELECT FROM pg_replication_slots")).rowCount).toBe(0);
    } finally {
      await admin.end();
    }
  });
});
