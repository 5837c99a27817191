import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Compiled, tryCompile } from "../../../agent/compile.ts";
import { silentLog } from "../../../base/log.ts";
import { systemClock } from "../../../base/time.ts";
import type { Config } from "../../../config/config.ts";
import { loadConfig } from "../../../config/load.ts";
import type { Connector, WriteOutcome } from "../../../connectors/connector.ts";
import { connectors } from "../../../connectors/registry.ts";
import { fieldsOf } from "../../../protocol/entity-text.ts";
import type { Command } from "../../../protocol/messages.ts";
import type { Json, TypeName } from "../../../protocol/model.ts";
import { type ErpConfigOptions, erpConfig } from "../../support/erp/config.ts";
import type { ErpDb } from "../../support/erp/db.ts";
import { generateErp } from "../../support/erp/generate.ts";
import { createLife } from "../../support/erp/life.ts";
import { openErp } from "../../support/erp/open.ts";
import { consultOracle } from "../../support/erp/oracle.ts";
import { seededRandom } from "../../support/erp/random.ts";
import { createLedger } from "../../support/erp/schema.ts";
import type { MariaDb } from "../../support/mariadb.ts";
import { has, mariadb, postgres, tempDirectory } from "../../support/servers.ts";

const signal = new AbortController().signal;
const limits = { statementTimeoutMs: 30_000, lockTimeoutMs: 2_000, batchRows: 500, batchBytes: 1_000_000, snapshotMs: 60_000 };
const clock = { now: () => Date.UTC(2026, 10, 24, 9) };
const common = { portalUrl: "ws://127.0.0.1:1/agent", state: "/nowhere" };

async function configOf(options: ErpConfigOptions): Promise<Config> {
  const loaded = await loadConfig({ text: erpConfig(options), file: "/nowhere/erpfuser.yaml" });
  if (!loaded.config) throw new Error(`the sample configuration has faults: ${JSON.stringify(loaded.faults, null, 1)}`);
  return loaded.config;
}

describe("The sample configuration", () => {
  test.each(["sqlite", "mysql", "postgres"] as const)("is without fault in every variant, on %s", async (dialect) => {
    const connection =
      dialect === "sqlite" ? ["file: /nowhere/erp.db"] : serverLines({ host: "127.0.0.1", port: 3306, database: "erp" });
    for (const idempotency of ["column", "ledger", "probe"] as const) {
      const config = await configOf({ ...common, dialect, connection, idempotency });
      expect(config.commands.map(({ name }) => name)).toEqual([
        "ticket.create",
        "ticket.update",
        "ticket.close",
        "message.create",
      ]);
      expect(config.sources).toHaveLength(13);
    }
  });
});

function serverLines(at: { host: string; port: number; database: string; user?: string }): string[] {
  const { host, port, database, user = "root" } = at;
  return [`server: ${host}`, `port: ${port}`, `database: ${database}`, `user: ${user}`, "password: { secret: erp }"];
}

interface Company {
  erp: ErpDb;
  connector: Connector;
  config: Config;
  place: Pick<ErpConfigOptions, "dialect" | "connection">;
  end(): PromiseLike<void>;
}

const places: readonly { name: string; installed: () => boolean; start: () => Promise<Company> }[] = [
  {
    name: "SQLite",
    installed: () => true,
    start: async () => {
      const home = await tempDirectory();
      const file = `${home.path}/erp.db`;
      const erp = openErp(file);
      const place = { dialect: "sqlite", connection: [`file: ${file}`] } as const;
      const config = await configOf({ ...common, ...place });
      return { erp, config, place, connector: await open(config, ""), end: () => home[Symbol.asyncDispose]() };
    },
  },
  {
    name: "MariaDB",
    installed: () => has("mariadb"),
    start: async () => {
      const server: MariaDb = await mariadb();
      const at = await server.createDatabase("company");
      const erp = openErp(`mysql://${at.user}:${at.password}@${at.host}:${at.port}/${at.database}`);
      const place = { dialect: "mysql", connection: serverLines(at) } as const;
      const config = await configOf({ ...common, ...place });
      return { erp, config, place, connector: await open(config, at.password), end: () => server.stop() };
    },
  },
  {
    name: "PostgreSQL",
    installed: () => has("postgres"),
    start: async () => {
      const server = await postgres();
      const at = await server.createDatabase("company");
      const erp = openErp(`postgres://${at.user}:${at.password}@${at.host}:${at.port}/${at.database}`);
      const place = { dialect: "postgres", connection: serverLines(at) } as const;
      const config = await configOf({ ...common, ...place });
      return { erp, config, place, connector: await open(config, at.password), end: () => server.stop() };
    },
  },
];

