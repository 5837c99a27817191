/**
 * The messages of the channel, one schema each; AsyncAPI and JSON Schema are generated from here. Within the versions that `welcome` fixes
 * nothing unknown is sent or accepted.
 */
import * as z from "zod";
import { entityId, type Json } from "./model.ts";
import { ownTypeSchema } from "./own-types.ts";
import { record } from "./records.ts";

/** Number of an item in the agent's outbox, counted from 1 within an epoch. */
const sequence = z.int().min(0);
/** Plain characters only: it is compared with what a database gave back. */
const epoch = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/);
/** No connection gets a higher number: behind it numbers are no longer exact. Nobody connects so often; who gets there lies. */
export const lastConnection = 2 ** 52;
const commandId = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/);
const requestId = z.string().min(1).max(64);
const word = z.string().min(1).max(100);
/** As a key of an object: not the one that JavaScript takes for something else. */
const fieldName = word.regex(/^(?!__proto__$)/);
const sentence = z.string().max(1_000);
const instant = z.iso.datetime({ offset: false });
/** 64-bit XXH64 (seed 0) as 16 lowercase hex digits; see protocol/digest.ts. */
const digest = z.string().regex(/^[0-9a-f]{16}$/);
/** Any JSON value. What JSON.parse returned needs no second look, so that tables stay cheap to check. */
const json = z.unknown() as unknown as z.ZodType<Json>;
/** The same where the key itself must be there. */
const presentJson = json.refine((value) => value !== undefined, "is missing");
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const stage = z.enum(["test", "live"]);
const owner = z.enum(["erp", "portal", "shared"]);
const fieldOffer = z.strictObject({ name: word, owner });

export const hello = z.strictObject({
  type: z.literal("hello"),
  protocols: z.array(z.int()).min(1).max(20),
  models: z.array(z.int()).min(1).max(20),
  agentVersion: word,
  host: word.describe("Name of the agent's machine, shown where two copies of one agent meet."),
  stage,
  epoch,
  connection: z.int().min(0).max(lastConnection).describe("The connection number last received, 0 for none."),
  first: sequence.describe("First sequence number still held in the outbox; equal to `next` when it is empty."),
  next: sequence.describe("The sequence number that the next item will get."),
  types: z
    .array(
      z.strictObject({
        type: word,
        fields: z.array(fieldOffer).max(200),
        schema: ownTypeSchema
          .optional()
          .describe("Of a type that is not in the model (`x-…`): its fields. One that is not `required` may be absent or null."),
      }),
    )
    .max(100),
  commands: z.array(z.strictObject({ type: word, fields: z.array(fieldOffer).max(200) })).max(100),
  lookups: z
    .array(z.strictObject({ name: word, version: word.nullable() }))
    .max(100)
    .optional()
    .describe("Tables of the portal that the mapping uses, each with the version that the agent holds, null for none yet."),
});

export const welcome = z.strictObject({
  type: z.literal("welcome"),
  protocol: z.int(),
  model: z.int(),
  connection: z
    .int()
    .min(1)
    .max(lastConnection)
    .describe("Connection number of this connection; the agent stores it before it sends `start`."),
  seen: z.int().min(0).max(lastConnection).describe("The highest connection number that the portal had seen before this one."),
  last: sequence
    .nullable()
    .describe(
      "Last sequence number held durably for the hello's epoch, 0 for none yet; null when the portal does not know that epoch.",
    ),
  otherHost: word.optional().describe("The other host that used this agent's identity last, where it is another one."),
  types: z.array(word).max(100),
  windowItems: z.int().min(1),
  windowBytes: z.int().min(1_024),
  maxFrameBytes: z.int().min(1_024),
  heartbeatSeconds: z.int().min(1).max(3_600),
  now: instant,
});

/** The agent's first frame after `welcome`: it carries the connection number and says which epoch goes on. */
export const start = z.strictObject({
  type: z.literal("start"),
  connection: z.int().min(1).max(lastConnection),
  epoch,
  renewed: z
    .enum(["first", "agent-restored", "portal-restored", "cloned", "requested"])
    .optional()
    .describe("Why a new epoch begins; absent while the old one goes on."),
  next: sequence.describe("Sequence number of the next item to come."),
});

