/** A whole agent in this process between a small SQLite ERP and a gateway of its own, to be started again with another configuration. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, vi } from "vitest";
import { runAgent } from "../../agent/agent.ts";
import { enrol } from "../../agent/channel/enrol.ts";
import { storeEnrolment } from "../../agent/channel/identity.ts";
import { readStatusFile } from "../../agent/status-file.ts";
import { openStoreForReading } from "../../agent/store/open.ts";
import type { StoreReader } from "../../agent/store/store.ts";
import { silentLog } from "../../base/log.ts";
import { systemClock } from "../../base/time.ts";
import { loadConfig } from "../../config/load.ts";
import { openSecrets } from "../../config/secrets.ts";
import { type Gateway, openGateway } from "../../portal/gateway.ts";
import type { NumberedItem } from "../../protocol/changes.ts";
import type { Fields } from "../../protocol/model.ts";
import { patience } from "./agent-run.ts";
import { tempDirectory } from "./servers.ts";

export interface LivingAgent extends AsyncDisposable {
  readonly erp: DatabaseSync;
  readonly gateway: Gateway;
  readonly agentId: string;
  /** As it was started last; a command line that names it works beside the agent. */
  readonly configFile: string;
  /** Starts it with what stands below `agent:` and `erp:`; one that runs is stopped before. Returns once it is in step. */
  start(configuration: string): Promise<void>;
  stop(): Promise<void>;
  /** Waits until `look` passes. */
  until(look: () => void | Promise<void>): Promise<void>;
  /** Waits for as many items since the last call, and until nothing is to be read or sent any more: `type id`, or of a delete `type id reason`. */
  came(least?: number): Promise<string[]>;
  /** What the portal holds of a type, by id. */
  held(type: string): Promise<Record<string, Fields>>;
  /** The agent's own store. @throws before the first start */
  store<T>(look: (store: StoreReader) => T): T;
}

/** Where the parts of an agent are. */
export interface LivingPlaces {
  erpFile: string;
  state: string;
  portalUrl: string;
}

/** @param head what stands before a configuration in place of the sections `agent:` and `erp:` of one's own */
export async function livingAgent(
  erpOf: string | ((erpFile: string) => Promise<void>),
  head: (places: LivingPlaces) => string = ownHead,
): Promise<LivingAgent> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await tempDirectory()).path;
  const [state, erpFile, configFile] = ["state", "erp.db", "erpfuser.yaml"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(state);
  const erp = opened.adopt(new DatabaseSync(erpFile), (database) => database.close());
  if (typeof erpOf === "string") erp.exec(erpOf);
  else await erpOf(erpFile);
  const gateway = opened.use(await openGateway({ storePath: ":memory:", random: Math.random }));
  const secrets = openSecrets(state, { env: {} });
  const { code } = gateway.createEnrolmentCode({ stage: "live", ttlMs: 60_000 });
  const way = { portal: gateway.url, transport: { proxy: undefined, caFile: undefined, env: {} } };
  const tools = { secrets, clock: systemClock, newId: () => crypto.randomUUID(), signal: new AbortController().signal };
  const enrolment = await enrol({ ...way, ...tools }, { code, host: "erp01", agentName: "A" });
  await storeEnrolment(secrets, enrolment);
  const items: NumberedItem[] = [];
  gateway.listen((event) => {
    if (event.kind === "items") items.push(...event.applied);
  });
  const places = { erpFile, state, portalUrl: gateway.url };
  let running: { stop: AbortController; done: Promise<unknown> } | undefined;
  const stop = async (): Promise<void> => {
    running?.stop.abort();
    await running?.done;
    running = undefined;
  };
  const until = (look: () => void | Promise<void>): Promise<void> => vi.waitFor(look, patience);
  const store = <T>(look: (reader: StoreReader) => T): T => {
    using reader = openStoreForReading(state, systemClock);
    return look(reader);
  };
  opened.defer(stop);
  const rest = opened.move();
  return {
    ...{ erp, gateway, agentId: enrolment.agentId, configFile, stop, until, store },
    async start(configuration) {
      await stop();
      const text = head(places) + configuration;
      writeFileSync(configFile, text);
      const { config, faults } = await loadConfig({ text, file: configFile });
      if (config === undefined) throw new Error(JSON.stringify(faults, null, 1));
      const controller = new AbortController();
      const parts = { config, secrets, clock: systemClock, random: Math.random, log: silentLog, agentVersion: "0.1.0", env: {} };
      const startedAt = new Date(systemClock.now()).toISOString();
      running = { stop: controller, done: runAgent(parts, controller.signal) };
      await until(() => {
        const status = readStatusFile(state);
        expect(status !== undefined && status.startedAt >= startedAt && status.inStepSince, "in step").toBeTruthy();
      });
    },
    async came(least = 0) {
      await until(() => {
        expect(items.length).toBeGreaterThanOrEqual(least);
        expect(store(({ pending, outbox }) => [pending.count(), outbox.bounds().items])).toEqual([0, 0]);
      });
      const came = items.splice(0);
      return came.map((item) => `${item.type} ${item.id}${item.op === "delete" ? ` ${item.reason}` : ""}`).sort();
    },
    async held(type) {
      await gateway.settled();
      const rows = gateway.store.all<{ id: string; fields: string }>(
        "SELECT id, fields FROM entity WHERE type = ? AND deleted_at IS NULL ORDER BY id",
        type,
      );
      return Object.fromEntries(rows.map(({ id, fields }) => [id, JSON.parse(fields) as Fields]));
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

function ownHead({ erpFile, state, portalUrl }: LivingPlaces): string {
  return `
agent: { name: Living, portal: "${portalUrl}", stage: live, state: "${state}" }
erp: { connector: sqlite, file: "${erpFile}", timezone: Europe/Berlin, confirmAfter: 100ms }
`;
}
