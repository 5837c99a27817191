// The script of `erpfuser grants` on SQL Server's double, which lets an account do no more than it was given: with its rights everything that a configuration does goes
// through, and nothing else does.
import tedious from "tedious";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grantNeeds } from "../../agent/grant-needs.ts";
import type { Config } from "../../config/config.ts";
import type { Connector } from "../../connectors/connector.ts";
import type { GrantNeeds } from "../../connectors/grants.ts";
import { mssql } from "../../connectors/mssql/connector.ts";
import { tsqlFault } from "../support/tsql-grammar.ts";
import { follow } from "./erp/follow.ts";
import { mssqlSubject } from "./erp/mssql.ts";
import { readsAndWrites, rightsConfig } from "./erp/rights.ts";
import { contextOf, never } from "./erp/subject.ts";

const erpSection =
  "{ connector: mssql, server: 127.0.0.1, database: erp, user: fuser, password: { secret: x }, timezone: Europe/Berlin }";

const schema = [
  "CREATE TABLE person (nr INT PRIMARY KEY, name NVARCHAR(40), active CHAR(1), changed DATETIME2(3), salary DECIMAL(9,2))",
  "CREATE TABLE orders (id INT IDENTITY(1,1) PRIMARY KEY, nr INT UNIQUE, title NVARCHAR(40), must NVARCHAR(40) NOT NULL, state NVARCHAR(10), cost DECIMAL(9,2))",
  "CREATE TABLE counters (name NVARCHAR(20) PRIMARY KEY, value INT NOT NULL)",
  "CREATE TABLE others (id INT PRIMARY KEY)",
  "CREATE SEQUENCE numbers",
  "CREATE SEQUENCE others_numbers",
  "CREATE PROCEDURE accept @nr INT AS BEGIN INSERT INTO others VALUES (@nr); END",
  "CREATE PROCEDURE dismiss @nr INT AS BEGIN DELETE FROM others WHERE id = @nr; END",
  "INSERT INTO person VALUES (1, N'Müller', 'J', '2026-01-01T00:00:00', 9)",
  "INSERT INTO person VALUES (2, N'Maier', 'N', '2026-01-01T00:00:00', 9)",
  "INSERT INTO counters VALUES ('orders', 41)",
  "CREATE LOGIN [fuser] WITH PASSWORD = 'secret'",
  "CREATE USER [fuser] FOR LOGIN [fuser]",
];

