/**
 * Commands to the ERP: stored before they are sent, sent on each connection until they are received, kept until their result is settled. Those that
 * wait for a result are sent again on the next connection: either side may have been put back to an older state without another sign of it.
 */
import { FuserError } from "../base/errors.ts";
import type { Clock, Random } from "../base/time.ts";
import { describeIssue } from "../protocol/frames.ts";
import { type Command, command as commandSchema, type Outcome, type Result } from "../protocol/messages.ts";
import type { Fields, Json, Types } from "../protocol/model.ts";
import type { Offers } from "./agents.ts";
import { newCommandId } from "./ids.ts";
import { knownTypes } from "./own-types.ts";
import type { Store } from "./store.ts";
import { successionsIn, withCurrentIds } from "./successions.ts";

export type CommandState = "issued" | "received" | "settled";

/** A command as its author states it; the portal adds id and times. */
export type CommandOrder = Omit<Command, "type" | "id" | "issuedAt" | "expiresAt"> & { expiresInMs?: number | undefined };

export interface StoredCommand {
  n: number;
  agent_id: string;
  id: string;
  type: string;
  /** JSON of what it is about, null for a create. */
  entity: string | null;
  /** JSON of the message. */
  body: string;
  state: CommandState;
  outcome: Outcome | null;
  revision: number | null;
  /** JSON of the last result message. */
  result: string | null;
  received_epoch: string | null;
  issued_at: number;
  result_at: number | null;
}

interface Unsettled {
  n: number;
  body: string;
  received_epoch: string | null;
  revision: number | null;
  /** The epoch in which `revision` was told. */
  result_epoch: string | null;
}

export interface Commands {
  issue(agentId: string, order: CommandOrder): string;
  get(id: string): StoredCommand | undefined;
  list(agentId: string, limit: number): StoredCommand[];
  /**
   * Commands after number `n` without a settled result, in order of issue; those that this epoch has received are said to come again. Ids that were replaced
   * since it was issued are those that stand now.
   */
  unsettled(agentId: string, epoch: string, after: { n: number; limit: number }): { n: number; message: Command }[];
  /** The agent has stored it. False when the portal does not know it. */
  received(agentId: string, id: string, epoch: string): boolean;
  /** Stores a result; durable when it returns. `unknown`: the portal has lost the command, the result is kept all the same. */
  conclude(agentId: string, result: Result, epoch: string): "stored" | "old" | "unknown";
}

const final: ReadonlySet<Outcome> = new Set(["applied", "rejected", "conflict", "expired"]);

export function commandsIn(store: Store, clock: Clock, random: Random): Commands {
  const successions = successionsIn(store);
  const get = (id: string): StoredCommand | undefined => store.get<StoredCommand>("SELECT * FROM command WHERE id = ?", id);
  return {
    get,
    issue: (agentId, order) => issue({ store, clock, random, get }, agentId, order),
    list: (agentId, limit) =>
      store.all<StoredCommand>("SELECT * FROM command WHERE agent_id = ? ORDER BY n DESC LIMIT ?", agentId, limit),
    unsettled(agentId, epoch, after) {
      const rows = store.all<Unsettled>(
        `SELECT n, body, received_epoch, revision, result_epoch FROM command WHERE agent_id = ? AND state <> 'settled' AND n > ? ORDER BY n LIMIT ?`,
        agentId,
        after.n,
        after.limit,
      );
      const { offers } = store.get<{ offers: string | null }>("SELECT offers FROM agent WHERE id = ?", agentId) ?? {
        offers: null,
      };
      const types = knownTypes(offers === null ? [] : (JSON.parse(offers) as Offers).types);
      return rows.map(({ n, body, received_epoch: heldBy, revision, result_epoch: toldIn }) => {
        const message = renamed(resolved(JSON.parse(body) as Command, get), types, (type, id) =>
          successions.currentId(agentId, type, id),
        );
        if (heldBy !== epoch) return { n, message };
        const told = revision !== null && toldIn === epoch ? { revision } : {};
        return { n, message: { ...message, again: true as const, ...told } };
      });
    },
    received(agentId, id, epoch) {
      const sql = `UPDATE command SET received_epoch = ?, state = CASE state WHEN 'issued' THEN 'received' ELSE state END
        WHERE agent_id = ? AND id = ?`;
      // Forgotten, it is sent once more, and the agent knows it.
      return store.repeatable(() => store.run(sql, epoch, agentId, id)) > 0;
    },
    conclude: (agentId, result, epoch) => store.transaction(() => conclude({ store, clock, get }, { agentId, result, epoch })),
  };
}

/**
 * The command with what its predecessors have become meanwhile: an agent that lost its store no longer knows commands that are settled. A
 * predecessor that was not applied stays named, for the agent to judge.
 */
