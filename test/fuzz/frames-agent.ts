/** Frames to the agent: its real channel, store and socket, at a raw portal that lies. What the agent keeps and says must be what the documents allow. */
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Channel, createChannel } from "../../agent/channel/channel.ts";
import { recall } from "../../agent/channel/memory.ts";
import { socketConnector } from "../../agent/channel/socket.ts";
import { openStore } from "../../agent/store/open.ts";
import type { OutboxItem, Store } from "../../agent/store/store.ts";
import { describeError } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { systemClock } from "../../base/time.ts";
import { entityText } from "../../protocol/entity-text.ts";
import type { Fields, TypeName } from "../../protocol/model.ts";
import { type AgentCase, type AgentStep, makeAgentCase, type SentItem } from "./agent-cases.ts";
import { fitsModel, itemsOf, type Message, readStep } from "./documents.ts";
import { patienceMs } from "./limits.ts";
import { RawLink } from "./raw-link.ts";
import { bytesOf, messageStep, type RawStep, shownStep } from "./raw-steps.ts";
import { Broken, type OpenTarget, type Target } from "./target.ts";
import { readHead, upgradeAnswer } from "./wire.ts";

/** Largest JSON that the agent takes. */
const mostBytes = 16 * 1_048_576;
/** In memory where the system has such a directory: what a disk would take is not what is tried here. */
const place = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export const framesAgent = framesAgentWith((store) => store);

/** The same over a store that is spoilt: whether it is found out shows what the judge is worth. */
export function framesAgentWith(spoil: (store: Store) => Store): Target {
  return { name: "frames-agent", unit: "steps", open: () => openFramesAgent(spoil) };
}

