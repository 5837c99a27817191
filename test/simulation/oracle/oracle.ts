/**
 * Watches a run from outside: the ERP's commits, every frame on the wire, what the portal says it has taken. It keeps its own idea of the truth, and says at once when
 * one of the invariants of docs/architecture.md is broken. What must hold at rest is in at-rest.ts.
 */
import { zstdDecompressSync } from "node:zlib";
import type { GatewayEvent } from "../../../portal/events.ts";
import type { Hub } from "../../../portal/hub.ts";
import type { NumberedItem } from "../../../protocol/changes.ts";
import type { Changes } from "../../../protocol/messages.ts";
import { guardRows, type TableName } from "../erp/schema.ts";
import type { Commit, ErpServer } from "../erp/server.ts";
import type { AgentMachine } from "../world/agent-machine.ts";
import type { Connection, Tapped } from "../world/network.ts";
import type { PortalMachine } from "../world/portal-machine.ts";
import type { SimulatedTime } from "../world/time.ts";
import { type Fields, nameOf, rowBehind } from "./expected.ts";
import { PortalView } from "./portal-view.ts";
import { Presence } from "./presence.ts";
import { Untold } from "./untold.ts";
import { lostOrMoved, ValueGuards } from "./value-guards.ts";
import { Versions } from "./versions.ts";
import { contentTaken, itemsOn } from "./wire.ts";

export interface IssuedCommand {
  id: string;
  command: string;
  issuedAt: number;
  /** By base values alone: the ERP itself does not remember it. */
  byBase: boolean;
  /** The ERP can't tell whether it was carried out. */
  isBlind: boolean;
  /** What the portal showed of the columns that it changes. */
  base: Fields;
  /** Of an update: the ticket's number, and what its columns shall hold. */
  wanted: { ticket: string; columns: Fields } | undefined;
}

export interface OracleParts {
  time: SimulatedTime;
  erp: ErpServer;
  portal: PortalMachine;
  /** The machine whose socket it is. */
  agentOf: (connection: Connection) => AgentMachine | undefined;
  violated: (what: string) => void;
  /** For the trace of a run. */
  tell: ((who: string, text: string) => void) | undefined;
}

const hourMs = 3_600_000;
/** The agent counts a delete when it finds it; it may have travelled for so long before the portal takes it. */
const longestWayMs = 30 * 60_000;

export class Oracle {
  readonly view = new PortalView();
  readonly commands = new Map<string, IssuedCommand>();
  /** How often each command took effect in the history that the ERP tells. */
  readonly effects = new Map<string, number>();
  /** Updates that were carried out when a clerk had done the same before: there was nothing left to change. */
  readonly metAsWanted = new Set<string>();
  /** Keys of the notes that commands wrote, whether the ERP remembers whose they are or not. */
  readonly notes = new Map<string, string>();
  readonly #effectAt = new Map<string, number>();
  /** Commands carried out after the copy was made that now stands in place of the store. */
  readonly #forgottenBy = { agent: new Set<string>(), portal: new Set<string>() };
  /** Commands that had an effect which a restore of the ERP took away. */
  readonly lostEffects = new Set<string>();
  /** The last change of the ERP, ms since the beginning. */
  changedAt = 0;
  changes = 0;
  readonly #parts: OracleParts;
  readonly #presence = new Presence();
  readonly #versions = new Versions();
  readonly #untold = new Untold();
  readonly #epochs = new Map<Connection, string>();
  /** The one that has said `start` last: what comes over an older one the portal does not take. */
  #newest: Connection | undefined;
  /** By epoch: the last number that the portal has taken. */
  readonly #lasts = new Map<string, number>();
  /** By epoch and number: what the portal has taken. */
  readonly #taken = new Map<string, string>();
  readonly #deletes: { type: string; at: number }[] = [];
  readonly #approvedAt = new Map<string, number>();
  /** When the agent's clock was set forward, and by how much: by its hour that time has passed. */
  readonly #setForward: { at: number; byMs: number }[] = [];
  readonly #values: ValueGuards;
  #storeForgot = false;
  /** Highest position of its history that the ERP has told. */
  #toldPosition = 0;
  /** Set back, and no position was told since. */
  #setBackUntold = false;
  /** Some restore could not be told by the position: the history had grown past it before anybody asked. */
  #someUntold = false;