/** Why an entity is deleted. */
export const deleteReason = z.enum(["gone", "cancelled", "out-of-scope", "erased", "merged", "renumbered"]);

/** What accompanies one row of a table, by the row's index. */
const rowNotes = <T extends z.ZodType>(value: T) => record(z.string().regex(/^\d+$/), value).optional();

const tableShape = z.strictObject({
  type: word,
  op: z.enum(["upsert", "delete"]),
  fields: z
    .array(word)
    .max(200)
    .describe("Names of the values in each row after id and time; a delete's rows have the one field `reason`."),
  rows: z
    .array(z.array(json).min(2).max(202))
    .min(1)
    .describe(
      "`[id, time, ...values]`; time is when the agent read the state, milliseconds since the epoch. An absent optional field is not in `fields`.",
    ),
  cause: rowNotes(commandId).describe("Id of the command found in the ERP with this state."),
  replaces: rowNotes(entityId).describe("Old id that this entity continues."),
  withheld: rowNotes(z.array(word).max(200)).describe("Fields that a quality rule withheld; the portal drops the old value."),
});

/** What JSON Schema can't say of a table: names are unique, each row has a value for each name, notes belong to rows. */
export const changesTable = tableShape.superRefine((table, context) => {
  const fault = (path: PropertyKey[], message: string): void => context.addIssue({ code: "custom", path, message });
  if (new Set(table.fields).size !== table.fields.length || table.fields.includes("__proto__")) {
    fault(["fields"], "holds a name twice or a forbidden one");
  }
  if (table.op === "delete" && (table.fields.length !== 1 || table.fields[0] !== "reason"))
    fault(["fields"], "of a delete must be [reason]");
  const width = table.fields.length + 2;
  for (let index = 0; index < table.rows.length; index++) {
    const row = table.rows[index] as readonly Json[];
    if (row.length !== width) return fault(["rows", index], `must hold ${width} values`);
    if (typeof row[0] !== "string") return fault(["rows", index, 0], "must be the id");
    if (!Number.isSafeInteger(row[1])) return fault(["rows", index, 1], "must be the time in milliseconds");
  }
  for (const note of ["cause", "replaces", "withheld"] as const) {
    for (const index in table[note]) if (Number(index) >= table.rows.length) fault([note, index], "belongs to no row");
  }
});

export const changes = z.strictObject({
  type: z.literal("changes"),
  from: sequence.describe("Sequence number of the first row; each row of each table takes the next one."),
  tables: z.array(changesTable).min(1),
});

export const refusalCode = z.enum(["unknown-parent", "invalid", "later"]);

export const ack = z.strictObject({
  type: z.literal("ack"),
  seq: sequence.describe("All items up to here are durable at the portal."),
  refused: z.array(
    z.strictObject({ seq: sequence, code: refusalCode, reason: sentence, retryAfterMs: z.int().min(0).optional() }),
  ),
});

export const inventory = z.strictObject({
  type: z.literal("inventory"),
  id: requestId,
  entity: word,
  level: z.enum(["ranges", "ids"]),
  after: entityId.optional().describe("Exclusive lower bound, in the byte order of the UTF-8 id."),
  until: entityId.optional().describe("Inclusive upper bound."),
  limit: z.int().min(1).max(10_000).describe("At `ranges`: ids per range; at `ids`: ids per answer."),
});

