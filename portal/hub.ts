/**
 * The gateway without its HTTP server: agents' links over sockets that somebody else has opened and authenticated. The gateway puts a WebSocket server in
 * front of it, the simulation links of its own.
 */
import type { WebSocket } from "ws";
import { FuserError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Clock, Random } from "../base/time.ts";
import type { BlobPiece } from "../protocol/blob-piece.ts";
import type { Digester } from "../protocol/digest.ts";
import { type Answer, type Blob as Begun, closeCode, type PortalMessage, type Request } from "../protocol/messages.ts";
import { type Agent, type Agents, agentsIn, type Offers, type Stage } from "./agents.ts";
import { createApply } from "./apply.ts";
import { type CommandOrder, type Commands, commandsIn, type StoredCommand } from "./commands.ts";
import { type DocumentState, type Documents, documentsIn } from "./documents.ts";
import { entitiesIn } from "./entities.ts";
import { type Events, eventsIn, type GatewayEvent } from "./events.ts";
import { journalIn } from "./journal.ts";
import { knownIn } from "./known.ts";
import { Link, type LinkOwner } from "./link.ts";
import { type LookupContent, type Lookups, lookupsIn, type PushedLookup } from "./lookups.ts";
import type { GatewayParts } from "./parts.ts";
import { type Persons, personsIn } from "./persons.ts";
import { refusalsIn } from "./refusals.ts";
import { defaultLimits, type Hooks, type Limits } from "./settings.ts";
import type { Store } from "./store.ts";
import { sharedLooks } from "./table-plan.ts";
import { createTurns } from "./turns.ts";

export interface HubOptions {
  store: Store;
  clock: Clock;
  /** For the random part of command ids. */
  random: Random;
  /** Unique text for questions. */
  newId: () => string;
  log: Log;
  digester: Digester;
  limits?: Partial<Limits> | undefined;
  hooks?: Hooks | undefined;
}

/** What a hub and a gateway offer alike. */
export interface AgentDesk {
  /** May be changed at any time. */
  readonly hooks: Hooks;
  createEnrolmentCode(options: { stage: Stage; ttlMs: number; agentId?: string | undefined }): {
    code: string;
    expiresAt: number;
  };
  /** The agent's key is void at once and its link closed. False for one that is unknown or revoked already. */
  revoke(agentId: string): boolean;
  setStage(agentId: string, stage: Stage): boolean;
  agents(): Agent[];
  offers(agentId: string): Offers | undefined;
  isConnected(agentId: string): boolean;
  /**
   * Stores a command and sends it as soon as the agent is there. Returns its id.
   * @throws FuserError `command-invalid`, `command-unknown`, `command-not-offered`, `agent-unknown`
   */
  issue(agentId: string, order: CommandOrder): string;
  /** Those of the ERP, and those who were added here by hand. */
  readonly persons: Persons;
  command(id: string): StoredCommand | undefined;
  commands(agentId: string, limit: number): StoredCommand[];
  /** Asks the agent and waits for its answer. @throws FuserError `agent-away` when it is not connected or goes away meanwhile */
  request(agentId: string, asked: Omit<Request, "type" | "id">, signal?: AbortSignal): Promise<Answer>;
  /**
   * Keeps a table that the mapping of this agent may use, in place of the one before of that name, and sends it: now, or when the agent connects. Returns its version.
   * @throws FuserError `lookup-invalid`, `agent-unknown`
   */
  setLookup(agentId: string, content: LookupContent): string;
  lookups(agentId: string): PushedLookup[];
  /** Asks the agent for the bytes of a document, now or when it is there. An event tells how it ended. @throws FuserError `document-unknown` */
  wantDocument(agentId: string, id: string): void;
  /** Undefined where nobody has wanted it. */
  document(agentId: string, id: string): DocumentState | undefined;
  /** Its bytes, in order; undefined while they are not all here. */
  documentBytes(agentId: string, id: string): Iterable<Uint8Array> | undefined;
  /** Sends a frame as it is: for tests of an agent's distrust. False when the agent is not connected. */
  sendRaw(agentId: string, frame: string | Uint8Array): boolean;
  /** Closes or, without a code, cuts the agent's link. */
  disconnect(agentId: string, close?: { code: number; reason: string }): boolean;
  listen(listener: (event: GatewayEvent) => void): () => void;
  recentEvents(limit: number): { agentId: string; at: number; code: string; text: string }[];
  revision(): number;
  /** Resolves once all that is acked now stands in the tables: it is journaled when acked, and applied soon afterwards. */
  settled(): Promise<void>;
  /** For reading by the owner's own views. What is acked and not yet in the tables is applied at once: wait for `settled` before where it may be much. */
  readonly store: Store;
}

