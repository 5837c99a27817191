/**
 * What the agent does on a running ERP on PostgreSQL, as the server itself wrote it down (log_statement = all), with an account that has the rights of the
 * printed script and no others, and the feed that the script prepares.
 */
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answer, runInStep } from "../support/cli.ts";
import type { Postgres } from "../support/postgres.ts";
import { has, postgres } from "../support/servers.ts";
import { openSite, type Site } from "../support/site.ts";

interface Logged {
  process: string;
  text: string;
}

describe.skipIf(!has("postgres"))("the agent's account in an ERP on PostgreSQL", () => {
  const opened = new AsyncDisposableStack();
  let server: Postgres;
  let site: Site;
  let root: pg.Client;
  let user: string;
  let script: readonly string[];
  let log: readonly Logged[];

  const scriptOf = async (...args: string[]): Promise<string[]> => (await answer(site, ["grants", ...args])).script as string[];
  const runScript = async (lines: readonly string[]): Promise<void> => {
    for (const line of lines) if (!line.startsWith("--")) await root.query(line);
  };

  beforeAll(async () => {
    const settings = ["log_statement=all", "log_replication_commands=on", "log_line_prefix=@@%p %q%u "];
    server = opened.use(await postgres({ settings }));
    site = opened.use(await openSite({ server }));
    site.configure({ feed: "logical-replication" });
    user = site.account?.user as string;
    root = await server.connect(site.account?.database);
    opened.defer(() => root.end());
    expect((await site.erpfuser(["secret", "set", "erp-password"], `${site.account?.password}\n`)).code).toBe(0);
    script = await scriptOf();
    await root.query(`DROP OWNED BY ${user}`);
    await runScript(script);
  });
  afterAll(() => opened.disposeAsync());

  it("has exactly the rights that it needs once the script was run, and check has no complaint", async () => {
    expect(script.join("\n")).toMatch(/ REPLICATION;[\s\S]*CREATE PUBLICATION/);
    expect(await answer(site, ["grants", "--compare"])).toMatchObject({ missing: [], tooMany: [] });
    await site.enrol();
    const { findings } = (await site.erpfuser(["check"])).document;
    const complaints = (findings as { severity: string; code: string }[]).filter(
      ({ severity, code }) => severity === "error" || code.startsWith("erp-rights"),
    );
    expect(complaints).toEqual([]);
  });

  it("keeps ERP and portal in step and carries out commands with these rights, on the feed", async () => {
    await using _ = await runInStep(site);
    const ticket = site.report();
    await site.comesToRest(1);
    const { rows } = await root.query("SELECT mandant, auftrnr FROM auftrag WHERE fremdnr = $1", [ticket]);
    const entity = { type: "ticket" as const, id: `${rows[0].mandant}.${rows[0].auftrnr}` };
    const change = { title: "Heizung ganz kalt", status: "in-progress", priority: "high", dueDate: "2027-01-31" };
    const base = { title: "Heizung kalt", status: "open", priority: "normal", dueDate: null };
    site.gateway.issue(site.agentId, { command: "ticket.update", entity, values: change, base });
    site.gateway.issue(site.agentId, { command: "message.create", values: { ticketId: entity.id, body: "Wann?" } });
    await site.clerkWorks();
    await site.comesToRest(3);
    const slots = await root.query("SELECT active FROM pg_replication_slots");
    expect(slots.rows).toEqual([{ active: true }]);
    log = statementsOf(await server.log(), user);
    expect(log.length).toBeGreaterThan(100);
  });

  it("no statement changes the schema, locks a table or takes locks for reading; of the server's things it makes its own slot", () => {
    const forbidden =
      /(^|;)\s*(CREATE|ALTER|DROP|TRUNCATE|LOCK|GRANT|REVOKE|DELETE|VACUUM|ANALYZE|CLUSTER|REINDEX|REFRESH|COMMENT|COPY|CALL|DO|NOTIFY|LISTEN|MERGE)\b|FOR SHARE|FOR KEY SHARE|SERIALIZABLE/i;
    expect(log.filter(({ text }) => forbidden.test(withoutTexts(text))).map(({ text }) => text)).toEqual([]);
    const locking = log.filter(({ text }) => /FOR (NO KEY )?UPDATE/i.test(text));
    expect(locking.length).toBeGreaterThan(0);
    expect(locking.filter(({ text }) => !/ WHERE .+ = /.test(text))).toEqual([]);
    const made = log.flatMap(({ text }) => /pg_(create|drop)_\w*slot|pg_terminate_backend|pg_cancel_backend/.exec(text) ?? []);
    expect(made.filter((word) => word.startsWith("pg_"))).toEqual(["pg_create_logical_replication_slot"]);
  });

  it("no statement runs before its session was given time limits: for itself, for waits on locks, and for a transaction that lies idle", () => {
    const sessions = Map.groupBy(log, ({ process }) => process);
    expect(sessions.size).toBeGreaterThan(3);
    let replications = 0;
    for (const [, [first, ...rest]] of sessions) {
      for (const limit of ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]) {
        const [, ms = "0"] = new RegExp(`'${limit}', '(\\d+)'`).exec(first?.text ?? "") ?? [];
        expect([limit, Number(ms) > 0 && Number(ms) <= 180_000, first?.text]).toEqual([limit, true, first?.text]);
      }
      // Only the stream of the feed has no limit: it is not a statement. Nothing else runs in its session.
      const lifted = rest.findIndex(({ text }) => /'statement_timeout', '0'|statement_timeout\s*=/.test(text));
      if (lifted < 0) continue;
      replications += 1;
      const behind = rest.slice(lifted + 1).map(({ text }) => text);
      expect(behind).toEqual([expect.stringContaining("wal_sender_timeout"), expect.stringMatching(/^START_REPLICATION/)]);
    }
    expect(replications).toBeGreaterThan(0);
  });

  it("every transaction that was begun was ended, and tables are read in portions or by key", () => {
    for (const [, statements] of Map.groupBy(log, ({ process }) => process)) {
      const text = withoutTexts(statements.map((each) => each.text).join(";\n"));
      expect((text.match(/\bCOMMIT\b|\bROLLBACK\b(?! TO)/g) ?? []).length).toBe((text.match(/(?:^|;)\s*BEGIN\b/g) ?? []).length);
    }
    const tables = /\bFROM "(?:public"\.")?[a-z]+"/;
    const reads = log.filter(({ text }) => tables.test(text));
    expect(reads.length).toBeGreaterThan(20);
    const bounded = /DECLARE fuser_scan|\bLIMIT \d|\bWHERE\b[\s\S]*(=|\bIN \()|COUNT\(\*\)/;
    expect(reads.filter(({ text }) => !bounded.test(text)).map(({ text }) => text)).toEqual([]);
  });
});

/** Texts may say anything. */
const withoutTexts = (sql: string): string => sql.replaceAll(/'(?:[^']|'')*'/g, "''");

/** The account's statements in the order in which the server wrote them down; a line that goes on begins with a tab. */
function statementsOf(log: string, user: string): Logged[] {
  return log.split(/^@@/m).flatMap((entry) => {
    const [, process, who, text] =
      /^(\d+) (\S+) LOG: {2}(?:statement|execute [^:]*|received replication command): ([\s\S]*)/.exec(entry) ?? [];
    return process === undefined || text === undefined || who !== user ? [] : [{ process, text: text.trimEnd() }];
  });
}
