import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Connection, createConnection, type RowDataPacket } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { enrol } from "../../agent/channel/enrol.ts";
import { grantNeeds } from "../../agent/grant-needs.ts";
import { systemClock } from "../../base/time.ts";
import { parseConfig } from "../../config/load.ts";
import { openSecrets } from "../../config/secrets.ts";
import type { MysqlSettings } from "../../connectors/mysql/config.ts";
import { mysql } from "../../connectors/mysql/connector.ts";
import { type Gateway, openGateway } from "../../portal/gateway.ts";
import { patience, type Run, watch } from "../support/agent-run.ts";
import { exampleTables } from "../support/example-schema.ts";
import type { MariaDb, MariaDbAccess } from "../support/mariadb.ts";
import { has, mariadb, type TemporaryDirectory, tempDirectory } from "../support/servers.ts";
import { contextOf, never } from "./erp/subject.ts";

/** The agent's own process on tables in the shape of Dolibarr's, by the preset, a few lines of an admin's file and the rights of the printed script. */
describe.skipIf(!has("mariadb"))("the Dolibarr preset", () => {
  let server: MariaDb;
  let folder: TemporaryDirectory;
  let gateway: Gateway;
  let dolibarr: Connection;
  let agentId: string;
  let run: Run;

  beforeAll(async () => {
    [server, folder] = await Promise.all([mariadb(), tempDirectory()]);
    const at = await server.createDatabase("dolibarr");
    dolibarr = await createConnection({ ...at, multipleStatements: true, dateStrings: true });
    await dolibarr.query(await exampleTables("dolibarr"));
    gateway = await openGateway({ storePath: join(folder.path, "portal.db"), random: Math.random });
    const state = join(folder.path, "state");
    const file = join(folder.path, "erpfuser.yaml");
    await mkdir(state);
    const text = `preset: dolibarr
agent: { name: Dolibarr, portal: "${gateway.url}", stage: live, state: "${state}" }
erp:
  server: ${at.host}
  port: ${at.port}
  database: dolibarr
  user: fuser
  password: { secret: erp-password }
  timezone: Europe/Berlin
  confirmAfter: 300ms
vars: { user: "3" }
sources:
  tickets: { changes: { every: 100ms, compare: 15m } }
  messages: { changes: { column: tms, every: 100ms, compare: 15m } }
`;
    await writeFile(file, text);
    await grant(text, at);
    const secrets = openSecrets(state);
    await secrets.set("erp-password", at.password);
    const { code } = gateway.createEnrolmentCode({ stage: "live", ttlMs: 60_000 });
    const parts = {
      clock: systemClock,
      newId: randomUUID,
      signal: AbortSignal.timeout(patience.timeout),
      portal: gateway.url,
      secrets,
    };
    const transport = { proxy: undefined, caFile: undefined, env: {} };
    agentId = (await enrol({ ...parts, transport }, { code, host: "test", agentName: "Dolibarr" })).agentId;
    run = watch(spawn(process.execPath, ["agent/main.ts", "--config", file, "--json", "run"], { stdio: "pipe" }), (said) => said);
  });
  /** The account has what `erpfuser grants` prints, and no more. */
  async function grant(text: string, at: MariaDbAccess): Promise<void> {
    await dolibarr.query("CREATE USER 'fuser'@'%' IDENTIFIED BY ?", [at.password]);
    const { config } = parseConfig({ text, file: "/nowhere/erpfuser.yaml" });
    if (config === undefined) throw new Error("The preset has faults");
    const settings = { ...(config.erp.settings as MysqlSettings), user: "root" };
    const root = await mysql.open(settings, async () => at.password, contextOf());
    const needs = grantNeeds(config, await root.describe(never));
    const lines = mysql.grants?.(config.erp.settings as MysqlSettings)("grant", needs, undefined) ?? [];
    await root.close();
    for (const line of lines) if (!line.startsWith("--")) await dolibarr.query(line);
  }

  afterAll(async () => {
    await run?.stop();
    await gateway?.close();
    await dolibarr?.end();
    await server?.stop();
    await folder?.[Symbol.asyncDispose]();
  });

  const rows = async (sql: string, values: unknown[] = []): Promise<RowDataPacket[]> =>
    (await dolibarr.query<RowDataPacket[]>(sql, values))[0];
  /** What the portal holds of a type, by id. */
  function held(type: string): Record<string, Record<string, unknown>> {
    using portal = new DatabaseSync(join(folder.path, "portal.db"), { readOnly: true, timeout: 5_000 });
    const found = portal.prepare("SELECT id, fields FROM entity WHERE type = ? AND deleted_at IS NULL").all(type);
    return Object.fromEntries(found.map(({ id, fields }) => [String(id), JSON.parse(String(fields))]));
  }
  const portalHas = (type: string, wanted: object): Promise<void> =>
    vi.waitFor(async () => {
      await gateway.settled();
      expect(held(type)).toMatchObject(wanted);
    }, patience);
  const monthInBerlin = new Intl.DateTimeFormat("en-US", { timeZone: "Europe/Berlin", year: "2-digit", month: "2-digit" });

  it("brings tickets with their reporter, what was said on them, people and categories of one company of the installation", async () => {
    await portalHas("ticket", {
      1: {
        number: "TS2510-0041",
        kind: "damage",
        title: "Lift",
        description: "It stands",
        status: "in-progress",
        priority: "high",
        reporterId: "company:7",
        createdAt: "2025-10-01T07:00:00Z",
      },
      2: { kind: "request", title: "(no subject)", status: "open", reporterId: null },
    });
    await portalHas("message", {
      1: { ticketId: "1", body: "We come tomorrow", visibility: "tenant", createdAt: "2025-10-01T08:00:00Z" },
      2: { visibility: "internal" },
    });
    await portalHas("person", { "company:7": { companyName: "Wohnbau eG" }, "contact:12": { lastName: "Müller" } });
    expect(Object.keys(held("message"))).toEqual(["1", "2"]);
    expect(Object.keys(held("person"))).toHaveLength(2);
    await portalHas("serviceProvider", { 8: { name: "Rohr GmbH" } });
    await portalHas("teamMember", { 1: { name: "admin" }, 3: { name: "Hans Wart" } });
    await portalHas("catalogEntry", { 1: { code: "HEAT", active: true } });
  }, 120_000);

  it("makes tickets that are valid for Dolibarr, counts their numbers on, and brings its own changes and comments back", async () => {
    const values = { kind: "damage", title: "Heizung kalt", description: "Seit gestern", category: "HEAT", priority: "urgent" };
    const first = gateway.issue(agentId, { command: "ticket.create", values: { ...values, reporterId: "contact:12" } });
    const second = gateway.issue(agentId, { command: "ticket.create", values: { ...values, reporterId: "company:7" } });
    const [month = "", year = ""] = monthInBerlin.format(Date.now()).split("/");
    const prefix = `TS${year}${month}-`;
    await vi.waitFor(async () => expect(await rows("SELECT 1 FROM llx_ticket")).toHaveLength(4), patience);
    const made = await rows("SELECT * FROM llx_ticket WHERE track_id IN (?) ORDER BY ref", [[first, second]]);
    const common = {
      fk_soc: 7,
      fk_user_create: 3,
      subject: "Heizung kalt",
      message: "Seit gestern",
      fk_statut: 0,
      progress: 0,
      entity: 1,
    };
    expect(made).toMatchObject([
      { ...common, ref: `${prefix}0042`, type_code: "ISSUE", category_code: "HEAT", severity_code: "BLOCKING" },
      { ...common, ref: `${prefix}0043` },
    ]);
    const ids = Object.fromEntries(made.map(({ track_id, rowid }) => [track_id, Number(rowid)]));
    const [ofContact, ofCompany] = [ids[first] as number, ids[second] as number];
    expect(await rows("SELECT element_id, fk_c_type_contact, fk_socpeople, statut FROM llx_element_contact")).toEqual([
      { element_id: ofContact, fk_c_type_contact: 155, fk_socpeople: 12, statut: 4 },
    ]);
    const events = await rows("SELECT * FROM llx_actioncomm WHERE code = 'AC_TICKET_CREATE' ORDER BY id");
    expect(events.map(({ fk_element }) => fk_element).sort()).toEqual([ofContact, ofCompany].sort());
    for (const { id, ref, elementtype, fk_user_author } of events)
      expect({ ref, elementtype, fk_user_author }).toEqual({ ref: String(id), elementtype: "ticket", fk_user_author: 3 });
    await portalHas("ticket", {
      [ofContact]: { title: "Heizung kalt", status: "open", priority: "urgent", reporterId: "contact:12" },
      [ofCompany]: { reporterId: "company:7" },
    });

    await dolibarr.query("UPDATE llx_ticket SET fk_statut = 3, fk_user_assign = 3 WHERE rowid = ?", [ofContact]);
    await dolibarr.query(
      "INSERT INTO llx_actioncomm (ref, datep, code, label, note, fk_element, elementtype) VALUES ('900', NOW(), 'TICKET_MSG', 'Re', '<div>Termin morgen</div>', ?, 'ticket')",
      [ofContact],
    );
    await portalHas("ticket", { [ofContact]: { status: "in-progress", assigneeId: "3" } });
    const [answer] = await rows("SELECT id FROM llx_actioncomm WHERE ref = '900'");
    await portalHas("message", { [answer?.id]: { ticketId: String(ofContact), body: "Termin morgen", visibility: "tenant" } });
  }, 120_000);

  it("writes comments and closes tickets as Dolibarr does", async () => {
    const said = gateway.issue(agentId, {
      command: "message.create",
      values: { ticketId: "1", body: "Danke!", visibility: "tenant" },
    });
    gateway.issue(agentId, {
      command: "ticket.close",
      entity: { type: "ticket", id: "1" },
      values: {},
      base: { status: "in-progress" },
    });
    await vi.waitFor(async () => {
      const [event] = await rows("SELECT id, ref, code, note, fk_element FROM llx_actioncomm WHERE ref_ext = ?", [said]);
      expect(event).toMatchObject({ ref: String(event?.id), code: "TICKET_MSG", note: "Danke!", fk_element: 1 });
      const [ticket] = await rows("SELECT fk_statut, date_close FROM llx_ticket WHERE rowid = 1");
      expect(ticket).toMatchObject({ fk_statut: 8, date_close: expect.stringMatching(/^\d{4}-/) });
    }, patience);
    await portalHas("ticket", { 1: { status: "closed" } });
  }, 120_000);
});
