/** The gateway under many agents, and its bare store: a helper process of the bench, `bench/gateway-portal.ts DIRECTORY`. */
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { type Gateway, openGateway } from "../portal/gateway.ts";
import { journalIn } from "../portal/journal.ts";
import { Store } from "../portal/store.ts";
import { answerCalls } from "./call.ts";

const [directory = ""] = process.argv.slice(2);
let gateway: Gateway | undefined;

/** Durable commits of the gateway's store; what is applied to the tables goes another way. */
let commits = 0;
const transaction = Store.prototype.transaction;
Store.prototype.transaction = function <T>(this: Store, action: () => T): T {
  commits += 1;
  return transaction.call(this, action) as T;
};

interface Payload {
  /** Frames of one agent as they are received, base64. */
  frames: string[];
  agents: number;
  /** How many frames go into one commit. */
  perCommit: number;
}

/** Milliseconds that the store needs for the frames of all agents alone: the statement of the journal and full commits, nothing else. */
function commitBare(name: string, { frames, agents, perCommit }: Payload): number {
  using store = new Store(join(directory, `${name}.db`));
  const journal = journalIn(store);
  const payload = frames.map((frame) => Buffer.from(frame, "base64"));
  const all = payload.flatMap((frame, index) => Array.from({ length: agents }, (_, agent) => ({ frame, index, agent })));
  const from = performance.now();
  for (let at = 0; at < all.length; at += perCommit) {
    store.transaction(() => {
      for (const { frame, index, agent } of all.slice(at, at + perCommit)) {
        const entry = { agentId: `agent-${agent}-of-the-bench`, epoch: "epoch-0001", first: index + 1, refused: [], frame };
        journal.write(entry, { at: 0, deletes: false });
      }
    });
  }
  return performance.now() - from;
}

answerCalls({
  async open(name: string) {
    gateway = await openGateway({ storePath: join(directory, `${name}.db`), random: Math.random });
    return gateway.httpUrl;
  },
  code: () => gateway?.createEnrolmentCode({ stage: "test", ttlMs: 600_000 }).code,
  commits: () => commits,
  cpuUs: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  /** Milliseconds until all that was acked stands in the tables. */
  async settled() {
    const from = performance.now();
    await gateway?.settled();
    return performance.now() - from;
  },
  close: () => gateway?.close(),
  bare: ({ name, payload }: { name: string; payload: Payload }) => commitBare(name, payload),
});

process.once("SIGTERM", () => process.disconnect?.());
