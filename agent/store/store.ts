/**
 * The agent's durable memory, one SQLite file (`node:sqlite`, WAL, synchronous=FULL). Everything that must be true together is written in one
 * `transaction`. All calls are synchronous: nothing else of the agent runs between two statements of one transaction.
 */

import type { EntityText, FieldNames } from "../../protocol/entity-text.ts";
import type { DeleteReason, Outcome, Command as PortalCommand, Result } from "../../protocol/messages.ts";
import type { TypeName } from "../../protocol/model.ts";
import type { KeyBytes } from "./entities/key-bytes.ts";
import type { FactStore } from "./facts.ts";
import type { FindingStore } from "./findings.ts";
import type { LookupStore } from "./lookups.ts";
import type { OutOfScopeStore } from "./out-of-scope.ts";
import type { ReuseStore } from "./reuses.ts";
import type { SuccessionStore } from "./successions.ts";

/** Why a key waits, and for what. */
export type PendingStage =
  /** Signalled: to be read. */
  | "marked"
  /** Read once; read again at `notBefore` because a row may become visible after its signal, or because it was not found. */
  | "confirm"
  /** What was read takes away so much that it is believed only when it is known how many others do: read again at `notBefore`. */
  | "suspect"
  /** Confirmed absent; deleted at `notBefore` if still absent (grace). */
  | "grace"
  /** Its delete, or what else is suspected of it, waits for a person's approval under `guard`. */
  | "held"
  /** That was approved. */
  | "approved";

/** What of a row is suspected, of which there may be many: the ERP flags it as deleted, fields that had a value have none, it refers to another parent. */
export type Why = "flag" | "emptied" | "moved" | "both";

/** What was read of a suspected key. */
export interface Suspicion {
  why: Why;
  rowDigest: bigint;
  /** Of the state that would be sent; undefined for a delete. */
  entityDigest: bigint | undefined;
}

export interface PendingKey {
  source: string;
  key: string;
  stage: PendingStage;
  /** Raised with every signal: a read clears the key only if no signal came meanwhile. */
  mark: number;
  /** First signal, epoch milliseconds. */
  since: number;
  notBefore: number;
  guard: number | undefined;
  /** A signal asked for a second read, which has not been made yet. */
  owesConfirm: boolean;
  /** Since when it is suspected, or was found absent, epoch ms. */
  suspectedAt: number | undefined;
  /** Of a key that is suspected, held or approved for more than being absent, or was before the last signal. */
  suspicion: Suspicion | undefined;
}

/** At most one per entity; survives everything (architecture.md, idea 1). */
export interface PendingStore {
  /**
   * Marks keys as changed: a new key at stage `marked`, due at once; a known one gets a higher mark and stage `marked`.
   * `confirm`: must be read a second time at least 2 s after its first read. `confirm: false` never takes away an owed confirmation.
   */
  mark(source: string, keys: readonly string[], options: { now: number; confirm: boolean }): void;
  /** The same as a mark with `confirm` whose first read is made already: only its confirming read is still to come, at `notBefore`. */
  owe(source: string, keys: readonly string[], options: { now: number; notBefore: number }): void;
  /** Keys of `source` that are due, oldest first; held keys are never due. */
  due(source: string, now: number, limit: number): readonly PendingKey[];
  get(source: string, key: string): PendingKey | undefined;
  /** Indexes of the keys, given by their digests, that may be among those of `source`: all that are, and few others. */
  mayWait(source: string, keyDigests: BigUint64Array): readonly number[];
  /** Removes the key if its mark is still `mark`; otherwise it stays for the newer signal. Returns whether it was removed. */
  clear(source: string, key: string, mark: number): boolean;
  /** Moves the key to another stage if its mark is still `mark`. */
  advance(source: string, key: string, mark: number, to: PendingMove): boolean;
  /** Earliest `notBefore` of a source, or over all sources, but held keys; undefined when nothing waits. */
  nextDue(source?: string): number | undefined;
  /** First signal of the key that waits longest to be read: what the lag is measured from. Keys in grace or held don't count. */
  oldestSince(source: string): number | undefined;
  count(source?: string): number;
  /** How many keys of a source are suspected of this, or held for it. */
  countSuspected(source: string, why: "emptied" | "moved"): number;
  /**
   * When the last of those keys of a source is due that were found absent or suspected just now and are to be read again; those that wait longer than `until` don't
   * count. Undefined where all are due.
   */
  lastArrival(source: string, span: { now: number; until: number }): number | undefined;
  /** What a compare suspected is due. */
  wakeSuspects(source: string, now: number): void;
  /** Keys of a source that were found absent or flagged as deleted, of which the portal holds something, and that are not deleted yet, whatever they wait for but a person's approval already given. */
  countVanished(source: string): number;
  /** The clock was set back: what was signalled in a time still to come counts as signalled now, and waits no longer than it had to. */
  setBack(now: number): void;
  /** Keys held under a guard. */
  heldBy(guard: number): readonly PendingKey[];
  /** `approved`: its keys are due at once and their deletes go out; `dropped`: the keys are forgotten. Returns how many. */
  releaseGuard(guard: number, to: "approved" | "dropped", now: number): number;
  /** Called after each commit that marked or released keys. */
  onMark(listener: () => void): () => void;
}