export const command = z.strictObject({
  type: z.literal("command"),
  id: commandId,
  command: word.describe("For example `ticket.create`."),
  entity: z
    .union([z.strictObject({ type: word, id: entityId }), z.strictObject({ createdBy: commandId })])
    .optional()
    .describe("What it is about; absent for a create."),
  values: record(fieldName, json).describe(
    "Target values by field. A reference may be `{createdBy: command id}` where its id is not known yet.",
  ),
  base: record(fieldName, json).optional().describe("The values the portal last saw of the fields it changes."),
  after: commandId.optional().describe("The command on the same entity that must be finished before."),
  actor: word.optional(),
  onBehalfOf: word.optional(),
  blobs: z.array(requestId).max(20).optional().describe("Ids of the blobs it waits for."),
  again: z
    .literal(true)
    .optional()
    .describe("The agent has said `received` in this epoch. One that does not know the command has lost a part of its memory."),
  revision: z
    .int()
    .min(1)
    .optional()
    .describe(
      "Revision of the last result that the portal holds of it from this epoch. An agent that has told less of it has lost a part of its memory.",
    ),
  issuedAt: instant,
  expiresAt: instant.optional(),
});

export const received = z.strictObject({ type: z.literal("received"), id: commandId });

/** `executing`, `uncertain` and `waiting` are not final: a later revision follows. */
export const outcome = z.enum(["applied", "rejected", "conflict", "expired", "executing", "uncertain", "waiting"]);

export const result = z.strictObject({
  type: z.literal("result"),
  id: commandId,
  revision: z.int().min(1).describe("Counts the results of this command from 1; the highest stands."),
  outcome,
  entity: z.strictObject({ type: word, id: entityId }).optional().describe("The entity that it made or changed."),
  number: word.optional().describe("The number people read in the ERP."),
  seq: sequence.optional().describe("Sequence number under which the entity's new state travels, where known."),
  conflict: z
    .array(z.strictObject({ field: word, base: presentJson, current: presentJson, wanted: presentJson }))
    .max(200)
    .optional(),
  matches: z
    .array(
      z.strictObject({
        id: entityId,
        reasons: z
          .array(z.enum(["email", "name", "unit"]))
          .min(1)
          .max(3),
      }),
    )
    .max(100)
    .optional()
    .describe("Of `person.match`: persons that fit, and by what of the question; those for whom most speaks first."),
  error: z.strictObject({ code: word, de: sentence, en: sentence }).optional().describe("For the ticket's reader."),
});

export const settled = z.strictObject({ type: z.literal("settled"), id: commandId, revision: z.int().min(1) });

export const blobRequest = z.strictObject({
  type: z.literal("blob-request"),
  id: requestId,
  document: entityId,
  offset: z.int().min(0).describe("How many bytes the portal holds; they are of `version`. 0 for none."),
  version: word.optional().describe("The `version` of `blob` that the bytes before the offset came under."),
});

/** The agent is about to send pieces; a frame each, in a form of its own (blob-piece.ts). */
export const blob = z.strictObject({
  type: z.literal("blob"),
  id: requestId.describe("Of the `blob-request`."),
  offset: z.int().min(0).describe("Where the first piece begins: the request's offset, or 0 where the bytes are others by now."),
  sizeBytes: z.int().min(0),
  version: word.describe("Another one whenever the bytes may be others."),
});

export const blobAck = z.strictObject({
  type: z.literal("blob-ack"),
  id: requestId,
  offset: z.int().min(0).describe("All bytes before it are kept."),
});

export const lookup = z.strictObject({
  type: z.literal("lookup"),
  id: requestId,
  name: word.describe("One of those that `hello` names."),
  version: word.describe("Another one whenever the table is another one; the agent names it in its next `hello`."),
  fields: z.array(word).max(100).describe("The first one is what the mapping looks up: its values are unique."),
  rows: z
    .array(z.array(json))
    .max(100_000)
    .describe("The whole table in one frame of at most 16 MiB of JSON: texts, numbers, booleans or null, one for each field."),
});

export const request = z.strictObject({
  type: z.literal("request"),
  id: requestId,
  action: z.enum(["sync", "status", "diagnostics"]),
  source: word.optional(),
  full: z.boolean().optional(),
});

const range = z.strictObject({ first: entityId, last: entityId, count: z.int().min(1), digest });

