/** Frames to the portal: a raw agent speaks with the real gateway over real sockets, and the gateway's own answers must tell what the documents say it holds. */
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createConnection } from "node:net";
import { SignJWT } from "jose";
import type { Log } from "../../base/log.ts";
import { type Gateway, openGateway } from "../../portal/gateway.ts";
import type { Hooks } from "../../portal/settings.ts";
import type { EnrolResponse } from "../../protocol/enrolment.ts";
import { entityDigest } from "../support/schema-only.ts";
import { type Message, readStep, typeNames } from "./documents.ts";
import { GatewayModel, type Held, type Limits, liveEntities } from "./gateway-model.ts";
import { makePortalCase, type PortalCase, type PortalStep } from "./portal-cases.ts";
import { RawLink } from "./raw-link.ts";
import { bytesOf, messageStep, type RawStep, shownStep } from "./raw-steps.ts";
import { Broken, type OpenTarget, type Target } from "./target.ts";
import { readHead, upgradeRequest } from "./wire.ts";

const limits: Limits = { windowItems: 200, windowBytes: 200_000, maxFrameBytes: 65_536 };

export const framesPortal = framesPortalWith({});

/** The same against a portal that lies: whether it is found out shows what the judge is worth. */
export function framesPortalWith(hooks: Hooks): Target {
  return { name: "frames-portal", unit: "steps", open: () => openFramesPortal(hooks) };
}

async function openFramesPortal(hooks: Hooks): Promise<OpenTarget<unknown>> {
  const failures: string[] = [];
  const log: Log = { error: (text) => void failures.push(text), warn() {}, info() {}, debug() {}, part: () => log };
  const gateway = await openGateway({
    storePath: ":memory:",
    random: Math.random,
    log,
    limits,
    hooks: { allowUnoffered: true, ...hooks },
  });
  const forget = rowsOf(gateway);
  return {
    make: makePortalCase,
    show: (made) => (made as PortalCase).steps.map(shownPortalStep).join("\n  "),
    async run(made) {
      const { steps } = made as PortalCase;
      const agent = await enrolRaw(gateway);
      const talk = new Talk(gateway, agent);
      try {
        for (const step of steps) {
          await talk.do(step);
          if (talk.ambiguous) break;
        }
        await talk.conclude();
        if (failures.length > 0) throw new Broken("the portal never fails", failures.splice(0).join("\n"));
        return steps.length;
      } finally {
        await talk.cut();
        forget(agent.id);
      }
    },
    [Symbol.asyncDispose]: () => gateway.close(),
  };
}

function shownPortalStep(step: PortalStep): string {
  return `link ${step.on}: ${step.do === "raw" ? shownStep(step.step) : JSON.stringify(step)}`;
}

/** Removes what the store holds of an agent, so that a long run needs no more room than a short one. */
function rowsOf({ store }: Gateway): (agentId: string) => void {
  const tables = store.all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").flatMap(({ name }) => {
    const columns = store.all<{ name: string }>(`SELECT name FROM pragma_table_info('${name}')`).map((column) => column.name);
    const column = name === "agent" ? "id" : columns.includes("agent_id") ? "agent_id" : undefined;
    return column === undefined ? [] : [`DELETE FROM ${name} WHERE ${column} = ?`];
  });
  return (agentId) => {
    for (const sql of tables) store.run(sql, agentId);
  };
}

interface RawAgent {
  id: string;
  connect(): Promise<RawLink>;
}