export interface Hub {
  readonly desk: AgentDesk;
  /** What the HTTP server in front of it works with. */
  readonly parts: Readonly<GatewayParts>;
  /** Takes the open socket of an agent that has shown who it is. */
  accept(socket: WebSocket, agentId: string): void;
  /** Says `bye` and when to come back, and resolves when every link is closed. The store stays open. */
  close(bye: { reason: string; retryAfterMs: number }): Promise<void>;
}

export function createHub(options: HubOptions): Hub {
  const { store, clock, random, log, digester, newId } = options;
  const hooks: Hooks = { ...options.hooks };
  const agents = agentsIn(store, clock);
  const events = eventsIn({ store, clock, log });
  const limits = { ...defaultLimits, ...options.limits };
  const journal = journalIn(store);
  const entities = entitiesIn(store, digester);
  const apply = createApply({ store, journal, entities, clock, log, patientBytes: limits.journalBytes / 2 });
  const refusals = refusalsIn(store);
  const known = knownIn(store, random);
  const turns = createTurns({ store, journal, refusals, known, apply, clock, hooks, limits, log });
  const commands = commandsIn(store, clock, random);
  const parts: GatewayParts = {
    ...{ store, agents, commands, events, digester, clock, log, hooks, limits },
    ...{ journal, apply, refusals, known, turns, looks: sharedLooks() },
  };
  const links = createLinks(parts, newId, {
    onAnswer(agentId, answer) {
      lookups.answered(agentId, answer);
      documents.answered(agentId, answer);
    },
    onBytes: (agentId, message) =>
      message.type === "blob" ? documents.begun(agentId, message) : documents.piece(agentId, message),
  });
  const send = (agentId: string, message: PortalMessage): boolean => {
    const link = links.of(agentId);
    link?.send(message);
    return link !== undefined;
  };
  const lookups = lookupsIn({ store, agents, events, newId, send });
  const settled = (): Store => {
    apply.settleNow();
    return store;
  };
  const cut = (agentId: string): void => links.of(agentId)?.terminate();
  const documents = documentsIn({ store, settled, events, clock, hooks, newId, send, cut });
  events.listen((event) => {
    // Whoever holds the old key is out as soon as a new one is enrolled.
    if (event.kind === "enrolled") links.closeAll(event.agentId, closeCode.notAuthenticated, "the agent was enrolled again");
  });
  return {
    ...{ desk: deskOf(parts, links, { random, lookups, documents, settled }), parts, accept: links.add },
    async close(bye) {
      await links.close(bye);
      turns.stop();
      await apply.finish();
    },
  };
}

interface DeskParts {
  random: Random;
  lookups: Lookups;
  documents: Documents;
  /** The store with all that is acked in its tables. */
  settled: () => Store;
}

function deskOf(parts: GatewayParts, links: Links, { random, lookups, documents, settled }: DeskParts): AgentDesk {
  const { agents, events, commands, hooks, clock } = parts;
  const issue = issuer({ agents, events, commands, hooks, links });
  return {
    ...{ hooks, issue, persons: personsIn({ store: settled, clock, random, issue }) },
    createEnrolmentCode: agents.createCode,
    revoke(agentId) {
      const done = agents.revoke(agentId);
      if (done) links.closeAll(agentId, closeCode.notAuthenticated, "revoked");
      return done;
    },
    setStage(agentId, stage) {
      const done = agents.setStage(agentId, stage);
      if (done) links.closeAll(agentId, closeCode.restart, "the stage was changed");
      return done;
    },
    agents: agents.list,
    offers: agents.offers,
    isConnected: (agentId) => links.of(agentId) !== undefined,
    command: commands.get,
    commands: commands.list,
    request: links.request,
    setLookup: lookups.set,
    lookups: lookups.list,
    wantDocument: documents.want,
    document: documents.find,
    documentBytes: documents.pieces,
    sendRaw(agentId, frame) {
      const link = links.of(agentId);
      link?.sendRaw(frame);
      return link !== undefined;
    },
    disconnect(agentId, told) {
      const link = links.of(agentId);
      if (told) link?.close(told.code, told.reason);
      else link?.terminate();
      return link !== undefined;
    },
    listen: events.listen,
    recentEvents: events.recent,
    revision: events.revision,
    settled: () => parts.apply.settled(),
    get store() {
      return settled();
    },
  };
}