export interface PendingMove {
  stage: PendingStage;
  notBefore: number;
  guard?: number;
  /** Default: as it was. */
  owesConfirm?: boolean;
  /** It was found absent, and the portal holds nothing of it: no delete will come of it. Only beside `owesConfirm: false`. */
  unheld?: boolean;
  /** Since when it is suspected, where that was not noted before. */
  suspectedAt?: number;
  /** Default: as it was. */
  suspicion?: Suspicion | "none";
}

/** State of one entity as last put into the outbox. */
export interface EntityState {
  /** Where it lies; stable while the entity lives. */
  no: number;
  /** Digest of the row that led to it; undefined when void. */
  rowDigest: bigint | undefined;
  /** Digest of the fields last put into the outbox; undefined when the portal holds nothing of it. */
  entityDigest: bigint | undefined;
}

export interface EntityStore {
  get(source: string, key: string): EntityState | undefined;
  /** States of many keys, in the keys' order; `digests`: those of the keys (base/key-digest.ts), where they are at hand. */
  getMany(
    source: string,
    keys: readonly (string | undefined)[],
    digests?: readonly bigint[],
  ): readonly (EntityState | undefined)[];
  /** Returns the entity's `no`. `parents`: what it refers to now; left as they are when not given. */
  put(source: string, key: string, state: NewEntityState): number;
  /** Adds an entity where there is certainly none of its key, within the transaction under way. */
  add(source: string, key: string, entity: NewEntity): void;
  /** The same for many, by the bytes of their keys. `targets`: the sources that they may refer to. Good for the transaction under way. */
  adder(source: string, made: { targets: readonly string[]; form: number }): EntityAdder;
  remove(source: string, key: string): void;
  /**
   * Number of an entity that the portal holds (see `known`), undefined where it holds none. Cheap for what was asked for before, of which 96 bits of the
   * key's hash agree.
   */
  knownNo(source: string, key: string): number | undefined;
  /** True when the portal holds (or will hold, being in the outbox before anything later) this entity. */
  known(source: string, key: string): boolean;
  count(source: string): number;
  /** Begins to compare a source's rows with its entities. To be disposed of at the end. */
  walk(source: string): EntityWalk;
  /**
   * What the portal holds of a source, a bounded number at a time and in an order that stays, from the one on where an earlier call was left (`next`). Others may write
   * in between: what comes or goes meanwhile may be missed.
   */
  held(source: string, from?: number): Iterable<HeldEntities>;
  /**
   * For each of these keys the entities that the portal holds and that refer to it: as long as there is one, it may not be deleted. At most `limit` for each; goes
   * through all references, so ask for many keys at once.
   */
  dependentsOf(source: string, keys: readonly string[], limit: number): readonly (readonly EntityPlace[])[];
  /**
   * Whether there are entities that only an inventory has named: not read since, or in vain, so that nobody knows what they refer to. `pending`: only those
   * that are waiting to be read or deleted.
   */
  hasStrangers(source: string, which: "any" | "pending"): boolean;
  isStranger(source: string, key: string): boolean;
  /** Entities that were sent without a reference because this one was not there (mapping.md, `missing: omit`). */
  awaiting(source: string, key: string): readonly EntityPlace[];
  /** Whether any entity of the source is waited for so. */
  mayAwait(source: string): boolean;
  /** The parents that an entity was sent without; replaces what was noted before. */
  setAwaited(source: string, key: string, parents: readonly EntityPlace[]): void;
  /** These. */
  awaitedBy(child: EntityPlace): readonly EntityPlace[];
  /** All entities that were sent without a reference. */
  allAwaiting(): readonly EntityPlace[];
  /** Who is told of each for which something was noted so, or is no more; replaces who was told before. */
  watchAwaited(listener: ((child: EntityPlace) => void) | undefined): void;
  /** Fields that had a value when the entity was last put, as bits; 0 where that is not known, or was put in another form. */
  filled(no: number, form: number): number;
  /** What this entity referred to when it was last put. */
  parentsOf(source: string, key: string): readonly EntityPlace[];
  /** Voids all row digests of a source (mapping or columns changed), or the one of a key (release). */
  voidRowDigests(source: string, key?: string): void;
  /**
   * Replaces all entity digests of a source by what the portal's inventory says (new epoch): all digests become void, those that the portal names are
   * added page by page, and at the end what the portal does not hold is dropped and the source is reconciled.
   */
  beginInventory(source: string): void;
  addInventory(source: string, held: Iterable<{ key: string; entityDigest: bigint }>): void;
  endInventory(source: string): void;
}