async function open(config: Config, password: string): Promise<Connector> {
  const module = connectors[config.erp.connector];
  if (!module) throw new Error(`no connector ${config.erp.connector}`);
  const context = { clock: systemClock, log: silentLog, limits, sessionName: "test" };
  return module.open(config.erp.settings, async () => password, context);
}

async function compiledOf({ config, connector }: Pick<Company, "config" | "connector">): Promise<Compiled> {
  const { compiled, faults } = await tryCompile(config, connector, signal);
  if (!compiled) throw new Error(JSON.stringify(faults, null, 1));
  return compiled;
}

/** What an agent would send at its first sync: every row mapped once, parents first, children of what is missing held back. */
async function firstSync(company: Company, store: DatabaseSync): Promise<{ faulty: number; held: number }> {
  const known = new Set<string>();
  const idOf = (type: TypeName, id: string): string => `${type} ${id}`;
  const put = store.prepare("INSERT INTO entity VALUES ('a1', ?, ?, ?, NULL)");
  const counts = { faulty: 0, held: 0 };
  store.exec("DELETE FROM entity; BEGIN");
  const { mappings } = await compiledOf(company);
  for (const mapping of [...mappings].sort((left, right) => left.rank - right.rank)) {
    for await (const batch of company.connector.scan(mapping.query, signal)) {
      for (let index = 0; index < batch.length; index++) {
        const mapped = mapping.map(
          batch.row(index),
          batch.key(index) ?? "",
          (parent) => !known.has(idOf(parent.type, parent.id)),
        );
        if (mapped.kind === "faulty") counts.faulty++;
        if (mapped.kind !== "entity") continue;
        if (mapped.parents.some(({ missing, type, id }) => missing === "hold" && !known.has(idOf(type, id)))) {
          counts.held++;
          continue;
        }
        known.add(idOf(mapping.type, mapped.id));
        put.run(mapping.type, mapped.id, JSON.stringify(fieldsOf(mapped.text)));
      }
    }
  }
  store.exec("COMMIT");
  return counts;
}