describe("rights by the printed script on SQL Server's double", () => {
  let subject: Awaited<ReturnType<typeof mssqlSubject>>;
  let needs: GrantNeeds;
  let config: Config;
  let erp: Connector;
  let script: readonly string[];

  const scriptOf = mssql.grants?.({ database: "erp", user: "fuser" } as never) as NonNullable<
    ReturnType<NonNullable<typeof mssql.grants>>
  >;
  const run = async (lines: readonly string[]): Promise<void> => {
    for (const line of lines) if (!line.startsWith("--")) await subject.run(line);
  };
  const open = (): Promise<Connector> =>
    mssql.open(
      {
        server: "127.0.0.1",
        port: subject.double.port,
        database: "erp",
        user: "fuser",
        password: { secret: "x" },
        tls: { mode: "off" },
      },
      async () => "secret",
      contextOf(),
    );
  const printed = new Set<string>();
  const compared = async (by = needs) => {
    const told = await erp.grants?.compare(by, never);
    for (const line of [...(told?.missing ?? []), ...(told?.tooMany ?? [])]) printed.add(line);
    return told;
  };

  beforeAll(async () => {
    subject = await mssqlSubject();
    for (const line of schema) await subject.run(line);
    config = rightsConfig(erpSection, [
      "- sql: SELECT NEXT VALUE FOR [dbo].numbers AS drawn",
      "  out: { drawn: drawn }",
      "- call: accept",
      '  args: { nr: "${nr}" }',
    ]);
    await run(scriptOf("ledger", grantNeeds(config, []), undefined));
    await run(scriptOf("init", { tables: [], calls: [], ledgers: [], feeds: [] }, undefined));
    erp = await open();
    needs = grantNeeds(config, await erp.describe(never));
    script = scriptOf("grant", needs, await erp.grants?.server(never));
  });
  afterAll(async () => {
    await erp?.close();
    await subject?.[Symbol.asyncDispose]();
  });

  it("names what the account lacks and that it may read everything, and both together lead to exactly what is needed", async () => {
    const told = await compared();
    expect(told?.server.account).toBe("[fuser]");
    expect(told?.missing).toEqual(script.filter((line) => line.startsWith("GRANT") && !line.startsWith("GRANT SELECT")));
    expect(told?.tooMany).toContain("REVOKE SELECT FROM [fuser];");
    await run([...(told?.missing ?? []), ...(told?.tooMany ?? [])]);
    expect(await compared()).toMatchObject({ missing: [], tooMany: [] });
    expect(script.filter((line) => line.includes("[person]"))).toEqual([
      "GRANT SELECT ([active], [changed], [name], [nr]) ON [dbo].[person] TO [fuser];",
    ]);
    expect(script).toContain("GRANT UPDATE ON [dbo].[numbers] TO [fuser];");
    const rights = { orders: ["insert", "update"], counters: ["update"], ledger: ["insert", "update"] } as const;
    const asked = { read: ["person", "orders"], write: ["orders", "counters", "ledger"], rights, calls: ["accept"] };
    const findings = await erp.check(never, asked);
    expect(findings.filter(({ severity, code }) => severity === "error" || code.startsWith("erp-rights"))).toEqual([]);
    expect(findings).toContainEqual(expect.objectContaining({ severity: "info", code: "erp-account-shared" }));
    const wider = await erp.check(never, { ...asked, read: ["person", "others"], calls: ["dismiss"] });
    expect(wider.filter(({ severity }) => severity === "error").map(({ code, place }) => [code, place])).toEqual([
      ["erp-object-missing", "others"],
      ["erp-object-missing", "dismiss"],
    ]);
  });

  it("lets sources be read and commands be written", async () => {
    await readsAndWrites(erp, config);
    expect(await subject.rows("SELECT nr, title, must, state FROM orders")).toEqual([["42", "Kalt", "", "neu"]]);
    expect(await subject.rows("SELECT id FROM others")).toEqual([["42"]]);
  });

  it("lets nothing else be done; check names another program that logs in with the account", async () => {
    const connection = new tedious.Connection({
      server: "127.0.0.1",
      authentication: { type: "default", options: { userName: "fuser", password: "secret" } },
      options: { port: subject.double.port, database: "erp", encrypt: false },
    });
    await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())));
    const attempts = [
      ["SELECT salary FROM person", 230],
      ["SELECT * FROM orders", 230],
      ["SELECT id FROM others", 229],
      ["UPDATE orders SET title = 'x' WHERE id = 1", 230],
      ["INSERT INTO person (nr) VALUES (3)", 229],
      ["DELETE FROM orders", 229],
      ["EXEC dismiss @nr = 42", 229],
      ["SELECT NEXT VALUE FOR others_numbers", 229],
      ["CREATE TABLE x (a INT)", 262],
      ["GRANT SELECT ON others TO fuser", 262],
    ] as const;
    const seen: [string, number | undefined][] = [];
    for (const [attempt] of attempts) {
      const number = await new Promise<number | undefined>((resolve) => {
        connection.execSqlBatch(
          new tedious.Request(attempt, (error) => resolve((error as { number?: number } | null | undefined)?.number)),
        );
      });
      seen.push([attempt, number]);
    }
    // With a right of the server's, which may stay, check sees whoever else logs in.
    await subject.run("GRANT VIEW SERVER STATE TO fuser");
    const shared = (await erp.check(never, { read: [], write: [] })).filter(({ code }) => code === "erp-account-shared");
    const ended = new Promise<void>((resolve) => connection.once("end", () => resolve()));
    connection.close();
    await ended;
    expect(seen).toEqual(attempts);
    expect(shared).toEqual([expect.objectContaining({ severity: "warning", message: expect.stringMatching(/: Tedious$/) })]);
  });

  it("names rights that are too many, by columns, schemas, roles, the server's roles and public, and taking them back leaves what is needed", async () => {
    await run([
      "GRANT DELETE ON orders TO fuser",
      "GRANT SELECT ON person TO fuser",
      "GRANT UPDATE (cost) ON orders TO fuser",
      "GRANT UPDATE ON SCHEMA::dbo TO fuser",
      "GRANT VIEW DEFINITION ON accept TO fuser",
      "GRANT EXECUTE ON dismiss TO fuser WITH GRANT OPTION",
      "GRANT SELECT (name) ON counters TO fuser WITH GRANT OPTION",
      "GRANT VIEW ANY DEFINITION TO fuser",
      "CREATE ROLE clerks",
      "ALTER ROLE clerks ADD MEMBER fuser",
      "ALTER ROLE db_datawriter ADD MEMBER fuser",
      "ALTER SERVER ROLE bulkadmin ADD MEMBER fuser",
      "GRANT INSERT ON others TO public",
      "REVOKE SELECT (title) ON orders FROM fuser",
    ]);
    const told = await compared();
    expect(told?.missing).toEqual(["GRANT SELECT ([title]) ON [dbo].[orders] TO [fuser];"]);
    const everybody = "-- like every account of the database it may by the role public: INSERT on [dbo].[others]";
    expect([...(told?.tooMany ?? [])].sort()).toEqual(
      [
        "REVOKE UPDATE ON SCHEMA::[dbo] FROM [fuser];",
        "REVOKE DELETE ON [dbo].[orders] FROM [fuser];",
        "REVOKE UPDATE ([cost]) ON [dbo].[orders] FROM [fuser];",
        "REVOKE SELECT ON [dbo].[person] FROM [fuser];",
        "GRANT SELECT ([active], [changed], [name], [nr]) ON [dbo].[person] TO [fuser];",
        "REVOKE EXECUTE ON [dbo].[dismiss] FROM [fuser] CASCADE;",
        "REVOKE GRANT OPTION FOR SELECT ([name]) ON [dbo].[counters] FROM [fuser] CASCADE;",
        "ALTER ROLE [clerks] DROP MEMBER [fuser];",
        "ALTER ROLE [db_datawriter] DROP MEMBER [fuser];",
        "ALTER SERVER ROLE [bulkadmin] DROP MEMBER [fuser];",
        "USE [master]; REVOKE VIEW ANY DEFINITION FROM [fuser] CASCADE; USE [erp];",
        everybody,
      ].sort(),
    );
    await run([...(told?.missing ?? []), ...(told?.tooMany ?? [])]);
    expect(await compared()).toMatchObject({ missing: [], tooMany: [everybody] });
    await run(["REVOKE INSERT ON others FROM public"]);
  });

  it("names what was given and does not hold, because it is denied elsewhere", async () => {
    await run([
      "CREATE ROLE barred",
      "DENY UPDATE ON orders TO barred",
      "DENY EXECUTE ON accept TO public",
      "ALTER ROLE barred ADD MEMBER fuser",
    ]);
    expect((await compared())?.missing).toEqual([
      "-- EXECUTE ON [dbo].[accept] is given, and denied by a role, by public, on the schema or on the database",
    ]);
    await run(["REVOKE EXECUTE ON accept FROM public", "ALTER ROLE barred DROP MEMBER fuser", "DENY EXECUTE ON accept TO fuser"]);
    expect((await compared())?.missing).toEqual(["GRANT EXECUTE ON [dbo].[accept] TO [fuser];"]);
    await run(["GRANT EXECUTE ON accept TO fuser"]);
    expect(await compared()).toMatchObject({ missing: [], tooMany: [] });
  });

  it("gives SELECT on a function that gives a table, where EXECUTE would be refused", async () => {
    await subject.run("CREATE FUNCTION orders_of (@nr INT) RETURNS TABLE AS RETURN (SELECT id FROM orders WHERE nr = @nr)");
    const calling: GrantNeeds = { ...needs, calls: [...needs.calls, { name: "orders_of", kind: "procedure" }] };
    const [unseen] = (await compared(calling))?.missing ?? [];
    await expect(subject.run(unseen ?? "")).rejects.toThrow("EXECUTE is not compatible");
    await subject.run("GRANT VIEW DEFINITION ON SCHEMA::dbo TO fuser");
    expect((await compared(calling))?.missing).toEqual(["GRANT SELECT ON [dbo].[orders_of] TO [fuser];"]);
    await subject.run("REVOKE VIEW DEFINITION ON SCHEMA::dbo FROM fuser");
    await subject.run("GRANT SELECT ON orders_of TO fuser");
    expect(await compared(calling)).toMatchObject({ missing: [], tooMany: [] });
    const grant = scriptOf("grant", calling, await erp.grants?.server(never));
    expect(grant).toContain("GRANT SELECT ON [dbo].[orders_of] TO [fuser];");
    await run((await compared())?.tooMany ?? []);
  });

  it("misses what a feed needs until it was given, and then the feed can be read", async () => {
    const feed: GrantNeeds = { ...needs, feeds: [{ name: "change-tracking", tables: ["person"] }] };
    await run(["ALTER DATABASE erp SET CHANGE_TRACKING = ON", "ALTER TABLE person ENABLE CHANGE_TRACKING"]);
    const told = await compared(feed);
    expect(told).toMatchObject({ missing: ["GRANT VIEW CHANGE TRACKING ON [dbo].[person] TO [fuser];"], tooMany: [] });
    const tables = [{ table: "person", key: ["nr"], own: ["nr"] }];
    expect((await erp.feed?.check(tables, never))?.map(({ code }) => code)).toContain("erp-rights");
    await run(told?.missing ?? []);
    expect(await erp.feed?.check(tables, never)).toEqual([]);
    if (erp.feed === undefined) throw new Error("no feed");
    await using read = follow(erp.feed, tables, await erp.feed.begin(tables, never));
    await subject.run("UPDATE person SET name = N'Meier' WHERE nr = 2");
    await read.until(() => read.keys().includes("2"));
    expect((await compared())?.tooMany).toEqual(["REVOKE VIEW CHANGE TRACKING ON [dbo].[person] FROM [fuser];"]);
    await run((await compared())?.tooMany ?? []);
  });

  it("takes all of it back, and knows a login that is the owner or administers the server", async () => {
    await run(scriptOf("revoke", needs, await erp.grants?.server(never)));
    const left = await subject.rows(
      "SELECT p.permission_name FROM sys.database_permissions AS p JOIN sys.database_principals AS u ON u.principal_id = p.grantee_principal_id WHERE u.name = 'fuser'",
    );
    expect(left.sort()).toEqual([["CONNECT"], ["VIEW DEFINITION"]]);
    await run(["ALTER SERVER ROLE sysadmin ADD MEMBER fuser"]);
    expect((await compared())?.tooMany).toEqual(["ALTER SERVER ROLE [sysadmin] DROP MEMBER [fuser];"]);
    await run(["ALTER SERVER ROLE sysadmin DROP MEMBER fuser"]);
    const owner = await subject.open();
    const told = await owner.grants?.compare(needs, never);
    expect(told?.missing[0]).toBe("CREATE USER [erp] FOR LOGIN [erp];");
    expect(told?.tooMany).toEqual(["-- it owns the database: ALTER AUTHORIZATION ON DATABASE::[erp] TO [sa];"]);
    await owner.close();
  });

  it("prints and asks what a grammar of T-SQL takes", () => {
    // It knows no REVOKE, UPDATE, DELETE and schemas: parsed is a GRANT of the same form.
    const lines = [...printed].map((line) =>
      line
        .replace(/REVOKE (?:GRANT OPTION FOR )?(.*?) FROM (\S+?)(?: CASCADE)?;/, "GRANT $1 TO $2;")
        .replace(/GRANT (UPDATE|DELETE|VIEW [A-Z ]+?)(?= \(| ON| TO)/, "GRANT SELECT")
        .replace(" ON SCHEMA::[dbo]", ""),
    );
    const asked = subject.double.statements.filter((one) => /principal|HAS_PERMS/i.test(one) && one.startsWith("SELECT"));
    // One of each form: the grammar takes its time.
    const formOf = (one: string): string =>
      one
        .replace(/\[[^\]]*\]|@\w+|\d+/g, "x")
        .replace(/(x, )+/g, "")
        .slice(0, 60);
    const forms = [
      ...new Map([...lines.filter((line) => !line.startsWith("--")), ...asked].map((one) => [formOf(one), one])).values(),
    ];
    expect(forms.length).toBeGreaterThan(12);
    const faults = forms.filter((one) => tsqlFault(one));
    expect(faults).toEqual([]);
  }, 120_000);
});