/** Some entities that the portal holds. */
export interface HeldEntities {
  entities: readonly { key: string; entityDigest: bigint }[];
  /** Where those behind them begin. */
  next: number;
}

/** A scan on its way through the entities of a source. */
export interface EntityWalk extends Disposable {
  /**
   * Rows whose entity is not known with just this row digest, given the digests of their keys and those of the rows; the others count as seen. Fast where rows come
   * in the order of the last time.
   */
  differing(keyDigests: BigUint64Array, rowDigests: BigUint64Array): Differing;
  /** An entity's row was seen, whatever it says. */
  see(state: EntityState): void;
  /** Keys of the entities that were there when the walk began and were not seen, batch by batch. */
  unseen(): Iterable<readonly string[]>;
}

export interface Differing {
  /** Indexes of the rows, ascending. */
  indexes: readonly number[];
  /** Of each of them whether there is certainly no entity of its key. */
  isNew: readonly boolean[];
}

/** An entity by its source and key. */
export interface EntityPlace {
  source: string;
  key: string;
}

export interface NewEntityState {
  rowDigest: bigint | undefined;
  entityDigest: bigint | undefined;
  /** `no`: the parent's, where it is at hand. */
  parents?: readonly (EntityPlace & { no?: number | undefined })[];
  /** The state before, where the caller has just read it in the same turn; `none` when there is none. */
  before?: Pick<EntityState, "no"> | "none";
  /** Digest of the key, where it is at hand. */
  keyDigest?: bigint | undefined;
  /** Left as it is when not given. */
  filled?: Filled;
}

/** Which fields of an entity have a value. */
export interface Filled {
  /** What the bits mean, not 0: those of another form say nothing. */
  form: number;
  bits: number;
}

/** See `EntityStore.adder`. */
export interface EntityAdder {
  /** `EntityStore.knownNo` of an entity of `targets[target]`; 0 where the portal holds none. */
  known(target: number, key: KeyBytes): number;
  add(entity: MadeEntity): void;
}

/** An entity that is made, as bytes: its digests in halves, lower one first, with a sign. One object may serve for many. */
export interface MadeEntity {
  key: KeyBytes;
  keyLow: number;
  keyHigh: number;
  rowLow: number;
  rowHigh: number;
  entityDigest: bigint;
  /** Numbers of the entities that it refers to, each once, and of each of them the index of its source among the targets; so many of both count. */
  parents: Uint32Array;
  targets: Int32Array;
  parentCount: number;
  /** Bits of `Filled`. */
  filled: number;
}

/** An entity that is made. */
export interface NewEntity {
  keyDigest: bigint;
  rowDigest: bigint;
  entityDigest: bigint;
  /** Numbers of the entities that it refers to, each once. */
  parents: readonly number[];
  filled: Filled;
}

