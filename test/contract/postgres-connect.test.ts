import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkPostgres } from "../../connectors/postgres/checks.ts";
import type { PostgresSettings } from "../../connectors/postgres/config.ts";
import { type Access, accessOf, cancelStatement, hangUp, openSession } from "../../connectors/postgres/connect.ts";
import { postgresError } from "../../connectors/postgres/errors.ts";
import type { LinkKind } from "../../connectors/postgres/session.ts";
import { signedCertificate } from "../support/certificates.ts";
import type { Postgres } from "../support/postgres.ts";
import { freePort, postgres, type TemporaryDirectory, tempDirectory } from "../support/servers.ts";
import { contextOf, never } from "./erp/subject.ts";

describe("PostgreSQL: connections", () => {
  let folder: TemporaryDirectory;
  let server: Postgres;
  let ca: string;
  let otherCa: string;

  beforeAll(async () => {
    folder = await tempDirectory();
    server = await postgres();
    const own = signedCertificate(folder.path, "own");
    ({ ca } = own);
    otherCa = signedCertificate(folder.path, "other").ca;
    // The server reads its key as its own user and wants nobody else to.
    for (const [from, to] of [
      [own.cert, "server.crt"],
      [own.key, "server.key"],
    ] as const)
      await server.give(from, to);
    const admin = await server.connect();
    await admin.query("ALTER SYSTEM SET ssl = on");
    await admin.query("SELECT pg_reload_conf()");
    await admin.query("CREATE ROLE agent LOGIN PASSWORD 'secret'");
    await admin.query("ALTER ROLE agent SET datestyle = 'German'");
    await admin.query("CREATE ROLE late LOGIN PASSWORD 'secret' VALID UNTIL '2020-01-01'");
    await admin.query("CREATE SCHEMA erp");
    await admin.end();
  });
  afterAll(async () => {
    await server?.stop();
    await folder?.[Symbol.asyncDispose]();
  });

  function access(settings: Partial<PostgresSettings> = {}, password = "secret"): Access {
    const all = { server: "127.0.0.1", port: server.port, database: "postgres", user: "agent", password: { secret: "erp" } };
    return accessOf({ ...all, ...settings }, async () => password, contextOf());
  }

  async function refusal(settings: Partial<PostgresSettings>, password?: string): Promise<unknown> {
    return openSession(access(settings, password), "read", never).then(
      ({ client, server: reached }) => {
        hangUp(client);
        return `let in by ${reached.host}`;
      },
      (error: unknown) => error,
    );
  }

  async function setting(kind: LinkKind, ...names: string[]): Promise<unknown[]> {
    const { client } = await openSession(access({ schema: ["erp", "public"] }), kind, never);
    try {
      const list = names.map((name) => `current_setting('${name}') AS ${name}`).join(", ");
      return Object.values((await client.query(`SELECT ${list}`)).rows[0] as Record<string, unknown>);
    } finally {
      hangUp(client);
    }
  }

  it("every session has its limits, and prints values the same way whatever the account's own settings say", async () => {
    const names = [
      "statement_timeout",
      "lock_timeout",
      "idle_in_transaction_session_timeout",
      "datestyle",
      "search_path",
      "application_name",
    ];
    const usual = ["22s", "1s", "2min", "ISO, YMD", '"erp", "public"', "fuser-contract"];
    for (const kind of ["read", "write"] as const) expect(await setting(kind, ...names)).toEqual(usual);
  });

  it("reads are read-only, in UTC and refuse to be filtered; writes keep the account's time zone", async () => {
    const names = ["transaction_read_only", "timezone", "row_security"];
    expect(await setting("read", ...names)).toEqual(["on", "UTC", "off"]);
    expect(await setting("write", ...names)).toEqual(["off", "Europe/Berlin", "on"]);
  });

  it("a wrong, missing or expired password, an unknown database, host or port are told apart", async () => {
    expect(await refusal({}, "wrong")).toMatchObject({ kind: "config", code: "erp-login-refused" });
    expect(await refusal({ user: "late" })).toMatchObject({
      kind: "config",
      code: "erp-login-refused",
      hint: expect.stringMatching(/run out/),
    });
    expect(await refusal({}, "")).toMatchObject({ kind: "config", code: "erp-login-refused" });
    expect(await refusal({ database: "nowhere" })).toMatchObject({ kind: "config", code: "erp-database-missing" });
    const nowhere = { kind: "transient", code: "erp-unreachable", hint: expect.stringMatching(/server/) };
    expect(await refusal({ server: "no-such-host.invalid" })).toMatchObject(nowhere);
    expect(await refusal({ port: await freePort() })).toMatchObject(nowhere);
  });

  it("of several servers the first that answers is taken, and a refused login is not tried elsewhere", async () => {
    expect(await refusal({ server: ["no-such-host.invalid", "127.0.0.1"] })).toBe("let in by 127.0.0.1");
    expect(await refusal({ server: ["no-such-host.invalid"] })).toMatchObject({ code: "erp-unreachable" });
    expect(await refusal({ server: ["127.0.0.1", "no-such-host.invalid"] }, "wrong")).toMatchObject({
      code: "erp-login-refused",
    });
  });

  it("encryption is verified against the authority that is named, and for the address", async () => {
    const encrypted = async (settings: Partial<PostgresSettings>): Promise<unknown> => {
      const { client } = await openSession(access(settings), "read", never);
      const { rows } = await client.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
      hangUp(client);
      return rows[0]?.ssl;
    };
    const refused = { kind: "config", code: "erp-tls-refused" };
    expect(await encrypted({ tls: { ca } })).toBe(true);
    expect(await encrypted({ tls: { mode: "preferred" } })).toBe(true);
    expect(await encrypted({})).toBe(false);
    expect(await refusal({ tls: { ca: otherCa } })).toMatchObject(refused);
    expect(await refusal({ tls: { mode: "required" } })).toMatchObject(refused);
    expect(await refusal({ server: "localhost", tls: { ca } })).toMatchObject(refused);
    expect(await refusal({ tls: { ca: "/nowhere/ca.pem" } })).toMatchObject(refused);
    await using plain = await postgres();
    const there = { port: plain.port, user: "postgres" };
    expect(await refusal({ ...there, tls: { mode: "required" } }, plain.password)).toMatchObject(refused);
    expect(await refusal({ ...there, tls: { mode: "preferred" } }, plain.password)).toBe("let in by 127.0.0.1");
  });

  it("the server's certificate is looked at by `check`, whoever signed it", async () => {
    const codes = async (mode: "off" | "preferred"): Promise<string[]> => {
      const found = await checkPostgres(
        access({ tls: { mode } }),
        { read: [], write: [], rights: {}, calls: [], polls: [] },
        never,
      );
      return found.map(({ code }) => code);
    };
    // It is good for two days.
    expect(await codes("preferred")).toContain("erp-certificate-expires");
    expect(await codes("off")).not.toContain("erp-certificate-expires");
  });

  it("a statement is ended in the server when that is asked for", async () => {
    const session = await openSession(access(), "read", never);
    const admin = await server.connect();
    const sleeping = session.client.query("SELECT pg_sleep(60)").catch((error: unknown) => postgresError(error, "sleep", "here"));
    const asleep = "SELECT FROM pg_stat_activity WHERE usename = 'agent' AND wait_event = 'PgSleep'";
    await expect.poll(async () => (await admin.query(asleep)).rowCount).toBe(1);
    await admin.end();
    await cancelStatement(access(), session);
    expect(await sleeping).toMatchObject({ kind: "transient", code: "erp-interrupted" });
    hangUp(session.client);
  });

  it("an abort ends the wait for a connection", async () => {
    const abort = new AbortController();
    const opening = openSession(access(), "read", abort.signal);
    abort.abort();
    await expect(opening).rejects.toMatchObject({ name: "AbortError" });
  });
});