  constructor(parts: OracleParts) {
    this.#parts = parts;
    this.#values = new ValueGuards((at) => this.#agentsTimeSince(at) < hourMs, parts.violated);
    parts.erp.onCommit((commit) => this.#committed(commit));
    parts.erp.onIdentity((position) => this.#identityTold(position));
    parts.erp.onUnasked((what) =>
      parts.violated(`The ERP that was away is asked who it is before anything else: not so by ${what}`),
    );
  }

  #committed({ command, changes }: Commit): void {
    const { time, violated } = this.#parts;
    this.#presence.note(changes, time.now);
    this.#versions.note(changes);
    this.#untold.changed(changes);
    const real = changes.filter(({ table }) => table !== "KREIS" && table !== "BUCH");
    if (real.length > 0) {
      this.changes += 1;
      this.changedAt = time.now;
    }
    if (command === undefined) return;
    if (real.length === 0) {
      const { wanted } = this.commands.get(command) ?? {};
      const row = wanted && this.#parts.erp.row("AUFTRAG", wanted.ticket);
      if (row && Object.entries(wanted.columns).every(([column, value]) => row[column] === value)) this.metAsWanted.add(command);
      return;
    }
    for (const { table, key, row, before } of real) {
      if (table === "NOTIZ" && before === undefined) this.notes.set(command, key);
      for (const [column, shown] of Object.entries(this.commands.get(command)?.base ?? {})) {
        if (before === undefined || row === undefined || before[column] === row[column] || before[column] === shown) continue;
        violated(
          `No update over a later change: ${command} found ${before[column]} in ${table} ${key}, the portal had shown ${shown}`,
        );
      }
    }
    const isForgotten = this.#forgottenBy.agent.has(command) && this.#forgottenBy.portal.has(command);
    const effects = (this.effects.get(command) ?? 0) + 1;
    this.#effectAt.set(command, time.now);
    if (effects === 2 && isForgotten && this.commands.get(command)?.isBlind) {
      // Nobody is left who could know: neither of the two stores, and the ERP can't tell. From now on both know again.
      for (const forgotten of Object.values(this.#forgottenBy)) forgotten.delete(command);
      return;
    }
    this.effects.set(command, effects);
    if (effects > 1)
      violated(`One command, one effect: ${this.commands.get(command)?.command} ${command} took effect ${effects} times`);
  }

  /** The ERP was set back; `changes` is what that changed. */
  restored(changes: Commit["changes"], effects: ReadonlyMap<string, number>): void {
    const { time } = this.#parts;
    this.#setBackUntold = true;
    this.#presence.noteLost(changes, time.now);
    this.#versions.clear();
    this.#untold.putBack(changes);
    this.changedAt = time.now;
    for (const [command] of this.effects) if (!effects.has(command)) this.lostEffects.add(command);
    this.effects.clear();
    for (const [command, count] of effects) this.effects.set(command, count);
  }

  /** A history that has grown past what the agent was told of the one before can't be told from it. */
  #identityTold(position: number): void {
    if (position >= this.#toldPosition) {
      this.#presence.forgive();
      this.#someUntold ||= this.#setBackUntold;
      if (this.#setBackUntold) this.#untold.hide();
    } else this.#untold.tell();
    this.#setBackUntold = false;
    this.#toldPosition = Math.max(this.#toldPosition, position);
  }

  /** Only a full compare can tell what the row holds now. */
  isBehindSignals(table: TableName, key: string): boolean {
    if (this.#untold.has(table, key)) return true;
    const row = this.#parts.erp.row(table, key);
    return this.#someUntold && row !== undefined && this.#versions.repeatsMark(table, key, row);
  }

  /** The agent's store was lost, copied or set back to how it was `at`: with it goes what it knew of the ERP's history and of its own deletes. */
  storeSetBack(at: number): void {
    this.#toldPosition = 0;
    this.#storeForgot = true;
    this.#values.forgive();
    this.#forget("agent", at);
  }

  /** The portal's store was set back to how it was `at`. */
  portalSetBack(at: number): void {
    // What it holds then the agent may never have put.
    this.#values.forgive();
    this.#forget("portal", at);
  }

  #forget(who: "agent" | "portal", at: number): void {
    for (const [command, effectAt] of this.#effectAt) if (effectAt > at) this.#forgottenBy[who].add(command);
  }

  agentClockSet(byMs: number): void {
    if (byMs > 0) this.#setForward.push({ at: this.#parts.time.now, byMs });
  }

  /** Time since `at` by the agent's clock, or more. */
  #agentsTimeSince(at: number): number {
    const jumps = this.#setForward.filter((jump) => jump.at > at - longestWayMs);
    return this.#parts.time.now - at + jumps.reduce((sum, { byMs }) => sum + byMs, 0);
  }

  /** A person has said that deletes of this type may go, or entities that lost a value or moved. */
  approved(kind: "deletes" | "emptied" | "moved", type: string): void {
    if (kind === "deletes") this.#approvedAt.set(type, this.#parts.time.now);
    else this.#values.approved(kind, type);
  }

  /** The portal began anew, from its own store: what that does not hold it has not taken. */
  portalStarted(hub: Hub): void {
    this.view.reload(hub);
    const agent = hub.desk.agents()[0];
    for (const place of this.#taken.keys()) {
      const [epoch, seq] = place.split("/");
      if (epoch !== agent?.epoch || Number(seq) > (agent?.last ?? 0)) this.#taken.delete(place);
    }
  }

  event(event: GatewayEvent): void {
    if (event.kind !== "items") return;
    const { violated } = this.#parts;
    for (const refusal of event.refused) {
      if (refusal.code === "unknown-parent" || refusal.code === "invalid")
        violated(`The portal refused number ${refusal.seq}: ${refusal.code}, ${refusal.reason}`);
    }
    const { epoch, last } = this.#parts.portal.hub?.desk.agents()[0] ?? {};
    if (epoch != null && last != null) this.#lasts.set(epoch, last);
    for (const item of event.applied) {
      this.#taken.set(`${epoch}/${item.seq}`, contentTaken(item));
      this.#judgeOrder(item);
      if (item.op === "delete") this.#judgeDelete(item);
      else this.#judgeState(item);
      this.view.take({ ...event, applied: [item] });
    }
  }

  /** Parents before their children, children's deletes before their parents'. */
  #judgeOrder(item: NumberedItem): void {
    const { shown } = this.view;
    const { violated } = this.#parts;
    const name = nameOf(item.type, item.id);
    if (item.op === "upsert") {
      const missing = parentsOf(item.type, item.fields).find((parent) => !shown.has(parent));
      if (missing !== undefined) violated(`Parents before children: ${name} came before ${missing}`);
      return;
    }
    for (const other of shown.values()) {
      if (parentsOf(other.type, other.fields).includes(name)) {
        violated(`Children are deleted before their parents: ${name} went, ${nameOf(other.type, other.id)} is still there`);
        return;
      }
    }
  }

  /** A newer read is never overwritten by an older one. */
  #judgeState({ type, id, fields }: NumberedItem & { op: "upsert" }): void {
    const before = this.view.shown.get(nameOf(type, id));
    const { table, key } = rowBehind(type, id);
    if (before !== undefined) this.#values.judge(type, lostOrMoved(type, before.fields, fields), this.#parts.time.now);
    if (before === undefined || !this.#versions.goesBack(table, key, { before: before.fields, now: fields })) return;
    this.#parts.violated(
      `The portal never goes back: ${type} ${id} was ${JSON.stringify(before.fields)}, now ${JSON.stringify(fields)}`,
    );
  }

  #judgeDelete(item: NumberedItem & { op: "delete" }): void {
    const { time, violated } = this.#parts;
    if (!this.view.shown.has(nameOf(item.type, item.id))) return;
    const { table, key } = rowBehind(item.type, item.id);
    const place = `${table} ${key}`;
    if (!this.#presence.wasGone(place, item.reason, time.now))
      violated(`No delete without confirmation: ${item.type} ${item.id} was never gone for long`);
    const approvedAt = this.#approvedAt.get(item.type);
    if (this.#presence.wasLost(place) && approvedAt === undefined)
      violated(`No delete without approval: ${item.type} ${item.id} vanished by a restore`);
    this.#deletes.push({ type: item.type, at: time.now });
    if (this.#storeForgot || approvedAt !== undefined) return;
    const recent = this.#deletes.filter(({ type, at }) => type === item.type && this.#agentsTimeSince(at) < hourMs);
    if (recent.length > guardRows)
      violated(`Guards: ${recent.length} deletes of ${item.type} within an hour, and nobody was asked`);
  }

  frame({ connection, from, data }: Tapped): void {
    const text = typeof data === "string" ? data : zstdDecompressSync(data.subarray(1)).toString("utf8");
    const type = /^\{"type":"(\w+)"/.exec(text)?.[1];
    this.#parts.tell?.("wire", wireLine(from, text));
    if (from === "agent" && type === "start") {
      this.#newest = connection;
      this.#epochs.set(connection, (JSON.parse(text) as { epoch: string }).epoch);
    }
    if (from === "agent" && type === "received") this.#judgeReceived(connection, (JSON.parse(text) as { id: string }).id);
    if (from === "agent" && type === "changes") this.#judgeNumbers(connection, JSON.parse(text) as Changes);
    if (from === "portal" && type === "ack") this.#judgeAck(connection, (JSON.parse(text) as { seq: number }).seq);
  }

  #judgeReceived(connection: Connection, id: string): void {
    const agent = this.#parts.agentOf(connection);
    if (agent === undefined) return;
    if (agent.store?.inbox.get(id) === undefined || agent.file.inTransaction)
      this.#parts.violated(`A command is acknowledged only once it is in the inbox: ${id} is not`);
  }

  /** What was sent and never taken may be numbered anew by a store that was set back; what the portal has taken may not. */
  #judgeNumbers(connection: Connection, frame: Changes): void {
    if (connection !== this.#newest) return;
    const epoch = this.#epochs.get(connection);
    for (const { seq, content } of itemsOn(frame)) {
      const taken = this.#taken.get(`${epoch}/${seq}`);
      if (taken !== undefined && taken !== content)
        this.#parts.violated(`A sequence number stands for one item: ${seq} was ${taken}, now ${content}`);
    }
  }

  /** One that was held back may go out when another process has begun a new epoch: it speaks of its own. */
  #judgeAck(connection: Connection, seq: number): void {
    const { portal, violated } = this.#parts;
    const agent = portal.hub?.desk.agents()[0];
    const epoch = this.#epochs.get(connection) ?? "";
    const last = (agent?.epoch === epoch ? agent.last : this.#lasts.get(epoch)) ?? 0;
    if (portal.file.inTransaction || last < seq)
      violated(`An ack follows the portal's commit: ${seq} was acked, ${last} is durable`);
  }
}

/** A frame in one line: what it says of which entities, and nothing of their fields. */
function wireLine(from: "agent" | "portal", text: string): string {
  const message = JSON.parse(text) as { type: string; id?: string; seq?: number };
  const arrow = from === "agent" ? ">" : "<";
  if (message.type !== "changes") return `${arrow} ${message.type} ${message.id ?? message.seq ?? ""}`;
  const items = itemsOn(message as Changes).map(({ seq, name }) => `${seq} ${name}`);
  return `${arrow} changes: ${items.join(", ")}`;
}

/** The references that must be known before, by the portal's own fields. */
function parentsOf(type: string, fields: Fields): string[] {
  const one = (parentType: string, value: unknown): string[] => (typeof value === "string" ? [nameOf(parentType, value)] : []);
  switch (type) {
    case "building":
      return one("property", fields.propertyId);
    case "unit":
      return one("building", fields.buildingId);
    case "utilisationPeriod": {
      const participants = (fields.participants ?? []) as { personId: string }[];
      return [...one("unit", fields.unitId), ...participants.flatMap(({ personId }) => one("person", personId))];
    }
    case "ticket":
      return [...one("unit", fields.unitId), ...one("person", fields.reporterId)];
    case "message":
      return one("ticket", fields.ticketId);
    default:
      return [];
  }
}