/** Item on its way to the portal. */
export type OutboxItem =
  | {
      op: "upsert";
      type: TypeName;
      id: string;
      time: number;
      text: EntityText;
      cause?: string;
      withheld?: readonly string[];
      replaces?: string;
    }
  | { op: "delete"; type: TypeName; id: string; time: number; reason: DeleteReason };

export interface OutboxFrame {
  first: number;
  last: number;
  /** Bytes as the socket sends them. */
  bytes: Uint8Array;
  /** True: send as text frame, else binary. */
  text: boolean;
}

/** A plain upsert as bytes, copied by whoever takes it. One object may serve for many. */
export interface OutboxRow {
  type: TypeName;
  time: number;
  names: FieldNames;
  /** The id, as it stands within the quotes of JSON, all ASCII: `bytes` up to `idEnd`. */
  bytes: Uint8Array;
  idEnd: number;
  /** `EntityText.values` as UTF-8. */
  values: Uint8Array;
}

export interface OutboxAppender {
  /** The item's number, or `too-large` for one that fits no frame. */
  add(item: OutboxItem): number | "too-large";
  addRow(row: OutboxRow): number | "too-large";
  end(): void;
}

export interface OutboxStore {
  /** Appends items as frames of at most `maxFrameBytes`; returns the sequence number of each item, or `too-large` for one that fits no frame. */
  append(items: readonly OutboxItem[], options: { bulk: boolean }): readonly (number | "too-large")[];
  /** The same item by item, within the transaction under way. To be ended before anything else is appended. */
  open(options: { bulk: boolean }): OutboxAppender;
  /** Whether another batch may be appended now (64 MB in all; bulk at most 8 MB ahead). */
  hasRoom(bulk: boolean): boolean;
  /** The frame that holds `seq`, or the first one after; undefined at the end. */
  frameFrom(seq: number): OutboxFrame | undefined;
  /** Drops frames wholly at or below `seq`; durable with the next commit, for the portal repeats its `last` at each connect. */
  ack(seq: number): void;
  /** Makes acks durable that no commit has taken along yet. */
  flush(): void;
  /** Identity of an item still in the outbox, that is not yet acked. */
  itemAt(seq: number): { op: OutboxItem["op"]; type: TypeName; id: string } | undefined;
  /** Number of the newest item of this id that is not yet acked. */
  seqOf(type: TypeName, id: string): number | undefined;
  /** The same for many ids, in their order, in one pass. */
  latestSeqs(ids: readonly { type: TypeName; id: string }[]): (number | undefined)[];
  bounds(): { first: number; next: number; items: number; bytes: number };
  /** Largest JSON of a frame in bytes, before compression; kept over restarts. Frames already made that are larger are cut anew, numbers unchanged. */
  setMaxFrameBytes(bytes: number): void;
  /** Called after each commit that appended. */
  onAppend(listener: () => void): () => void;
}

/** Where a command stands; see the transition function in inbox.ts. */
export type CommandState =
  | "received"
  /** Claimed: the ERP transaction may be under way; after a crash it is looked up first. */
  | "executing"
  /** Draft or cap: waits for a person. */
  | "waiting"
  | "uncertain"
  /** Final, the portal has not settled it yet. */
  | "finished"
  | "settled";

export interface InboxCommand {
  id: string;
  state: CommandState;
  /** The message; undefined once purged after settling. */
  command: PortalCommand | undefined;
  /** True when an execution was begun in some earlier life or epoch: the ERP must be asked first. */
  mayBeRepeated: boolean;
  receivedAt: number;
  attempts: number;
  notBefore: number;
  /** A person let a draft pass, or asked for another try of an uncertain one. */
  approved: boolean;
  result: Result | undefined;
  /** Highest revision of its results that the portal holds. */
  settledRevision: number;
  /** When the portal took note of its result, epoch ms: it was carried out before. Of a command that is `settled`. */
  settledAt: number | undefined;
  /** Source and key that it made or changed, once applied. */
  source: string | undefined;
  key: string | undefined;
}