function resolved(message: Command, get: (id: string) => StoredCommand | undefined): Command {
  const madeBy = (id: string): Result["entity"] => {
    const maker = get(id);
    return maker?.outcome === "applied" ? (JSON.parse(maker.result as string) as Result).entity : undefined;
  };
  const { after, entity, ...rest } = message;
  // At any depth, as the agent reads them.
  const inside = (value: Json): Json => {
    if (Array.isArray(value)) return value.map((item: Json) => inside(item));
    if (value === null || typeof value !== "object") return value;
    const entries = Object.entries(value) as [string, Json][];
    const [first] = entries;
    if (entries.length === 1 && first?.[0] === "createdBy") return madeBy(String(first[1]))?.id ?? value;
    return Object.fromEntries(entries.map(([name, inner]) => [name, inside(inner)]));
  };
  const values = Object.entries(message.values).map(([field, value]): [string, Json] => [field, inside(value as Json)]);
  const known = entity !== undefined && "createdBy" in entity ? (madeBy(entity.createdBy) ?? entity) : entity;
  const waits = after !== undefined && get(after)?.outcome !== "applied";
  return {
    ...rest,
    values: Object.fromEntries(values),
    ...(known === undefined ? {} : { entity: known }),
    ...(waits ? { after } : {}),
  };
}

/** The command as it is to be carried out now: an entity that was renumbered or merged meanwhile stands in the ERP under its new key alone. */
function renamed(message: Command, types: Types, current: (type: string, id: string) => string): Command {
  const { entity, command } = message;
  // `ticket.create` makes a ticket.
  const type = entity !== undefined && "type" in entity ? entity.type : (command.split(".")[0] as string);
  const values = withCurrentIds(message.values as Fields, { type, types }, current);
  const base = message.base && withCurrentIds(message.base as Fields, { type, types }, current);
  return {
    ...message,
    values,
    ...(base === undefined ? {} : { base }),
    ...(entity !== undefined && "id" in entity ? { entity: { ...entity, id: current(entity.type, entity.id) } } : {}),
  };
}

interface IssueParts {
  store: Store;
  clock: Clock;
  random: Random;
  get: (id: string) => StoredCommand | undefined;
}

function issue(parts: IssueParts, agentId: string, order: CommandOrder): string {
  const { store, clock } = parts;
  const { expiresInMs, ...rest } = order;
  const now = clock.now();
  const id = newCommandId(clock, parts.random);
  const expiry = expiresInMs === undefined ? {} : { expiresAt: new Date(now + expiresInMs).toISOString() };
  const parsed = commandSchema.safeParse({ type: "command", id, ...rest, issuedAt: new Date(now).toISOString(), ...expiry });
  if (!parsed.success) {
    const { path, message } = describeIssue(parsed.error.issues[0] as (typeof parsed.error.issues)[number]);
    throw refusedOrder("command-invalid", `The command does not fit its schema at ${path || "its top"}: ${message}.`);
  }
  const message = parsed.data;
  for (const named of [message.after, message.entity && "createdBy" in message.entity ? message.entity.createdBy : undefined]) {
    if (named !== undefined && parts.get(named)?.agent_id !== agentId) {
      throw refusedOrder("command-unknown", "The command names another command that this portal never issued to this agent.");
    }
  }
  store.run(
    "INSERT INTO command (agent_id, id, type, entity, body, state, issued_at) VALUES (?, ?, ?, ?, ?, 'issued', ?)",
    agentId,
    id,
    message.command,
    message.entity === undefined ? null : JSON.stringify(message.entity),
    JSON.stringify(message),
    now,
  );
  return id;
}

function refusedOrder(code: string, message: string): FuserError {
  return new FuserError("rejected", message, {
    code,
    operation: "issue a command",
    hint: "Correct the command and issue it again.",
  });
}

interface Concluded {
  agentId: string;
  result: Result;
  epoch: string;
}

function conclude(
  parts: { store: Store; clock: Clock; get: (id: string) => StoredCommand | undefined },
  { agentId, result, epoch }: Concluded,
): "stored" | "old" | "unknown" {
  const { store, clock } = parts;
  const known = store.get<StoredCommand & { result_epoch: string | null }>(
    "SELECT * FROM command WHERE id = ? AND agent_id = ?",
    result.id,
    agentId,
  );
  if (known === undefined) {
    store.run(
      `INSERT INTO unknown_result (agent_id, id, revision, result, at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET revision = excluded.revision, result = excluded.result, at = excluded.at WHERE excluded.revision > revision`,
      agentId,
      result.id,
      result.revision,
      JSON.stringify(result),
      clock.now(),
    );
    return "unknown";
  }
  // A lost store counts revisions from 1 again, but only a command that is not settled yet reaches it a second time.
  const newer = result.revision > (known.revision ?? 0) || (known.state !== "settled" && known.result_epoch !== epoch);
  if (!newer) return "old";
  store.run(
    `UPDATE command SET state = ?, outcome = ?, revision = ?, result = ?, result_epoch = ?, result_at = ?, received_epoch = ? WHERE n = ?`,
    final.has(result.outcome) ? "settled" : "received",
    result.outcome,
    result.revision,
    JSON.stringify(result),
    epoch,
    clock.now(),
    epoch,
    known.n,
  );
  return "stored";
}