export const answer = z.strictObject({
  type: z.literal("answer"),
  id: requestId,
  outcome: z.enum(["ok", "refused"]),
  reason: sentence.optional(),
  ranges: z.array(range).optional(),
  ids: z.array(z.tuple([entityId, digest])).optional(),
  complete: z.boolean().optional().describe("False when more follows after the last id named here."),
  blob: z
    .strictObject({ sizeBytes: z.int().min(0), sha256 })
    .optional()
    .describe("To a `blob-request`: all pieces were sent, and this is what they make together."),
});

/** The named states of the agent and of each source. */
export const runState = z.enum(["starting", "active", "behind", "paused", "held", "failing", "stopped"]);

export const status = z.strictObject({
  type: z.literal("status"),
  at: instant,
  state: runState,
  sources: z
    .array(
      z.strictObject({
        source: word,
        type: word,
        state: runState,
        reason: sentence.optional().describe("Code of the failure or name of the guard."),
        lastSuccess: instant.nullable(),
        rows: z.int().min(0),
        pending: z.int().min(0),
        quarantined: z.int().min(0),
        findings: z.int().min(0).optional().describe("Records of the source that a rule of data quality finds fault with."),
        lagMs: z.int().min(0).nullable(),
        checkedAt: instant
          .nullable()
          .optional()
          .describe("When what the portal holds of the source was last compared with what was sent, by `inventory`."),
        mended: z
          .int()
          .min(0)
          .optional()
          .describe("Differences that such checks have found and mended since the agent's store was made; it only grows."),
      }),
    )
    .max(1_000),
  commands: z.strictObject({ pending: z.int().min(0), uncertain: z.int().min(0) }),
  outbox: z.strictObject({ items: z.int().min(0), bytes: z.int().min(0) }),
  forecasts: z
    .array(z.strictObject({ code: word, message: sentence }))
    .max(100)
    .optional()
    .describe(
      "What will stand still one day if nobody does anything: a password or certificate that expires, a disk that fills.",
    ),
});

export const bye = z.strictObject({ type: z.literal("bye"), reason: sentence, retryAfterMs: z.int().min(0).optional() });

/** All messages by name and by who may send them. */
export const fromAgent = { hello, start, changes, inventory, received, result, answer, blob, status, bye } as const;
export const fromPortal = {
  welcome,
  ack,
  answer,
  command,
  settled,
  "blob-request": blobRequest,
  "blob-ack": blobAck,
  lookup,
  request,
  bye,
} as const;

const union = <M extends Record<string, z.ZodType>>(messages: M) => {
  const all = Object.values(messages) as [z.ZodObject, ...z.ZodObject[]];
  return z.discriminatedUnion("type", all) as unknown as z.ZodType<z.output<M[keyof M]>>;
};
export const agentMessage = union(fromAgent);
export const portalMessage = union(fromPortal);

export type AgentMessage = z.output<typeof agentMessage>;
export type PortalMessage = z.output<typeof portalMessage>;
export type Hello = z.output<typeof hello>;
export type Welcome = z.output<typeof welcome>;
export type Start = z.output<typeof start>;
export type Changes = z.output<typeof changes>;
export type ChangesTable = z.output<typeof changesTable>;
export type Ack = z.output<typeof ack>;
export type Refusal = Ack["refused"][number];
export type RefusalCode = z.output<typeof refusalCode>;
export type DeleteReason = z.output<typeof deleteReason>;
export type Inventory = z.output<typeof inventory>;
export type Command = z.output<typeof command>;
export type Outcome = z.output<typeof outcome>;
export type Result = z.output<typeof result>;
export type Answer = z.output<typeof answer>;
export type Status = z.output<typeof status>;
export type RunState = z.output<typeof runState>;
export type Request = z.output<typeof request>;
export type Lookup = z.output<typeof lookup>;
export type Blob = z.output<typeof blob>;
export type BlobRequest = z.output<typeof blobRequest>;

/** Close codes of the channel (protocol.md). */
export const closeCode = {
  malformed: 4400,
  notAuthenticated: 4401,
  silence: 4408,
  superseded: 4409,
  tooLarge: 4413,
  slowDown: 4429,
  restart: 1012,
  versionMismatch: 4406,
  stageMismatch: 4412,
} as const;