export interface InboxStore {
  /** Stores a command (or recognises it). `newEpoch`: it may have been executed before this store knew it. */
  receive(command: PortalCommand, options: { now: number; mayBeRepeated: boolean }): "stored" | "known";
  get(id: string): InboxCommand | undefined;
  /**
   * Commands that may be executed now, in order of receipt: `notBefore` passed, and neither the predecessor (`after`) nor an earlier command on the
   * same entity is still `received`, `executing` or `waiting`. One behind an `uncertain` command is among them: it is to be refused (protocol.md, "Down").
   */
  claimable(now: number, limit: number): readonly InboxCommand[];
  /** `received` -> `executing`, durable before the ERP is touched. */
  claim(id: string): void;
  /** A result for the portal of a command that goes on, `executing` where nothing else is said; returns its revision. Call it in the transaction of the claim, or of the retry. */
  announce(id: string, told?: Pick<Result, "outcome" | "error">): number;
  /** `executing` back to `received` with mayBeRepeated, to be retried at `notBefore`. */
  retryAt(id: string, notBefore: number): void;
  /** What waits to be retried is due at once; returns how many. */
  hurry(now: number): number;
  /** A person's word: a `waiting` draft or an `uncertain` command becomes `received` and approved; the ERP is asked first where it may be a repetition. */
  approve(id: string, now: number): void;
  /** A result, final or not; raises the revision. */
  conclude(
    id: string,
    outcome: Outcome,
    details: Omit<Result, "type" | "id" | "revision" | "outcome">,
    entity?: { source: string; key: string },
  ): void;
  /** A person's word: an applied command whose effect a restored ERP has lost becomes `received` again, approved, and is looked up before it runs. */
  reopen(id: string, now: number): void;
  /** Earliest `notBefore` of the received commands; undefined when there is none. */
  nextDue(): number | undefined;
  /** After a start: everything `executing` is back at `received` with mayBeRepeated. Returns how many. */
  recover(): number;
  /** Results the portal has not settled. */
  unsettled(): readonly Result[];
  settle(id: string, revision: number): void;
  /** The ERP has carried the command out on this entity: until it is concluded `causeOf` names it. Kept in memory only. */
  noteEffect(id: string, entity: { source: string; key: string }): void;
  /** The last applied command that made or changed this entity (for `cause` where the ERP's row does not tell). */
  causeOf(source: string, key: string): string | undefined;
  /** False: certainly of none of the source's entities. */
  mayCause(source: string): boolean;
  /** Open commands that must come to an end before this one: its predecessor, and earlier ones on the same entity. Oldest first. */
  aheadOf(id: string): readonly Pick<InboxCommand, "id" | "state">[];
  /** Newest first. */
  list(filter?: { state?: CommandState; limit?: number }): readonly InboxCommand[];
  counts(): Readonly<Record<CommandState, number>>;
  /** Drops payloads past retention; ids are remembered 400 days. */
  purge(now: number): void;
  onChange(listener: () => void): () => void;
}

export interface QuarantineEntry {
  source: string;
  key: string;
  type: TypeName;
  id: string;
  /** `RowFault` code, `parent-missing`, `too-large`, `refused-invalid`, `refused-unknown-parent`, ... */
  code: string;
  field: string | undefined;
  message: string;
  /** Digest of the refused state. */
  digest: bigint | undefined;
  since: number;
  /** Parent that it waits for. */
  waitsFor: { source: string; key: string } | undefined;
}

export interface QuarantineStore {
  put(entry: QuarantineEntry): void;
  remove(source: string, key: string): boolean;
  get(source: string, key: string): QuarantineEntry | undefined;
  /** False: certainly none of the source is in quarantine, nor waited for by one that is. */
  mayConcern(source: string): boolean;
  /** Who is told of each entry that is put or removed, within its transaction; replaces who was told before. */
  watch(listener: ((place: EntityPlace) => void) | undefined): void;
  /** Entries that wait for this parent. */
  dependents(source: string, key: string): readonly QuarantineEntry[];
  list(filter?: { source?: string; limit?: number; offset?: number }): readonly QuarantineEntry[];
  count(source?: string): number;
}