async function enrolRaw(gateway: Gateway): Promise<RawAgent> {
  const { code } = gateway.createEnrolmentCode({ stage: "test", ttlMs: 60_000 });
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const body = JSON.stringify({ code, publicKey: publicKey.export({ format: "jwk" }).x, host: "host-a", agentName: "Fuzz" });
  const headers = { "content-type": "application/json" };
  const enrolment = (await (await fetch(`${gateway.httpUrl}/enrol`, { method: "POST", headers, body })).json()) as EnrolResponse;
  const { hostname, port, host, pathname } = new URL(enrolment.channel);
  return {
    id: enrolment.agentId,
    async connect() {
      const claims = new SignJWT({ jti: randomUUID() }).setProtectedHeader({ alg: "EdDSA" }).setSubject(enrolment.agentId);
      const token = await claims.setAudience(enrolment.audience).setIssuedAt().sign(privateKey);
      const socket = createConnection({ host: hostname, port: Number(port), noDelay: true });
      socket.write(upgradeRequest({ path: pathname, host, token }));
      const { head, rest } = await readHead(socket);
      if (!head.startsWith("HTTP/1.1 101")) throw new Broken("a good token opens a link", head);
      return new RawLink(socket, "fromPortal", rest);
    },
  };
}

interface Line {
  link: RawLink;
  /** Messages heard that were judged. */
  judged: number;
  /** Items and bytes of `changes` since all was known to be acked. */
  unacked: { items: number; bytes: number };
}

/** One case under way: what is said goes to the portal and to the model alike. */
class Talk {
  readonly #gateway: Gateway;
  readonly #agent: RawAgent;
  readonly #model = new GatewayModel();
  readonly #lines = new Map<number, Line>();
  readonly #issued: string[] = [];
  #ackedIn: { epoch: string | null; seq: number } = { epoch: null, seq: 0 };
  #asked = 0;
  #ambiguous = false;

  constructor(gateway: Gateway, agent: RawAgent) {
    this.#gateway = gateway;
    this.#agent = agent;
  }

  /** What the portal has taken can't be told from outside; how it ends still can. */
  get ambiguous(): boolean {
    return this.#ambiguous;
  }

