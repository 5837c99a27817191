/**
 * The way of a command as a process of its own, to be killed: the agent's real channel, write-back, store and SQLite connector, without capture.
 * Started with one argument, a `Told` as JSON. At `killAt` it kills itself, as a power cut would.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createChannel } from "../../agent/channel/channel.ts";
import { type SecretStore, tokenSource } from "../../agent/channel/identity.ts";
import { socketConnector } from "../../agent/channel/socket.ts";
import { openStore } from "../../agent/store/open.ts";
import type { Decision } from "../../agent/writeback/decisions.ts";
import type { Compile } from "../../agent/writeback/parts.ts";
import { createWriteback } from "../../agent/writeback/writeback.ts";
import { silentLog } from "../../base/log.ts";
import { systemClock } from "../../base/time.ts";
import type { Idempotency } from "../../connectors/connector.ts";
import { sqlite } from "../../connectors/sqlite/connector.ts";

export type Way = "column" | "ledger" | "probe" | "blind";

export interface Told {
  url: string;
  directory: string;
  erpFile: string;
  /** JSON object of names and values. */
  secretsFile: string;
  way: Way;
  killAt: string | undefined;
  /** At the `nth` passing of it. */
  nth: number;
  /** Said to the write-back at the start. */
  decision: { id: string; decision: Decision } | undefined;
}

/** Secrets in a plain file: they must outlive the process, and this is a test. */
export function secretsIn(file: string): SecretStore {
  const all = (): Record<string, string> => JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
  return {
    get: (name) => all()[name],
    set: (name, value) => writeFileSync(file, JSON.stringify({ ...all(), [name]: value })),
    remove(name) {
      const { [name]: gone, ...rest } = all();
      writeFileSync(file, JSON.stringify(rest));
      return gone !== undefined;
    },
  };
}

const wayOf: Record<Way, (id: string) => Idempotency> = {
  column: (id) => ({ way: "column", table: "AUFTRAG", column: "FREMDNR", value: id }),
  ledger: (id) => ({ way: "ledger", table: "FUSER_LEDGER", commandId: id }),
  probe: (id) => ({
    way: "probe",
    sql: "SELECT NR FROM AUFTRAG WHERE FREMDNR = :command.id",
    parameters: { "command.id": id },
    exact: true,
  }),
  blind: () => ({ way: "probe", sql: "SELECT NR FROM AUFTRAG WHERE KURZTEXT = 'Heizung kalt'", parameters: {}, exact: false }),
};

const compileFor =
  (way: Way): Compile =>
  (command) => ({
    plan: {
      commandId: command.id,
      idempotency: wayOf[way](command.id),
      steps: [
        { kind: "number", as: "nr", from: { max: { table: "AUFTRAG", column: "NR", where: () => ({}) } } },
        {
          kind: "insert",
          table: "AUFTRAG",
          values: (results) => ({ NR: results.get("nr") ?? null, FREMDNR: command.id, KURZTEXT: String(command.values.title) }),
        },
      ],
      resultKey: (results) => [results.get("nr") ?? null],
      found: { nr: "NR" },
    },
    source: "tickets",
    entityOf: (key) => ({ type: "ticket", id: key }),
    numberOf: (results) => String(results.get("nr") ?? ""),
    conflicts: () => [],
    asks: () => false,
  });

async function main(told: Told): Promise<void> {
  const secrets = secretsIn(told.secretsFile);
  const store = openStore({ directory: told.directory, clock: systemClock, log: silentLog });
  const limits = { statementTimeoutMs: 5_000, lockTimeoutMs: 2_000, batchRows: 100, batchBytes: 100_000, snapshotMs: 60_000 };
  const context = { clock: systemClock, log: silentLog, limits, sessionName: "erpfuser-test" };
  const erp = await sqlite.open({ file: told.erpFile }, async () => "", context);
  let passings = 0;
  const atPoint = (point: string): void => {
    if (point === told.killAt && ++passings === told.nth) process.kill(process.pid, "SIGKILL");
  };
  const writeback = createWriteback({
    ...{ store, clock: systemClock, random: () => 0.5, log: silentLog, erp, compile: compileFor(told.way) },
    readBack: async () => undefined,
    limitsOf: () => ({ draft: false, perHour: undefined, blind: told.way === "blind" }),
    portalNow: () => channel.portalNow(),
    portalAsks: (id) => channel.asks(id),
    stage: () => "live",
    onHold: () => false,
    commitPoint: async (point) => atPoint(point),
    parallel: 4,
  });
  const channel = createChannel({
    ...{ store, clock: systemClock, random: () => 0.5, log: silentLog, newId: randomUUID },
    connect: socketConnector({
      ...{ url: told.url, proxy: undefined, caFile: undefined, env: {}, clock: systemClock },
      token: tokenSource({ secrets, clock: systemClock, newId: randomUUID }),
    }),
    offer: () => ({
      ...{ agentVersion: "0.1.0", host: "erp01", stage: "live", types: [] },
      commands: [{ type: "ticket.create", fields: [{ name: "title", owner: "portal" }] }],
    }),
    onAck: () => undefined,
    onNewEpoch: async () => undefined,
    onRequest: async () => ({ outcome: "ok" }),
    status: () => ({ state: "active", sources: [], commands: { pending: 0, uncertain: 0 }, outbox: { items: 0, bytes: 0 } }),
    onOtherHost: () => undefined,
    commitPoint: atPoint,
    timing: { backoff: { minMs: 10, maxMs: 100 }, askedWithinMs: 1_000 },
  });
  if (told.decision !== undefined) writeback.resolve(told.decision.id, told.decision.decision);
  const signal = new AbortController().signal;
  await Promise.all([writeback.run(signal), channel.run(signal)]);
}

const [, script, argument] = process.argv;
if (script === import.meta.filename && argument !== undefined) await main(JSON.parse(argument) as Told);
