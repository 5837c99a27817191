/** The real gateway as a process of its own, with ears: `bench/portal-helper.ts STORE PORT`. */
import { type Gateway, openGateway } from "../portal/gateway.ts";
import type { Changes } from "../protocol/messages.ts";
import { answerCalls } from "./call.ts";
import { wallMs } from "./machine.ts";
import { tapSockets } from "./wire-tap.ts";

const [storePath = "", port = "0"] = process.argv.slice(2);
const tap = tapSockets();
const gateway = await openGateway({ storePath, port: Number(port), random: Math.random });
const connected = Promise.withResolvers<string>();
gateway.listen((event) => {
  if (event.kind === "connected") connected.resolve(event.agentId);
});
const arrivals = recordArrivals(gateway);

answerCalls({
  address: () => gateway.url,
  code: () => gateway.createEnrolmentCode({ stage: "live", ttlMs: 600_000 }).code,
  connected: () => connected.promise,
  bytesIn: () => tap.bytesIn(),
  acked: () => tap.acked(),
  reached: (seq: number) => tap.reached(seq),
  compare: async (source: string) =>
    gateway.request(await connected.promise, { action: "sync", source, full: true }, AbortSignal.timeout(10_000)),
  record: (on: boolean) => arrivals.record(on),
  arrivals: () => arrivals.all(),
  async command(order: Parameters<Gateway["issue"]>[1]) {
    const agentId = await connected.promise;
    const from = wallMs();
    const id = gateway.issue(agentId, order);
    const { at } = await tap.settled(id);
    return { ms: at - from, outcome: gateway.command(id)?.outcome };
  },
});

process.once("SIGTERM", () => void gateway.close().then(() => process.disconnect?.()));

/** When each entity was first acked while recording. */
function recordArrivals({ hooks }: Gateway) {
  const flying: { last: number; ids: string[] }[] = [];
  const durableAt = new Map<string, number>();
  tap.onAck((seq, at) => {
    while (flying[0] !== undefined && flying[0].last <= seq) {
      for (const id of flying.shift()?.ids ?? []) if (!durableAt.has(id)) durableAt.set(id, at);
    }
  });
  const note = (frame: Changes): void => {
    const ids = frame.tables.flatMap(({ rows }) => rows.map((row) => row[0] as string));
    flying.push({ last: frame.from + ids.length - 1, ids });
  };
  return {
    record(on: boolean): void {
      durableAt.clear();
      hooks.message = on
        ? (message) => {
            if (message.type === "changes") note(message);
            return undefined;
          }
        : undefined;
    },
    all: (): [string, number][] => [...durableAt],
  };
}