  /** Highest number acked in the present epoch. */
  get #acked(): number {
    return this.#ackedIn.epoch === this.#model.held.epoch ? this.#ackedIn.seq : 0;
  }

  async do(step: PortalStep): Promise<void> {
    if (step.do === "issue") {
      const order = { command: "ticket.create", values: { title: "Fuzz" } };
      this.#issued.push(this.#gateway.issue(this.#agent.id, order));
      return;
    }
    const line = await this.#line(step.on);
    switch (step.do) {
      case "raw":
        return this.#say(step.on, line, step.step);
      case "sync":
        return this.#sync(step.on, line);
      case "start": {
        const state = this.#model.state(step.on);
        const connection = (state.at === "welcomed" ? state.connection : 1) + step.lie;
        await this.#say(step.on, line, messageStep({ type: "start", connection, ...step.start }));
        if (state.at === "welcomed") this.#dropped(state.hello.first as number);
        return this.#sync(step.on, line);
      }
      case "cut":
        this.#judgeHeard(line);
        await line.link.cut();
        this.#model.close(step.on, [1006]);
    }
  }

  /** The agent says that it holds nothing below `first`: what was refused there is not told again. */
  #dropped(first: number): void {
    const { epoch, last } = this.#model.held;
    this.#ackedIn = { epoch, seq: Math.max(this.#acked, Math.min(first - 1, last)) };
  }

  async #line(on: number): Promise<Line> {
    let line = this.#lines.get(on);
    if (line === undefined) {
      line = { link: await this.#agent.connect(), judged: 0, unacked: { items: 0, bytes: 0 } };
      this.#lines.set(on, line);
    }
    return line;
  }

  async #say(on: number, line: Line, written: RawStep): Promise<void> {
    const step = this.#withCommand(written);
    const reading = readStep(step, "fromAgent", limits.maxFrameBytes);
    const others = [...this.#lines].filter(([other]) => other !== on);
    // Two links race; which one the portal hears first is told to it, not guessed.
    if (reading.kind === "message" && reading.message.type === "hello")
      for (const [other, their] of others) await this.#sync(other, their);
    line.link.do(step);
    // What is larger than the socket takes ends in 1009 before it is read.
    if (reading.kind === "wire" || bytesOf(step, true).length > limits.maxFrameBytes * 4) {
      this.#model.spoil(on);
      await line.link.finish();
    } else if (reading.kind === "refuse") this.#model.refuse(on);
    else if (reading.kind === "message") {
      if (reading.message.type === "changes") {
        line.unacked.bytes += reading.bytes;
        line.unacked.items += (reading.message.tables as { rows: unknown[] }[]).reduce((sum, { rows }) => sum + rows.length, 0);
      }
      this.#model.hear(on, reading.message);
    }
  }

  /** `COMMAND1` stands for the first command that was issued. */
  #withCommand(step: RawStep): RawStep {
    const id = this.#issued[0];
    return step.send === "text" && id !== undefined ? { ...step, text: step.text.replaceAll("COMMAND1", id) } : step;
  }

  /** Waits until the portal has handled all that was said, and compares what it said meanwhile. */
  async #sync(on: number, line: Line): Promise<void> {
    const { link, unacked } = line;
    const state = this.#model.state(on);
    if (state.at === "open") await this.#ask(link, { entity: "unit", level: "ids", limit: 1 });
    if (state.at === "welcomed") await link.next((message) => message.type === "welcome");
    const full = unacked.items > limits.windowItems || unacked.bytes > limits.windowBytes;
    if (!link.open && full && state.at === "open") this.#model.close(on, [4400]);
    this.#judgeHeard(line);
    const now = this.#model.state(on);
    if (now.at === "closed") {
      const code = await link.ended();
      if (now.codes.length > 0 && !now.codes.includes(code) && code !== 1006)
        throw new Broken("a link ends with the code that the documents name", `${code} in place of ${now.codes.join(" or ")}`);
      return;
    }
    if (!link.open) throw new Broken("what the documents allow is not refused", `closed with ${await link.ended()} at ${now.at}`);
    if (now.at === "welcomed") this.#judgeWelcome(on, link, now.hello);
    if (now.at !== "open") return;
    line.unacked = { items: 0, bytes: 0 };
    this.#model.settle();
    if (this.#model.held.last > this.#acked && unacked.items > 0)
      throw new Broken("what was taken is acked", `${this.#acked} of ${this.#model.held.last}`);
    this.#judgeCommands(link);
  }

  async #ask(link: RawLink, question: object): Promise<Message | undefined> {
    const id = `sync-${++this.#asked}`;
    link.do(messageStep({ type: "inventory", id, ...question }));
    return await link.next((message) => message.type === "answer" && message.id === id);
  }

  #judgeHeard(line: Line): void {
    const { held } = this.#model;
    for (const message of line.link.heard.slice(line.judged)) {
      line.judged += 1;
      if (message.type !== "ack") continue;
      const seq = message.seq as number;
      if (seq > held.last) throw new Broken("no more is acked than was taken", `${seq} of ${held.last}`);
      const refused = (message.refused as { seq: number; code: string }[]).map((one) => `${one.seq} ${one.code}`);
      const due = held.refused
        .filter((one) => one.seq > this.#acked && one.seq <= seq && (held.latest.get(one.key) ?? 0) <= one.seq)
        .map((one) => `${one.seq} ${one.code}`);
      // An ack that repeats what was told before repeats its refusals too.
      const known = new Set(held.refused.map((one) => `${one.seq} ${one.code}`));
      const stranger = refused.find((one) => !known.has(one));
      if (stranger !== undefined) throw new Broken("only what does not fit is refused", stranger);
      const forgotten = due.find((one) => !refused.includes(one));
      if (forgotten !== undefined) throw new Broken("what does not fit is refused", forgotten);
      this.#ackedIn = { epoch: held.epoch, seq: Math.max(this.#acked, seq) };
    }
  }

  #judgeWelcome(on: number, link: RawLink, hello: Message): void {
    const welcome = link.heard.find((message) => message.type === "welcome") as Message;
    const fit = this.#model.welcomed(on, welcome, this.#acked);
    this.#ambiguous = fit === "fits several";
    if (fit === "does not fit") {
      const possible = this.#model.possible.map(({ connection, epoch, last }) => ({ connection, epoch, last }));
      const { connection, last } = welcome;
      throw new Broken("welcome tells what is held", JSON.stringify({ connection, last, epoch: hello.epoch, possible }));
    }
  }

  #judgeCommands(link: RawLink): void {
    const heard = link.heard.filter((message) => message.type === "command").map((message) => message.id as string);
    if (new Set(heard).size !== heard.length) throw new Broken("a command is sent once on a link", heard.join(" "));
    const order = heard.map((id) => this.#issued.indexOf(id));
    if (order.some((at, index) => at < 0 || at < (order[index - 1] ?? -1)))
      throw new Broken("commands are sent in the order of their issue", heard.join(" "));
    const missing = this.#issued.find((id) => !heard.includes(id) && !this.#model.received.has(id) && !this.#concluded(id));
    if (missing !== undefined) throw new Broken("a command that was not received is sent", missing);
  }

  #concluded(id: string): boolean {
    return (this.#gateway.command(id)?.revision ?? null) !== null;
  }

  /** Asks over a link of its own what the portal holds, and compares it with what it may hold. */
  async conclude(): Promise<void> {
    for (const [on, line] of this.#lines) if (line.link.open && !this.#ambiguous) await this.#sync(on, line);
    await this.cut();
    const { held, possible } = this.#model;
    const link = await this.#agent.connect();
    try {
      await this.#compare(link, possible.length > 0 ? possible : [held]);
    } finally {
      await link.cut();
    }
  }

  async #compare(link: RawLink, possible: readonly Held[]): Promise<void> {
    const { epoch } = possible.at(-1) as Held;
    const hello = {
      type: "hello",
      protocols: [1],
      models: [1],
      agentVersion: "0",
      host: "host-a",
      stage: "test",
      epoch: epoch ?? "epoch-none",
      connection: 0,
      first: 1,
      next: 1,
    };
    link.do(messageStep({ ...hello, types: typeNames.map((type) => ({ type, fields: [] })), commands: [] }));
    const welcome = await link.next((message) => message.type === "welcome");
    if (welcome === undefined) throw new Broken("an agent that made mistakes is welcome again", `closed with ${link.closedWith}`);
    link.do(messageStep({ type: "start", connection: welcome.connection, epoch: hello.epoch, next: 1, renewed: "requested" }));
    const told: string[] = [];
    const answers = typeNames.map(async (type) => ({
      type,
      answer: await this.#ask(link, { entity: type, level: "ids", limit: 10_000 }),
    }));
    for (const { type, answer } of await Promise.all(answers)) {
      if (answer?.complete !== true) throw new Broken("an inventory is answered", JSON.stringify(answer ?? link.closedWith));
      for (const [id, digest] of answer.ids as string[][]) told.push(`${type}/${id} ${digest}`);
    }
    const seen = `seen ${welcome.seen} last ${welcome.last}\n${told.sort().join("\n")}`;
    const fitting = possible.filter((held) => held.last >= (held.epoch === epoch ? this.#acked : 0));
    const due = fitting.map((held) => {
      const all = liveEntities(held).map(({ type, id, fields }) => `${type}/${id} ${entityDigest(fields)}`);
      const last = held.epoch === epoch && epoch !== null ? held.last : null;
      return `seen ${held.connection} last ${last}\n${all.sort().join("\n")}`;
    });
    if (!due.includes(seen))
      throw new Broken("the portal holds what it took and nothing else", `${seen}\nin place of\n${due.join("\nor\n")}`);
  }

  async cut(): Promise<void> {
    for (const { link } of this.#lines.values()) await link.cut();
  }
}