describe.each(places)("Loader, connector and mapping on the sample ERP, on $name", ({ installed, start }) => {
  let company: Company;
  beforeAll(async () => {
    if (installed()) company = await start();
  });
  afterAll(async () => {
    await company?.connector.close();
    await company?.erp.close();
    await company?.end();
  });

  test.skipIf(!installed())("make exactly the entities that the oracle expects, before and after a life", async () => {
    await using home = await tempDirectory();
    const portalStore = `${home.path}/portal.db`;
    using store = new DatabaseSync(portalStore);
    store.exec("CREATE TABLE entity (agent_id TEXT, type TEXT, id TEXT, fields TEXT, deleted_at INTEGER)");
    const { erp } = company;
    const manifest = await generateErp(erp, { units: 450, seed: 31 });
    const counts = await firstSync(company, store);
    expect(counts.faulty).toBe(manifest.badRows.invalidDate.length + manifest.badRows.unknownStatus.length);
    expect(counts.held).toBeGreaterThan(manifest.badRows.missingBuilding.length);
    const first = await consultOracle({ erp, portalStore, unjudged: true });
    expect(first).toMatchObject({ mismatches: 0, details: [] });
    expect(first.entities.unit).toBe(450 - manifest.badRows.missingBuilding.length);
    const life = createLife({ db: erp, random: seededRandom(13), clock });
    for (let index = 0; index < 300; index++) await life.step();
    await firstSync(company, store);
    expect(await consultOracle({ erp, portalStore, unjudged: true })).toMatchObject({ mismatches: 0, details: [] });
  });

  test.skipIf(!installed()).each(["column", "ledger", "probe"] as const)(
    "carry out the portal's commands, recognised by %s",
    async (idempotency) => {
      const { erp, connector } = company;
      await generateErp(erp, { units: 30, seed: 3 });
      await createLedger(erp);
      const config = await configOf({ ...common, ...company.place, idempotency });
      const { commands } = await compiledOf({ config, connector });
      let issued = 0;
      const send = async (command: string, values: Record<string, Json>, rest: Partial<Command> = {}): Promise<WriteOutcome> => {
        const message: Command = {
          type: "command",
          id: `CMD${idempotency}0000${++issued}`,
          command,
          values,
          issuedAt: "2026-11-24T09:00:00Z",
          ...rest,
        };
        const context = { now: clock.now(), mayBeRepeated: false, rehearse: false, resolve: () => undefined };
        const plan = commands.get(command)?.plan(message, context);
        if (!plan || "rejected" in plan) throw new Error(JSON.stringify(plan));
        const outcome = await connector.write(plan, signal);
        if (command.endsWith(".create"))
          expect(await connector.write({ ...plan, mayBeRepeated: true }, signal)).toMatchObject({
            state: "applied",
            repeated: true,
          });
        return outcome;
      };
      const title = "Wasserschaden in der Küche 🚿, die Decke tropft seit heute";
      const unit = { unitId: "001.000010.001.0001", reporterId: "001.00000001.1" };
      const created = await send("ticket.create", { title, description: "Bitte kommen", category: "SANI", ...unit });
      expect(created).toMatchObject({ state: "applied", repeated: false });
      const key = created.state === "applied" ? created.key : "";
      const entity = { entity: { type: "ticket", id: key } };
      const read = () => erp.query("SELECT * FROM AUFTRAG WHERE FREMDNR = ?", [`CMD${idempotency}00001`]);
      expect(await read()).toMatchObject([
        { MELDER: "00000001", WOHNNR: "0001", STATUS: "0", ANLDAT: 20_261_124, ANLZEIT: 100_000, AENDTS: "2026-11-24 10:00:00" },
      ]);
      const text = await erp.query("SELECT ART, ZEILE FROM AUFTRTEXT WHERE MANDANT = '001' AND AUFTRNR = ?", [
        key.split(".")[1] ?? "",
      ]);
      expect(`${(await read())[0]?.KURZTEXT} ${text[0]?.ZEILE}`).toBe(`${title}\nBitte kommen`);
      expect(await send("message.create", { ticketId: key, body: "Es wird mehr" })).toMatchObject({ state: "applied" });
      expect(await erp.query("SELECT ART, ZEILE FROM AUFTRTEXT WHERE FREMDNR = ?", [`CMD${idempotency}00002`])).toEqual([
        { ART: "N", ZEILE: "Es wird mehr" },
      ]);
      const change = { priority: "high", status: "in-progress" };
      expect(await send("ticket.update", change, { ...entity, base: { priority: "normal", status: "open" } })).toMatchObject({
        state: "applied",
      });
      expect(await read()).toMatchObject([{ PRIO: "1", STATUS: "1" }]);
      expect(await send("ticket.update", { status: "open" }, { ...entity, base: { status: "closed" } })).toMatchObject({
        state: "conflict",
      });
      expect(await send("ticket.close", {}, { ...entity, base: { status: "in-progress" } })).toMatchObject({ state: "applied" });
      expect(await read()).toMatchObject([{ STATUS: "9", ERLDAT: 20_261_124, ERLZEIT: 100_000 }]);
    },
  );
});
