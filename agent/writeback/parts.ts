/** What the write-back is given from outside: it opens nothing and knows no database. */
import type { FuserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Clock, Random } from "../../base/time.ts";
import type { Connector, FieldConflict, StepResults, WritePlan } from "../../connectors/connector.ts";
import type { Command, Result } from "../../protocol/messages.ts";
import type { FindingStore } from "../store/findings.ts";
import type { InboxStore, JournalStore, MetaStore, PendingStore } from "../store/store.ts";

/** A command with every `{createdBy}` replaced by the entity's id. */
export type ResolvedCommand = Omit<Command, "entity"> & { entity?: { type: string; id: string } };

/** An error for the ticket's reader, in both languages. */
export type ReplyError = NonNullable<Result["error"]>;

/** A command as ERP statements, and what its outcome means to the portal. */
export interface CompiledCommand {
  /** `mayBeRepeated` and `rehearse` are decided here, not by the compiler. */
  plan: Omit<WritePlan, "mayBeRepeated" | "rehearse">;
  /** Source of the entity that it makes or changes. */
  source: string;
  /** Type and id of the entity behind a key of that source. */
  entityOf(key: string): { type: string; id: string };
  /** The number that people read in the ERP. */
  numberOf(results: StepResults): string | undefined;
  /** Conflicting columns as fields of the portal's model. */
  conflicts(found: readonly FieldConflict[]): NonNullable<Result["conflict"]>;
  /** Whether a person is to decide on a conflict in these columns. */
  asks(found: readonly FieldConflict[]): boolean;
}

/**
 * Compiles a command; `rejected` when the configuration or its values don't allow it. `waits`: only for now, for the ERP's schema lacks what it needs; whether a
 * command that was under way took effect is then for nobody to say. Pure but for `now`, epoch ms.
 */
export type Compile = (
  command: ResolvedCommand,
  context: { now: number },
) => CompiledCommand | { rejected: ReplyError; waits?: FuserError };

/** What the configuration says of a command's type. */
export interface CommandLimits {
  /** Waits for approval. */
  draft: boolean;
  /** At most so many executions per hour; those beyond wait for approval. */
  perHour: number | undefined;
  /** The ERP can't tell whether such a command was carried out. */
  blind: boolean;
}

/** Named moments where the fault tests kill the process; those of the ERP's commit come from the connector. */
export type WritePoint =
  | "before-claim-commit"
  | "after-claim-commit"
  | "before-erp-commit"
  | "after-erp-commit"
  | "before-conclude-commit"
  | "after-conclude-commit";

/** The part of the store that the write-back needs. */
export interface WritebackStore {
  transaction<T>(action: () => T, name?: string): T;
  readonly meta: MetaStore;
  readonly inbox: InboxStore;
  readonly pending: Pick<PendingStore, "mark">;
  readonly journal: Pick<JournalStore, "add">;
  readonly findings: Pick<FindingStore, "replace" | "ofGroup">;
  /** A hash that only this store can make, signed 64 bits. */
  readonly facts: { hash(kind: string, text: string): bigint };
}

export type Within = (take: () => number | undefined) => Promise<undefined>;

/** What of a question becomes of it. */
export type Answer =
  | { kind: "said"; details: Pick<Result, "matches" | "entity"> }
  | { kind: "rejected"; error: ReplyError }
  /** Not all is known yet. */
  | { kind: "later" };

/** Commands that write nothing. */
export interface Questions {
  has(commandType: string): boolean;
  answer(command: ResolvedCommand): Answer;
}

export interface WritebackParts {
  store: WritebackStore;
  clock: Clock;
  random: Random;
  log: Log;
  compile: Compile;
  erp: Pick<Connector, "write" | "lookup">;
  /** Absent: none. */
  questions?: Questions;
  /**
   * Reads the entity back. `within` is called once it is read, and calls `take` in its transaction: that puts the state into the outbox, or notes that it
   * must be read, and returns its number there, undefined when nothing had to be sent. Not called where nothing may be read now.
   */
  readBack: (entity: { source: string; key: string }, signal: AbortSignal, within: Within) => Promise<unknown>;
  limitsOf: (commandType: string) => CommandLimits;
  /** Portal's clock, epoch ms (channel.ts): by it commands expire. */
  portalNow: () => number;
  /** Whether the portal waits for a result of this command, by what it has said on the connection that is up; undefined while that is not known. */
  portalAsks: (id: string) => boolean | undefined;
  /** `test`: every command is rehearsed and rolled back. */
  stage: () => "test" | "live";
  /** True while commands must wait (blackout with `commands: hold`, pause). */
  onHold: () => boolean;
  commitPoint: (point: WritePoint) => Promise<void>;
  /** Commands under way at once, each on an entity of its own. */
  parallel: number;
}