/** What the agent knows of a source between runs. */
export interface SourceState {
  /** Fingerprint under which the row digests were taken. */
  fingerprint: string | undefined;
  /** End of the last complete compare, epoch ms. */
  comparedAt: number | undefined;
  lastSuccessAt: number | undefined;
  rows: number;
  sent: number;
  /** Fingerprint under which facts of all of its entities are kept; undefined while some may be missing. */
  facts: string | undefined;
  /** Whether facts of what is gone may be left: of rows that went between the reads of facts and the first compare. */
  factsSwept: boolean;
  /** False from a new epoch on until the entity digests stand for what the portal holds: nothing of the source may be read before. */
  reconciled: boolean;
}

/** A row of a touchedBy table. */
export interface ChildState {
  /** Small number, stable while the child lives: index into a compare's bitmap. */
  no: number;
  parent: string;
}

export interface SourceStore {
  get(source: string): SourceState;
  update(source: string, change: Partial<SourceState>): void;
  /** Position of one signal (source or touchedBy table): its mark, committed with the keys it marked. */
  position(signal: string): string | undefined;
  setPosition(signal: string, mark: string | undefined): void;
  /** Child key -> parent key of a touchedBy table. */
  child(signal: string, own: string): ChildState | undefined;
  setParents(signal: string, children: readonly { own: string; parent: string }[]): void;
  removeChild(signal: string, own: string): void;
  /** Highest `no` of any child. */
  highestChildNo(): number;
  /** Children of a signal whose `no` is not set in `seen`, batch by batch; those made after `upToNo` are left out. */
  unseenChildren(signal: string, seen: Uint8Array, upToNo: number): Iterable<readonly { own: string; parent: string }[]>;
  /** Samples of marks that tell a restored ERP apart (newest last, a bounded number). */
  samples(signal: string): readonly { key: string; mark: string }[];
  setSamples(signal: string, samples: readonly { key: string; mark: string }[]): void;
}

/** Single values by name: epoch, connection number, ERP identity, enrolment. */
export interface MetaStore {
  get(name: string): string | undefined;
  set(name: string, value: string | undefined): void;
}

export interface Guard {
  id: number;
  source: string;
  /** `deletes`, `emptied`, `moved`: more than the limit; `history`: deletes inferred by a compare after lost history. */
  kind: "deletes" | "history" | "emptied" | "moved";
  /** Keys that it holds now; of a decided one, those it held then. */
  count: number;
  of: number;
  since: number;
  state: "open" | "approved" | "rejected";
  /** Fields that lost their values, or sources of the parents that changed. */
  fields: readonly string[];
}

export interface GuardStore {
  /** The open guard of a source and kind, made if there is none. */
  open(source: string, kind: Guard["kind"], now: number): Guard;
  get(id: number): Guard | undefined;
  list(): readonly Guard[];
  /** Adds to its fields. */
  addFields(id: number, fields: readonly string[]): void;
  /** Of how many known entities the open guard holds some. */
  outOf(id: number, known: number): void;
  close(id: number, state: "approved" | "rejected", now: number): void;
  /** An open one that holds nothing any more: there is nothing to decide. */
  remove(id: number): void;
}

/** What a command of the CLI asks of the running agent. */
export type AskBody =
  | { kind: "sync"; source: string | undefined; full: boolean }
  | { kind: "guard"; guard: number; decision: "approve" | "reject" }
  | { kind: "release"; source: string; key: string | undefined }
  /** Keys of a source that go over into others, or are `merged` with them; expected until then, epoch ms. */
  | { kind: "rekey"; source: string; pairs: readonly { old: string; next: string }[]; until: number; merged?: boolean }
  /** `until`: epoch ms at which it ends. */
  | { kind: "accept"; finding: number; reason: string; until: number | undefined }
  | { kind: "command"; id: string; action: "retry" | "approve" }
  | { kind: "command"; id: string; action: "resolve"; outcome: Verdict; key: string | undefined };

/** What a person says became of a command, or whose value stands where both sides have changed it. */
export type Verdict = "applied" | "rejected" | "portal-wins" | "erp-wins";

export interface Ask {
  id: number;
  body: AskBody;
  askedAt: number;
}

export interface AskAnswer {
  outcome: "done" | "refused";
  message: string;
  /** Of a refusal: its code, and what to do. */
  code?: string;
  hint?: string;
}