function issuer(told: { agents: Agents; events: Events; commands: Commands; hooks: Hooks; links: Links }): AgentDesk["issue"] {
  const { agents, events, commands, hooks, links } = told;
  return (agentId, order) => {
    checkOrder(agents.get(agentId), hooks.allowUnoffered ? undefined : agents.offers(agentId), order);
    const id = commands.issue(agentId, order);
    events.emit({ kind: "command", agentId, id, state: "issued", outcome: undefined });
    links.pump(agentId);
    return id;
  };
}

function checkOrder(agent: Agent | undefined, offers: Offers | undefined, order: CommandOrder): void {
  const refused = (code: string, message: string): FuserError =>
    new FuserError("rejected", message, { code, operation: "issue a command", hint: "Look at the agent's offers." });
  if (agent === undefined) throw refused("agent-unknown", "No agent with this id is enrolled here.");
  if (offers === undefined) return;
  const offer = offers.commands.find((offered) => offered.type === order.command);
  if (offer === undefined) throw refused("command-not-offered", "The agent does not offer this command.");
  const fields = new Set(offer.fields.map((field) => field.name));
  const unknown = Object.keys(order.values).find((field) => !fields.has(field));
  if (unknown !== undefined)
    throw refused("command-not-offered", `The agent does not offer the field ${unknown} with this command.`);
}

interface Links {
  add: (socket: WebSocket, agentId: string) => void;
  /** The agent's open link. */
  of(agentId: string): Link | undefined;
  pump(agentId: string): void;
  closeAll(agentId: string, code: number, reason: string): void;
  request: AgentDesk["request"];
  close(bye: { reason: string; retryAfterMs: number }): Promise<void>;
}

interface Listening {
  onAnswer: (agentId: string, answer: Answer) => void;
  onBytes: (agentId: string, message: Begun | BlobPiece) => void;
}

function createLinks(parts: GatewayParts, newId: () => string, { onAnswer, onBytes }: Listening): Links {
  const links = new Set<Link>();
  const questions = new Map<string, { link: Link; resolve: (answer: Answer) => void; reject: (error: unknown) => void }>();
  let stopped = false;
  let onEmpty: (() => void) | undefined;
  const ofAgent = (agentId: string): Link[] => [...links].filter((link) => link.agentId === agentId);
  const away = (): FuserError =>
    new FuserError("transient", "The agent is not connected.", {
      code: "agent-away",
      operation: "ask the agent",
      hint: "Try again once it is back.",
    });
  const owner: LinkOwner = {
    supersedeOthers(link) {
      for (const other of ofAgent(link.agentId)) {
        if (other === link) continue;
        other.close(closeCode.superseded, "a newer connection of this agent took over");
      }
    },
    answered(link, answer) {
      questions.get(answer.id)?.resolve(answer);
      onAnswer(link.agentId, answer);
    },
    bytes: (link, message) => onBytes(link.agentId, message),
    closed(link) {
      links.delete(link);
      for (const question of questions.values()) if (question.link === link) question.reject(away());
      if (links.size === 0) onEmpty?.();
    },
  };
  const of = (agentId: string): Link | undefined => ofAgent(agentId).find((link) => link.open);
  return {
    add(socket, agentId) {
      if (stopped) return socket.terminate();
      links.add(new Link(socket, agentId, parts, owner));
    },
    of,
    pump: (agentId) => of(agentId)?.pump(),
    closeAll(agentId, code, reason) {
      for (const link of ofAgent(agentId)) link.close(code, reason);
    },
    async request(agentId, asked, signal) {
      const link = of(agentId);
      if (link === undefined) throw away();
      const id = newId();
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      const onAbort = (): void => reject(signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      questions.set(id, { link, resolve, reject });
      try {
        signal?.throwIfAborted();
        link.send({ type: "request", id, ...asked });
        return await promise;
      } finally {
        questions.delete(id);
        signal?.removeEventListener("abort", onAbort);
      }
    },
    async close(bye) {
      stopped = true;
      for (const link of links) {
        link.send({ type: "bye", ...bye });
        link.close(closeCode.restart, bye.reason);
      }
      if (links.size === 0) return;
      await new Promise<void>((resolve) => {
        onEmpty = resolve;
      });
    },
  };
}
