/**
 * What the agent does on a running ERP, as the server itself wrote it down (MariaDB's general log), with an account that has the rights of the printed
 * script and no others.
 */
import type { Connection } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answer, runInStep } from "../support/cli.ts";
import { has, mariadb } from "../support/servers.ts";
import { openSite, type Site } from "../support/site.ts";

interface Logged {
  thread: number;
  at: number;
  kind: string;
  text: string;
}

const words = (text: string): Set<string> => new Set(text.match(/[\w$]+/g));

describe.skipIf(!has("mariadb"))("the agent's account in the ERP", () => {
  const opened = new AsyncDisposableStack();
  let site: Site;
  let root: Connection;
  let account: { user: string; password: string; database: string };
  let script: readonly string[];
  let log: readonly Logged[];

  const scriptOf = async (...args: string[]): Promise<string[]> => (await answer(site, ["grants", ...args])).script as string[];
  const runScript = async (lines: readonly string[]): Promise<void> => {
    for (const line of lines) if (!line.startsWith("--")) await root.query(line);
  };

  beforeAll(async () => {
    const server = opened.use(await mariadb());
    site = opened.use(await openSite({ server }));
    account = site.account as typeof account;
    root = await server.connect();
    opened.defer(() => root.end());
    await root.query(`USE ${account.database}`);
    await root.query(`REVOKE ALL PRIVILEGES, GRANT OPTION FROM '${account.user}'@'%'`);
    expect((await site.erpfuser(["secret", "set", "erp-password"], `${account.password}\n`)).code).toBe(0);
    const connection = ["--connector", "mysql", "--database", account.database, "--user", account.user];
    const first = await scriptOf("--for", "init", ...connection);
    await runScript(first);
    script = await scriptOf();
    await runScript(first.map((line) => line.replace(/^GRANT (.*) TO /, "REVOKE $1 FROM ")));
    await runScript(script);
    await root.query("SET GLOBAL log_output = 'TABLE'");
    await root.query("SET GLOBAL general_log = ON");
  });
  afterAll(() => opened.disposeAsync());

  it("has exactly the rights that it needs once the script was run, and check has no complaint", async () => {
    expect(script.join("\n")).toContain(account.database);
    expect(await answer(site, ["grants", "--compare"])).toMatchObject({ missing: [], tooMany: [] });
    await site.enrol();
    const { findings } = await answer(site, ["check"]);
    const complaints = (findings as { severity: string; code: string }[]).filter(
      ({ severity, code }) => severity === "error" || code.startsWith("erp-rights"),
    );
    expect(complaints).toEqual([]);
  });

  it("keeps ERP and portal in step and carries out every kind of command with these rights", async () => {
    await using _ = await runInStep(site);
    const ticket = site.report();
    await site.comesToRest(1);
    const [rows] = await root.query<never[]>("SELECT MANDANT, AUFTRNR FROM AUFTRAG WHERE FREMDNR = ?", [ticket]);
    const [made] = rows as { MANDANT: string; AUFTRNR: string }[];
    const entity = { type: "ticket" as const, id: `${made?.MANDANT}.${made?.AUFTRNR}` };
    const issue = (command: string, values: Record<string, string>, base: Record<string, string | null>) =>
      site.gateway.issue(site.agentId, { command, entity, values, base });
    issue(
      "ticket.update",
      { title: "Heizung ganz kalt", status: "in-progress", priority: "high", dueDate: "2027-01-31" },
      {
        title: "Heizung kalt",
        status: "open",
        priority: "normal",
        dueDate: null,
      },
    );
    site.gateway.issue(site.agentId, {
      command: "message.create",
      values: { ticketId: entity.id, body: "Wann?" },
    });
    await site.clerkWorks();
    await site.comesToRest(3);
    issue("ticket.close", {}, {});
    await site.comesToRest(4);
    await root.query("SET GLOBAL general_log = OFF");
    log = await logOf(root, account.user);
    const [found] = await root.query("SELECT STATUS, KURZTEXT FROM AUFTRAG WHERE FREMDNR = ?", [ticket]);
    expect(found).toEqual([{ STATUS: "9", KURZTEXT: "Heizung ganz kalt" }]);
    expect(log.length).toBeGreaterThan(200);
  });

  it("each right of the script is used, to the column", () => {
    const used = log.map(({ text }) => ({ text, words: words(text) }));
    const unused: string[] = [];
    for (const line of script) {
      const [, rights = "", table = ""] = /^GRANT (.*) ON `\w+`\.`(\w+)` TO /.exec(line) ?? [];
      for (const [, right = "", list = ""] of rights.matchAll(/(\w+) \(([^)]*)\)/g)) {
        const verb = new RegExp(`^\\s*${right}\\b`, "i");
        for (const column of list.replaceAll("`", "").split(", ")) {
          const seen = used.some((one) => verb.test(one.text) && one.words.has(table) && one.words.has(column));
          if (!seen) unused.push(`${right} ${table}.${column}`);
        }
      }
    }
    expect(script.filter((line) => /^GRANT/.test(line)).length).toBeGreaterThan(10);
    expect(unused).toEqual([]);
  });

  it("no statement changes the schema, locks a table or takes locks for reading", () => {
    const forbidden =
      /^\s*(CREATE|ALTER|DROP|TRUNCATE|RENAME|LOCK|UNLOCK|FLUSH|GRANT|REVOKE|DELETE|REPLACE|OPTIMIZE|ANALYZE|CALL|HANDLER|SET\s+GLOBAL)\b|LOCK IN SHARE MODE|FOR SHARE|SERIALIZABLE/i;
    expect(log.filter(({ text }) => forbidden.test(text)).map(({ text }) => text)).toEqual([]);
    // A row lock is taken for rows by their key alone.
    const locking = log.filter(({ text }) => /FOR UPDATE/i.test(text));
    expect(locking.length).toBeGreaterThan(0);
    expect(locking.filter(({ text }) => !/ WHERE .+ = /.test(text))).toEqual([]);
  });

  it("no statement reads the ERP before its session was given a time limit, for itself and for waits on locks", () => {
    const limited = new Set<number>();
    const unlimited: string[] = [];
    let reads = 0;
    for (const { thread, kind, text } of log) {
      if (kind === "Connect") limited.delete(thread);
      const [, seconds = "0"] = /^SET SESSION .*max_statement_time = ([\d.]+)/.exec(text) ?? [];
      if (Number(seconds) > 0 && Number(seconds) <= 120 && /innodb_lock_wait_timeout = \d/.test(text)) limited.add(thread);
      if (!/^\s*(SELECT|INSERT|UPDATE|START|COMMIT|\()/i.test(text)) continue;
      reads += 1;
      if (!limited.has(thread)) unlimited.push(text);
    }
    expect(reads).toBeGreaterThan(100);
    expect(unlimited).toEqual([]);
  });

  it("a transaction that writes lasts no longer than seconds, and reads hold none", () => {
    const begun = new Map<number, number>();
    const lasted: number[] = [];
    for (const { thread, at, text } of log) {
      if (/^START TRANSACTION/i.test(text)) begun.set(thread, at);
      if (/^(COMMIT|ROLLBACK)/i.test(text) && begun.has(thread)) {
        lasted.push(at - (begun.get(thread) as number));
        begun.delete(thread);
      }
    }
    expect(lasted.length).toBeGreaterThanOrEqual(4);
    expect(Math.max(...lasted)).toBeLessThan(5_000);
    expect([...begun]).toEqual([]);
  });

  it("rights beyond the script are named with the statement that takes them back, and so is what the counterpart took", async () => {
    await root.query(`GRANT DELETE ON ${account.database}.AUFTRAG TO '${account.user}'@'%'`);
    await root.query(`GRANT SELECT ON ${account.database}.* TO '${account.user}'@'%'`);
    const { missing, tooMany } = await answer(site, ["grants", "--compare"], { exit: 8 });
    expect(missing).toEqual([]);
    expect((tooMany as string[]).sort()).toEqual([
      `REVOKE DELETE ON \`${account.database}\`.\`AUFTRAG\` FROM '${account.user}'@'%';`,
      `REVOKE SELECT ON \`${account.database}\`.* FROM '${account.user}'@'%';`,
    ]);
    const back = await scriptOf("--revoke");
    await runScript(tooMany as string[]);
    expect(await answer(site, ["grants", "--compare"])).toMatchObject({ missing: [], tooMany: [] });
    await runScript(back);
    const [left] = await root.query(`SHOW GRANTS FOR '${account.user}'@'%'`);
    expect((left as object[]).map((row) => String(Object.values(row)[0]).replace(/ IDENTIFIED .*/, ""))).toEqual([
      `GRANT USAGE ON *.* TO \`${account.user}\`@\`%\``,
    ]);
  });
});

/** The account's statements in the order in which the server took them. */
async function logOf(root: Connection, user: string): Promise<Logged[]> {
  const [rows] = await root.query(
    "SELECT thread_id AS thread, UNIX_TIMESTAMP(event_time) * 1000 AS at, command_type AS kind, CONVERT(argument USING utf8mb4) AS text FROM mysql.general_log WHERE user_host LIKE ? ORDER BY event_time",
    [`${user}[%`],
  );
  return (rows as Logged[]).map((row) => ({ ...row, at: Number(row.at) }));
}