/** Mailbox from the CLI, another process, to the running agent. A question is answered once and stays until it is; it survives a restart. */
export interface AskStore {
  /** Returns the question's number. */
  post(body: AskBody, now: number): number;
  /** Unanswered questions, oldest first; cheap enough to be asked several times a second. */
  open(): readonly Ask[];
  answer(id: number, answer: AskAnswer, now: number): void;
  answerOf(id: number): AskAnswer | undefined;
  /** Forgets answered questions of more than a day ago. */
  purge(now: number): void;
}

export interface JournalEntry {
  at: number;
  /** `sync`, `compare`, `check`, `command`, `channel`, `history`, `guard`, `quality`, ... */
  kind: string;
  source: string | undefined;
  status: "ok" | "failed" | "refused" | "held";
  durationMs: number | undefined;
  /** Masked payload or counts, JSON. */
  detail: Readonly<Record<string, string | number | boolean>>;
}

export interface JournalStore {
  add(entry: JournalEntry): void;
  list(filter: {
    kind?: string;
    source?: string;
    status?: string;
    since?: number;
    /** Only what tells of this command (its id) or record (its id, or its key among `detail.keys` or `detail.gone`). */
    about?: string;
    limit: number;
  }): readonly (JournalEntry & { id: number })[];
  purge(now: number): void;
}

/** Named moments of a transaction; fault tests kill the process there. */
export type CommitHook = (moment: "before-commit" | "after-commit", name: string) => void;

export interface Store extends AsyncDisposable {
  /**
   * Runs `action`, which must be synchronous, in one transaction: durable when it returns, rolled back when it throws. Nested calls join the outer
   * one. `name` is what `CommitHook` is told.
   */
  transaction<T>(action: () => T, name?: string): T;
  /** The same without an fsync: a power cut may take it back as a whole. For what is done again then. */
  repeatable<T>(action: () => T, name: string): T;
  /** How many commits there were since it was opened: while the number stays, what was read outside of a transaction stands. */
  readonly commits: number;
  /** Where a damaged file was set aside to when this store was opened: what stands here is new and empty. */
  readonly wasSetAside: string | undefined;
  readonly meta: MetaStore;
  readonly sources: SourceStore;
  readonly pending: PendingStore;
  readonly entities: EntityStore;
  readonly facts: FactStore;
  readonly findings: FindingStore;
  readonly lookups: LookupStore;
  readonly outOfScope: OutOfScopeStore;
  readonly successions: SuccessionStore;
  readonly reuses: ReuseStore;
  readonly outbox: OutboxStore;
  readonly inbox: InboxStore;
  readonly quarantine: QuarantineStore;
  readonly guards: GuardStore;
  readonly journal: JournalStore;
  readonly asks: AskStore;
  /**
   * A new epoch: outbox emptied, numbers start over, row digests void, no source reconciled: nothing is read until the caller has replaced entity
   * digests by inventory. Kept as `meta` value `epoch`.
   */
  renewEpoch(epoch: string): void;
  close(): void;
}

/** What another process may do while the agent runs: look, and leave a question. */
export interface StoreReader extends Disposable {
  readonly meta: Pick<MetaStore, "get">;
  readonly sources: Pick<SourceStore, "get" | "position">;
  readonly pending: Pick<PendingStore, "get" | "count" | "heldBy" | "nextDue" | "oldestSince">;
  readonly entities: Pick<EntityStore, "get" | "count" | "known" | "parentsOf" | "awaitedBy" | "dependentsOf">;
  readonly outbox: Pick<OutboxStore, "bounds" | "seqOf" | "itemAt">;
  readonly inbox: Pick<InboxStore, "get" | "list" | "counts" | "causeOf" | "aheadOf">;
  readonly findings: Pick<FindingStore, "list" | "count">;
  readonly facts: Pick<FactStore, "contractsOf" | "sharersOf">;
  readonly lookups: Pick<LookupStore, "all">;
  readonly successions: Pick<SuccessionStore, "of" | "before">;
  readonly reuses: Pick<ReuseStore, "version" | "generationOf" | "any" | "ofParent">;
  readonly quarantine: Pick<QuarantineStore, "get" | "list" | "count" | "dependents">;
  readonly guards: Pick<GuardStore, "get" | "list">;
  readonly journal: Pick<JournalStore, "list">;
  readonly asks: Pick<AskStore, "post" | "answerOf">;
}
