// The script of `erpfuser grants` on a real PostgreSQL: with its rights everything that a configuration does goes through, and nothing else does.
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grantNeeds } from "../../agent/grant-needs.ts";
import { systemClock } from "../../base/time.ts";
import type { Config } from "../../config/config.ts";
import type { Connector } from "../../connectors/connector.ts";
import type { FeedTable } from "../../connectors/feed.ts";
import type { GrantNeeds } from "../../connectors/grants.ts";
import { postgres } from "../../connectors/postgres/connector.ts";
import type { Postgres } from "../support/postgres.ts";
import { has, postgres as startServer } from "../support/servers.ts";
import { readsAndWrites, rightsConfig } from "./erp/rights.ts";
import { contextOf, never } from "./erp/subject.ts";

describe.skipIf(!has("postgres"))("rights by the printed script on PostgreSQL", () => {
  let server: Postgres;
  let root: pg.Client;
  let config: Config;
  let needs: GrantNeeds;
  let erp: Connector;
  let script: readonly string[];

  const scriptOf = postgres.grants?.({ database: "wo", user: "fuser" } as never) as NonNullable<
    ReturnType<NonNullable<typeof postgres.grants>>
  >;
  const run = async (lines: readonly string[]): Promise<void> => {
    for (const line of lines) if (!line.startsWith("--")) await root.query(line);
  };
  const open = (): Promise<Connector> =>
    postgres.open(
      { server: server.host, port: server.port, database: "wo", user: "fuser", password: { secret: "x" } },
      async () => "of the agent",
      contextOf({ sessionName: "erpfuser:Test" }),
    );
  const postgresFindings = async (tables: readonly FeedTable[]) => (await erp.feed?.check(tables, never)) ?? [];

  beforeAll(async () => {
    server = await startServer();
    await server.createDatabase("wo");
    root = await server.connect("wo");
    await run([
      "CREATE TABLE person (nr integer PRIMARY KEY, name text, active char(1), changed timestamp, salary numeric)",
      "CREATE TABLE orders (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, nr integer UNIQUE, title text, must text NOT NULL, state text, cost numeric)",
      "CREATE TABLE counters (name text PRIMARY KEY, value integer NOT NULL)",
      "CREATE TABLE others (id integer)",
      "INSERT INTO person VALUES (1, 'Müller', 'J', '2026-01-01', 9), (2, 'Maier', 'N', '2026-01-01', 9)",
      "INSERT INTO counters VALUES ('orders', 41)",
      "CREATE ROLE fuser LOGIN PASSWORD 'of the agent'",
    ]);
    config = rightsConfig("{ connector: postgres, server: 127.0.0.1, database: wo, user: fuser, timezone: Europe/Berlin }");
    const nothing = { tables: [], calls: [], ledgers: [], feeds: [] };
    await run(scriptOf("ledger", grantNeeds(config, []), undefined));
    await run(scriptOf("init", nothing, undefined));
    const reading = await open();
    needs = grantNeeds(config, await reading.describe(never));
    script = scriptOf("grant", needs, await reading.grants?.server(never));
    await reading.close();
    await root.query("DROP OWNED BY fuser");
    await run(script);
    erp = await open();
  });
  afterAll(async () => {
    await erp?.close();
    await root?.end();
    await server?.stop();
  });

  it("gives exactly what is needed, and check has no complaint about rights", async () => {
    expect(await erp.grants?.compare(needs, never)).toMatchObject({ missing: [], tooMany: [] });
    expect(script.filter((line) => line.includes('"person"'))).toEqual([
      'GRANT SELECT ("active", "changed", "name", "nr") ON "public"."person" TO "fuser";',
    ]);
    const rights = { orders: ["insert", "update"], counters: ["update"], ledger: ["insert", "update"] } as const;
    const findings = await erp.check(never, { read: ["person", "orders"], write: ["orders", "counters", "ledger"], rights });
    expect(findings.filter(({ severity, code }) => severity === "error" || code.startsWith("erp-rights"))).toEqual([]);
  });

  it("check tells a password that expires within three weeks, and none that expires later or never", async () => {
    const told = async (until: string): Promise<string[]> => {
      const time = until === "infinity" ? until : new Date(systemClock.now() + Number(until) * 86_400_000).toISOString();
      await root.query(`ALTER ROLE fuser VALID UNTIL '${time}'`);
      const findings = await erp.check(never, { read: [], write: [] });
      return findings
        .filter(({ code }) => code === "erp-password-expires" || code === "erp-check-failed")
        .map(({ code }) => code);
    };
    expect([await told("10"), await told("40"), await told("infinity")]).toEqual([["erp-password-expires"], [], []]);
  });

  it("check names others who log in with the account, and takes our own sessions for ours whatever the agent is called", async () => {
    const named = { ...contextOf(), sessionName: "erpfuser:Wohnungsgenossenschaft Schöneberg-Köpenick und Umgebung eG" };
    const settings = { server: server.host, port: server.port, database: "wo", user: "fuser", password: { secret: "x" } };
    const service = await postgres.open(settings, async () => "of the agent", named);
    await service.identity(never);
    const shared = async (): Promise<string[]> =>
      (await service.check(never, { read: [], write: [] })).flatMap(({ code, message }) =>
        code === "erp-account-shared" ? [message] : [],
      );
    await erp.close();
    await expect.poll(shared).toEqual([]);
    const other = new pg.Client({
      host: server.host,
      port: server.port,
      database: "wo",
      user: "fuser",
      password: "of the agent",
      application_name: "psql",
    });
    await other.connect();
    expect(await shared()).toEqual([expect.stringMatching(/and a person among them: psql/)]);
    await other.end();
    await service.close();
    erp = await open();
  });

  it("lets sources be read and commands be written", async () => {
    await readsAndWrites(erp, config);
    expect((await root.query("SELECT nr, title, must, state FROM orders")).rows).toEqual([
      { nr: 42, title: "Kalt", must: "", state: "neu" },
    ]);
  });

  it("prints what a feed needs, misses it until it was run, and takes it back with what the feed left behind", async () => {
    const feed: GrantNeeds = { ...needs, feeds: [{ name: "logical-replication", tables: ["person", "orders"] }] };
    const only = (lines: readonly string[]): string[] => lines.filter((line) => /PUBLICATION|REPLICATION|slot/.test(line));
    const printed = only(scriptOf("grant", feed, undefined));
    const [, name = ""] = /CREATE PUBLICATION (\w+) /.exec(printed.join("\n")) ?? [];
    expect(printed).toEqual([
      'ALTER ROLE "fuser" REPLICATION;',
      `CREATE PUBLICATION ${name} FOR TABLE "public"."orders", "public"."person";`,
    ]);
    expect(await erp.grants?.compare(feed, never)).toMatchObject({ missing: printed, tooMany: [] });
    await run(printed);
    expect(await erp.grants?.compare(feed, never)).toMatchObject({ missing: [], tooMany: [] });
    // The name is the feed's own.
    const findings = await postgresFindings([{ table: "person", key: ["nr"], own: ["nr"] }]);
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    await run([`ALTER PUBLICATION ${name} SET TABLE person, others`]);
    expect(await erp.grants?.compare(feed, never)).toMatchObject({
      missing: [`ALTER PUBLICATION ${name} ADD TABLE "public"."orders";`],
      tooMany: [`ALTER PUBLICATION ${name} DROP TABLE "public"."others";`],
    });
    const leftBehind = [`DROP PUBLICATION ${name};`, 'ALTER ROLE "fuser" NOREPLICATION;'];
    expect(await erp.grants?.compare(needs, never)).toMatchObject({ missing: [], tooMany: leftBehind });
    await root.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [name]);
    await run(only(scriptOf("revoke", feed, undefined)));
    expect((await root.query("SELECT FROM pg_replication_slots")).rowCount).toBe(0);
    expect(await erp.grants?.compare(needs, never)).toMatchObject({ missing: [], tooMany: [] });
  });

  it("lets nothing else be done, names what is beyond it, and takes all of it back", async () => {
    const attempts = [
      "SELECT salary FROM person",
      "SELECT * FROM orders",
      "SELECT id FROM others",
      "UPDATE orders SET title = 'x'",
      "INSERT INTO orders (cost) VALUES (1)",
      "INSERT INTO person (nr) VALUES (3)",
      "DELETE FROM orders",
      "CREATE TABLE x (a integer)",
    ];
    const allowed: string[] = [];
    await root.query("SET ROLE fuser");
    for (const attempt of attempts) {
      await root.query(attempt).then(
        () => allowed.push(attempt),
        (error: { code?: string }) => expect([attempt, error.code]).toEqual([attempt, "42501"]),
      );
    }
    await root.query("RESET ROLE");
    expect(allowed).toEqual([]);
    await run(["GRANT DELETE ON orders TO fuser", "GRANT SELECT ON person TO fuser"]);
    const told = await erp.grants?.compare(needs, never);
    expect(told?.missing).toEqual([]);
    expect([...(told?.tooMany ?? [])].sort()).toEqual([
      'GRANT SELECT ("active", "changed", "name", "nr") ON "public"."person" TO "fuser";',
      'REVOKE DELETE ON "public"."orders" FROM "fuser";',
      'REVOKE SELECT ON "public"."person" FROM "fuser";',
    ]);
    await run(told?.tooMany ?? []);
    expect(await erp.grants?.compare(needs, never)).toMatchObject({ missing: [], tooMany: [] });
    // What no GRANT on a table gives.
    await run([
      "CREATE ROLE clerks",
      "GRANT clerks TO fuser",
      "ALTER ROLE fuser CREATEDB BYPASSRLS REPLICATION",
      "ALTER TABLE others OWNER TO fuser",
      "GRANT SELECT (name) ON person TO fuser WITH GRANT OPTION",
      "REVOKE SELECT (nr) ON person FROM fuser",
      "GRANT SELECT ON counters TO fuser",
      "REVOKE SELECT (value) ON counters FROM fuser",
    ]);
    const beyond = await erp.grants?.compare(needs, never);
    expect(beyond?.missing).toEqual(['GRANT SELECT ("nr") ON "public"."person" TO "fuser";']);
    expect(beyond?.tooMany).toEqual([
      'REVOKE SELECT ON "public"."counters" FROM "fuser";',
      'GRANT SELECT ("name", "value") ON "public"."counters" TO "fuser";',
      'REVOKE GRANT OPTION FOR SELECT ("name") ON "public"."person" FROM "fuser";',
      'ALTER ROLE "fuser" NOCREATEDB NOBYPASSRLS NOREPLICATION;',
      'REVOKE "clerks" FROM "fuser";',
      '-- it owns "public"."others": ALTER TABLE "public"."others" OWNER TO another_role;',
    ]);
    await run([...(beyond?.missing ?? []), ...(beyond?.tooMany ?? []), "ALTER TABLE others OWNER TO CURRENT_USER"]);
    await run(["REVOKE ALL ON others FROM fuser"]);
    expect(await erp.grants?.compare(needs, never)).toMatchObject({ missing: [], tooMany: [] });
    await run(["ALTER ROLE fuser SUPERUSER"]);
    expect((await erp.grants?.compare(needs, never))?.tooMany).toEqual(['ALTER ROLE "fuser" NOSUPERUSER;']);
    await run(["ALTER ROLE fuser NOSUPERUSER"]);
    await run(scriptOf("revoke", needs, undefined));
    const left = await root.query("SELECT privilege_type FROM information_schema.column_privileges WHERE grantee = 'fuser'");
    expect(left.rows).toEqual([]);
  });
});