async function openFramesAgent(spoil: (store: Store) => Store): Promise<OpenTarget<unknown>> {
  const server = createServer({ noDelay: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    make: makeAgentCase,
    show: (made) => shownCase(made as AgentCase),
    async run(made) {
      const { queued, links } = made as AgentCase;
      const directory = mkdtempSync(join(place, "erpfuser-fuzz-"));
      const talk = new Talk(server, directory, spoil);
      try {
        talk.append(queued);
        for (const script of links) if (!(await talk.converse(script))) break;
        await talk.stop();
        return links.reduce((sum, script) => sum + script.length, 0);
      } finally {
        await talk.close();
        rmSync(directory, { recursive: true, force: true });
      }
    },
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

function shownCase({ queued, links }: AgentCase): string {
  const scripts = links.map((steps, link) =>
    steps.map((step) => `link ${link}: ${step.do === "raw" ? shownStep(step.step) : JSON.stringify(step)}`),
  );
  return [`queued: ${JSON.stringify(queued)}`, ...scripts.flat()].join("\n  ");
}

/** What is known of one link. */
interface Line {
  link: RawLink;
  hello: Message;
  /** The agent has made up its mind for a new epoch before. */
  renews: boolean;
  /** Undefined until the agent was welcomed. */
  welcome: Message | undefined;
  /** How it must end; undefined while it must not. */
  over: readonly number[] | undefined;
  /** Messages judged so far, and what their `changes` said. */
  judged: number;
  heard: number;
  acked: number;
  flying: { items: number; last: number }[];
}

class Talk {
  readonly #server: Server;
  readonly #store: Store;
  readonly #stop = new AbortController();
  readonly #waiting: Socket[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #channel: Channel;
  readonly #run: Promise<unknown>;
  readonly #onSocket: (socket: Socket) => void;
  #onWaiting: (() => void) | undefined;
  /** Valid commands that were sent to it, as first sent. */
  readonly #commands = new Map<string, Message>();
  /** Those of them that nothing shows to have been read yet. */
  readonly #unread = new Set<string>();
  /** Entities in the order of their numbers, while no new epoch began. */
  #queued: SentItem[] = [];
  #dropped = 0;
  #asked = 0;
  #failure: unknown;

  constructor(server: Server, directory: string, spoil: (store: Store) => Store) {
    this.#server = server;
    this.#store = openStore({ directory, clock: systemClock, log: silentLog });
    this.#onSocket = (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => this.#sockets.delete(socket));
      this.#waiting.push(socket);
      this.#onWaiting?.();
    };
    server.on("connection", this.#onSocket);
    this.#channel = this.#open(spoil(this.#store));
    this.#run = this.#channel.run(this.#stop.signal).catch((error: unknown) => {
      this.#failure = error;
    });
  }

  #open(store: Store): Channel {
    const { port } = this.#server.address() as AddressInfo;
    let ids = 0;
    const newId = (): string => `fuzz-${String(++ids).padStart(8, "0")}`;
    const transport = { proxy: undefined, caFile: undefined, env: {} };
    const channel: Channel = createChannel({
      store,
      clock: systemClock,
      random: () => 0.5,
      log: silentLog,
      newId,
      connect: socketConnector({
        ...transport,
        url: `ws://127.0.0.1:${port}/agent`,
        token: async () => "none",
        clock: systemClock,
      }),
      offer: () => ({ agentVersion: "0-fuzz", host: "host-a", stage: "test", types: [], commands: [] }),
      onAck() {},
      async onNewEpoch(_reason, signal) {
        let pages = 0;
        for await (const _page of channel.inventory("property", {}, signal)) if (++pages > 50) return;
      },
      onRequest: async () => ({ outcome: "ok" }),
      status: () => ({ state: "active", sources: [], commands: { pending: 0, uncertain: 0 }, outbox: { items: 0, bytes: 0 } }),
      onOtherHost() {},
      commitPoint() {},
      timing: { backoff: { minMs: 2, maxMs: 5 }, statusEveryMs: 5 },
    });
    return channel;
  }

  append(items: readonly SentItem[]): void {
    if (items.length === 0 || recall(this.#store.meta).reconcile !== undefined) return;
    const made = items.map(
      ({ type, id, fields }): OutboxItem => ({
        op: "upsert",
        type: type as TypeName,
        id,
        time: 1_000,
        text: entityText(fields as Fields),
      }),
    );
    const numbers = this.#store.outbox.append(made, { bulk: false });
    for (const [index, number] of numbers.entries()) if (number !== "too-large") this.#queued.push(items[index] as SentItem);
  }

  /** Plays a script to the agent's next link; false when the agent does not come any more. */
  async converse(script: readonly AgentStep[]): Promise<boolean> {
    const link = await this.#nextLink();
    if (link === undefined) return false;
    const hello = await link.next((message) => message.type === "hello");
    if (hello === undefined) throw new Broken("the agent begins with hello", `closed with ${link.closedWith}`);
    this.#noteEpoch();
    const renews = recall(this.#store.meta).renew !== undefined;
    const line: Line = { link, hello, renews, welcome: undefined, over: undefined, judged: 0, heard: 0, acked: 0, flying: [] };
    for (const step of script) {
      await this.#do(line, step);
      if (line.over !== undefined || !link.open) break;
    }
    await this.#conclude(line);
    await link.cut();
    return true;
  }

  async #nextLink(): Promise<RawLink | undefined> {
    const deadline = performance.now() + patienceMs;
    while (this.#waiting.length === 0) {
      if (this.#failure !== undefined)
        throw new Broken("the agent's channel goes on whatever a portal says", describeError(this.#failure));
      if (performance.now() > deadline) throw new Broken("the agent comes back", JSON.stringify(this.#channel.state()));
      // It stays away for minutes where the portal said so; a person would wake it.
      const state = this.#channel.state();
      if (state.name !== "connecting" && state.name !== "connected") this.#channel.wake();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 10);
        this.#onWaiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const socket = this.#waiting.shift() as Socket;
    const { head, rest } = await readHead(socket);
    socket.write(upgradeAnswer(head));
    return new RawLink(socket, "fromAgent", rest);
  }

  async #do(line: Line, step: AgentStep): Promise<void> {
    switch (step.do) {
      case "raw":
        return await this.#say(line, step.step);
      case "welcome":
        return await this.#welcome(line, step);
      case "ack":
        await this.#settle(line);
        if (line.over !== undefined) return;
        return await this.#say(line, messageStep(this.#ackOf(line, step)));
      case "answer": {
        const asked = line.link.heard.findLast((message) => message.type === "inventory");
        const answer = { type: "answer", id: asked?.id ?? "nobody", outcome: "ok", ids: [], complete: true, ...step.change };
        return await this.#say(line, messageStep(answer));
      }
      case "sync":
        return await this.#settle(line);
      case "append":
        return this.append(step.items);
    }
  }

  #ackOf(line: Line, { beyond, refused }: AgentStep & { do: "ack" }): Message {
    const seq = Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, line.heard + beyond));
    const list = refused.map((below) => ({ seq: Math.max(0, seq - below), code: "invalid", reason: "no" }));
    return { type: "ack", seq, refused: list };
  }

  async #welcome(line: Line, { lies, last, seen }: AgentStep & { do: "welcome" }): Promise<void> {
    const { hello } = line;
    const right = Math.max(0, (hello.first as number) - 1);
    const connection = (hello.connection as number) + 1;
    const welcome = {
      ...{ type: "welcome", protocol: 1, model: 1, connection: connection + seen, seen: (hello.connection as number) + seen },
      ...{ last: last === "right" ? right : last, types: [], windowItems: 100, windowBytes: 100_000, maxFrameBytes: 65_536 },
      ...{ heartbeatSeconds: 30, now: new Date().toISOString(), ...lies },
    };
    await this.#say(line, messageStep(welcome));
  }

  /** Says it, and notes what it must lead to. */
  async #say(line: Line, step: RawStep): Promise<void> {
    const { link } = line;
    const reading = readStep(step, "fromPortal", mostBytes);
    link.do(step);
    if (reading.kind === "wire" || bytesOf(step, false).length > mostBytes) {
      line.over = [];
      await link.finish();
    } else if (reading.kind === "refuse") line.over = [4400, 4413, 1009];
    else if (reading.kind === "message") await this.#expect(line, reading.message);
  }

  /** The agent's part of the rules, once more. */
  async #expect(line: Line, message: Message): Promise<void> {
    const malformed = [4400];
    if (message.type === "bye") line.over = [1000];
    else if (line.welcome === undefined && message.type === "welcome") {
      if (message.protocol !== 1 || message.model !== 1) line.over = [4406];
      else await this.#welcomed(line, message);
    } else if (line.welcome === undefined || message.type === "welcome") line.over = malformed;
    else if (message.type === "ack") this.#acked(line, message);
    else if (message.type === "command") this.#commanded(line, message);
  }

  /** One that is said to have been received before, and was not, or of which more is said to have been told, shows a store of another time: a new epoch begins. */
  #commanded(line: Line, { again, revision, ...command }: Message): void {
    const id = command.id as string;
    const isKnown = this.#commands.has(id);
    // Nothing here carries commands out, so that nothing was ever told.
    if (again === true && (!isKnown || revision !== undefined)) {
      line.over = [];
      return;
    }
    if (isKnown) return;
    this.#commands.set(id, command as Message);
    this.#unread.add(id);
  }

  async #welcomed(line: Line, welcome: Message): Promise<void> {
    line.welcome = welcome;
    const { hello, link } = line;
    const start = await link.next((message) => message.type === "start");
    if (start === undefined) throw new Broken("a welcome is answered by start", `closed with ${link.closedWith}`);
    if (start.connection !== welcome.connection) throw new Broken("start carries the number of welcome", JSON.stringify(start));
    if (recall(this.#store.meta).connection !== welcome.connection)
      throw new Broken("the connection number is stored before start", JSON.stringify(start));
    const { first, next } = hello as unknown as { first: number; next: number };
    const last = welcome.last as number | null;
    const doubt =
      (welcome.seen as number) > (hello.connection as number) || (last !== null && (last >= next || last < first - 1));
    const renewed = start.epoch !== hello.epoch;
    if (doubt && !renewed) throw new Broken("two histories begin a new epoch", JSON.stringify({ hello, welcome, start }));
    if (!doubt && last !== null && renewed && !line.renews)
      throw new Broken("one history goes on", JSON.stringify({ hello, welcome, start }));
    if (renewed && start.renewed === undefined) throw new Broken("a new epoch says why it begins", JSON.stringify(start));
    if (renewed) this.#forget();
    const from = renewed ? 1 : (last ?? first - 1) + 1;
    if (start.next !== from) throw new Broken("start names the next number", JSON.stringify({ from, start }));
    line.heard = from - 1;
    line.acked = renewed ? 0 : first - 1;
  }

  /** A new epoch has emptied the outbox. */
  #forget(): void {
    this.#queued = [];
    this.#dropped = 0;
  }

  /** An epoch that was asked for begins with the next hello or start; the store tells. */
  #noteEpoch(): void {
    const { next } = this.#store.outbox.bounds();
    if (next - 1 !== this.#queued.length)
      throw new Broken("the outbox holds what was put into it", `${next - 1} of ${this.#queued.length}`);
  }

  #acked(line: Line, ack: Message): void {
    const seq = ack.seq as number;
    const refused = (ack.refused as { seq: number }[]).map((one) => one.seq);
    if (seq > line.heard) {
      line.over = [4400];
      return;
    }
    if (seq <= line.acked) return;
    let previous = line.acked;
    for (const number of refused) {
      if (number > seq || (number <= previous && number > line.acked)) {
        line.over = [4400];
        return;
      }
      previous = Math.max(previous, number);
    }
    line.acked = seq;
    this.#dropped = Math.max(this.#dropped, seq);
    line.flying = line.flying.filter((frame) => frame.last > seq);
  }

  /** The agent has handled all that was said, and said all that it may. */
  async #settle(line: Line): Promise<void> {
    const { link } = line;
    if (line.over === undefined && line.welcome !== undefined && link.open) {
      const id = `sync-${++this.#asked}`;
      link.do(messageStep({ type: "request", id, action: "status" }));
      const answer = await link.next((message) => message.type === "answer" && message.id === id);
      if (answer === undefined && !this.#leftByItself(line))
        throw new Broken("what the documents allow is not refused", `closed with ${link.closedWith}`);
      if (answer === undefined) line.over = [];
      else this.#unread.clear();
    }
    this.#judge(line);
  }

  /** It may end the link by its own will: to begin a new epoch, or because a task of it failed. Both are no refusal. */
  #leftByItself({ link }: Line): boolean {
    return link.closedWith === 1011 || link.heard.some((message) => message.type === "bye");
  }

  #judge(line: Line): void {
    const { link, welcome } = line;
    for (const message of link.heard.slice(line.judged)) {
      line.judged += 1;
      if (message.type === "received") this.#judgeReceived(message);
      if (message.type !== "changes") continue;
      const limits = welcome as unknown as { windowItems: number; windowBytes: number; maxFrameBytes: number };
      const items = itemsOf(message);
      if (message.from !== line.heard + 1) throw new Broken("numbers follow each other", `${message.from} after ${line.heard}`);
      line.heard += items.length;
      const flying = line.flying.reduce((sum, frame) => sum + frame.items, 0);
      if (line.flying.length > 0 && flying + items.length > limits.windowItems)
        throw new Broken("no more flies than the window allows", `${flying} + ${items.length}`);
      line.flying.push({ items: items.length, last: line.heard });
      const bytes = Buffer.byteLength(JSON.stringify(message));
      if (bytes > limits.maxFrameBytes)
        throw new Broken("no frame is larger than the portal takes", `${bytes} of ${limits.maxFrameBytes}`);
      for (const item of items) {
        const due = this.#queued[item.seq - 1];
        const same = due !== undefined && due.type === item.type && due.id === item.id && sameJson(due.fields, item.fields);
        if (!same) throw new Broken("what was put into the outbox is what is sent", JSON.stringify({ due, item }));
        if (!fitsModel(item.type, item.fields)) throw new Broken("every item fits the model", JSON.stringify(item));
      }
    }
  }

  #judgeReceived({ id }: Message): void {
    if (this.#store.inbox.get(id as string) === undefined)
      throw new Broken("a command is stored before it is received", String(id));
  }

  async #conclude(line: Line): Promise<void> {
    const { link } = line;
    await this.#settle(line);
    if (line.over !== undefined) {
      const code = await link.ended();
      const known = line.over.length === 0 || line.over.includes(code) || code === 1006 || this.#leftByItself(line);
      if (!known)
        throw new Broken("a link ends with the code that the documents name", `${code} in place of ${line.over.join(" or ")}`);
    }
    this.#judge(line);
    // A link that the agent ended by its own will may have ended before it read the last commands.
    if (this.#leftByItself(line))
      for (const id of this.#unread) if (this.#store.inbox.get(id) === undefined) this.#commands.delete(id);
    this.#unread.clear();
    this.#judgeStore();
  }

  #judgeStore(): void {
    const { first } = this.#store.outbox.bounds();
    if (recall(this.#store.meta).renew === undefined && first - 1 > this.#dropped)
      throw new Broken("a frame is dropped only after the portal's ack", `first is ${first}, acked were ${this.#dropped}`);
    const kept = this.#store.inbox.list({ limit: 10_000 });
    for (const command of kept) {
      const sent = this.#commands.get(command.id);
      if (sent === undefined) throw new Broken("nothing of a refused frame is stored", command.id);
      if (command.command !== undefined && !sameJson(command.command, sent))
        throw new Broken("a command is stored as it was sent", JSON.stringify({ sent, kept: command.command }));
    }
    if (kept.length !== this.#commands.size) {
      const lost = [...this.#commands.keys()].find((id) => !kept.some((command) => command.id === id));
      throw new Broken("a command is stored once", `${kept.length} of ${this.#commands.size}, ${lost} is not there`);
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    const late = new Promise<string>((resolve) => setTimeout(resolve, patienceMs, "late").unref());
    if ((await Promise.race([this.#run, late])) === "late")
      throw new Broken("the agent ends when it is told to", JSON.stringify(this.#channel.state()));
    if (this.#failure !== undefined)
      throw new Broken("the agent's channel goes on whatever a portal says", describeError(this.#failure));
  }

  async close(): Promise<void> {
    this.#server.off("connection", this.#onSocket);
    this.#stop.abort();
    for (const socket of this.#sockets) socket.destroy();
    await this.#run;
    this.#store.close();
  }
}

function sameJson(one: unknown, other: unknown): boolean {
  return sorted(one) === sorted(other);
}

/** JSON with sorted keys. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
