/** A real agent side for channel tests: real store, real socket, real portal; all closed after each test. */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, vi } from "vitest";
import { type Channel, type ChannelParts, type ChannelState, createChannel } from "../../../../agent/channel/channel.ts";
import { enrol } from "../../../../agent/channel/enrol.ts";
import { type SecretStore, tokenSource } from "../../../../agent/channel/identity.ts";
import type { Connect } from "../../../../agent/channel/link.ts";
import { socketConnector } from "../../../../agent/channel/socket.ts";
import type { TransportSettings } from "../../../../agent/channel/transport.ts";
import { openStore } from "../../../../agent/store/open.ts";
import type { OutboxItem, Store } from "../../../../agent/store/store.ts";
import type { FuserError } from "../../../../base/errors.ts";
import { type Log, type LogFields, silentLog } from "../../../../base/log.ts";
import { type Clock, systemClock } from "../../../../base/time.ts";
import type { Gateway } from "../../../../portal/gateway.ts";
import { entityText } from "../../../../protocol/entity-text.ts";
import type { Refusal, Request } from "../../../../protocol/messages.ts";

export const direct: TransportSettings = { proxy: undefined, caFile: undefined, env: {} };

export function secretsInMemory(): SecretStore & { values: Map<string, string> } {
  const values = new Map<string, string>();
  return {
    values,
    get: (name) => values.get(name),
    remove: (name) => values.delete(name),
    set: (name, value) => void values.set(name, value),
  };
}

export interface Line extends LogFields {
  level: string;
  message: string;
}

export function collectingLog(): { log: Log; lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (message: string, fields?: LogFields) => void lines.push({ level, message, ...fields });
  const log: Log = { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug"), part: () => log };
  return { log, lines };
}

export const property = (key: string, name = key): OutboxItem => ({
  op: "upsert",
  type: "property",
  id: key,
  time: 1_000,
  text: entityText({ name }),
});

export interface Enrolled {
  store: Store;
  directory: string;
  secrets: SecretStore;
  gateway: Gateway;
  agentId: string;
  connect: Connect;
}

export interface Running {
  channel: Channel;
  states: ChannelState[];
  lines: Line[];
  acks: { seq: number; refused: readonly Refusal[]; names: (string | undefined)[] }[];
  epochs: string[];
  requests: Request[];
  otherHosts: string[];
  done: Promise<unknown>;
  stop(): Promise<unknown>;
  connected(): Promise<void>;
}

export type RunOptions = Partial<ChannelParts> & { agent: Enrolled; host?: string; stage?: "test" | "live" };

export function channelBench() {
  const closing: (() => unknown)[] = [];
  const folders: string[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), "erpfuser-channel-"));
    folders.push(made);
    return made;
  };
  const store = (directory = folder(), clock: Clock = systemClock): { store: Store; directory: string } => {
    const opened = openStore({ directory, clock, log: silentLog });
    closing.push(() => opened.close());
    return { store: opened, directory };
  };
  const connectTo = (at: Pick<Enrolled, "secrets" | "store">, url: string, transport = direct): Connect => {
    const token = tokenSource({ secrets: at.secrets, clock: systemClock, newId: randomUUID });
    return socketConnector({ ...transport, url, token, clock: systemClock });
  };

  return {
    folder,
    store,
    connectTo,
    keep: (close: () => unknown) => void closing.push(close),
    /** An agent enrolled at the portal, with a store of its own. */
    async enrolled(gateway: Gateway, stage: "test" | "live" = "live"): Promise<Enrolled> {
      const opened = store();
      const secrets = secretsInMemory();
      const { code } = gateway.createEnrolmentCode({ stage, ttlMs: 60_000 });
      const signal = new AbortController().signal;
      const parts = {
        portal: gateway.url,
        secrets,
        transport: direct,
        clock: systemClock,
        newId: randomUUID,
        signal,
      };
      const { agentId } = await enrol(parts, { code, host: "erp01", agentName: "Musterstadt" });
      return { ...opened, secrets, gateway, agentId, connect: connectTo({ ...opened, secrets }, gateway.url) };
    },
    run({ agent, host = "erp01", stage = "live", ...more }: RunOptions): Running {
      const { log, lines } = collectingLog();
      const running: Omit<Running, "channel" | "done" | "stop" | "connected"> = {
        lines,
        states: [],
        acks: [],
        epochs: [],
        requests: [],
        otherHosts: [],
      };
      const channel = createChannel({
        store: agent.store,
        clock: systemClock,
        random: () => 0.5,
        log,
        newId: randomUUID,
        connect: agent.connect,
        offer: () => ({
          agentVersion: "0.1.0",
          host,
          stage,
          types: [{ type: "property", fields: [{ name: "name", owner: "erp" }] }],
          commands: [{ type: "ticket.create", fields: [{ name: "title", owner: "portal" }] }],
        }),
        onAck(seq, refused) {
          running.acks.push({ seq, refused, names: refused.map((one) => agent.store.outbox.itemAt(one.seq)?.id) });
        },
        async onNewEpoch(reason) {
          running.epochs.push(reason);
        },
        async onRequest(request) {
          running.requests.push(request);
          return { outcome: "ok" };
        },
        status: () => ({ state: "active", sources: [], commands: { pending: 0, uncertain: 0 }, outbox: { items: 0, bytes: 0 } }),
        onOtherHost: (name) => void running.otherHosts.push(name),
        commitPoint: () => undefined,
        onState: (state) => void running.states.push(state),
        ...more,
        timing: { backoff: { minMs: 5, maxMs: 20 }, statusEveryMs: 5, ...more.timing },
      });
      const stopping = new AbortController();
      const done = channel.run(stopping.signal).then(
        () => undefined,
        (error: unknown) => error,
      );
      const stop = async (): Promise<unknown> => {
        stopping.abort();
        return await done;
      };
      closing.push(stop);
      return { ...running, channel, done, stop, connected: () => until(() => channel.state().name === "connected") };
    },
  };
}

/** Waits for a condition, by polling. */
export async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(
    () => {
      if (!condition()) throw new Error("not yet");
    },
    { timeout: 5_000, interval: 5 },
  );
}

/** The error that a state carries. */
export function errorOf(state: ChannelState): FuserError | undefined {
  return "error" in state ? state.error : undefined;
}
