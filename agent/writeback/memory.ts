/** What the write-back remembers beside the inbox, in the store's `meta`. */
import type { Result } from "../../protocol/messages.ts";
import type { MetaStore } from "../store/store.ts";

const hourMs = 60 * 60_000;

const executionsOf = (commandType: string): string => `writeback.executions.${commandType}`;

/** Times of the executions of a type within the last hour. */
function recent(meta: MetaStore, commandType: string, now: number): number[] {
  const times = JSON.parse(meta.get(executionsOf(commandType)) ?? "[]") as number[];
  return times.filter((at) => at > now - hourMs && at <= now);
}

/** True when another execution of this type would exceed its cap per sliding hour. */
export function overCap(meta: MetaStore, commandType: string, perHour: number | undefined, now: number): boolean {
  return perHour !== undefined && recent(meta, commandType, now).length >= perHour;
}

/** Counts an execution; in the transaction of its claim, so that a restart forgets none. */
export function countExecution(meta: MetaStore, commandType: string, perHour: number | undefined, now: number): void {
  if (perHour === undefined) return;
  meta.set(executionsOf(commandType), JSON.stringify([...recent(meta, commandType, now), now].slice(-perHour)));
}

const freshName = (id: string): string => `writeback.fresh.${id}`;

/** Whose word it is that the next execution of a command is no repetition. */
export type FreshBy = "erp" | "person";

/**
 * Notes that the next execution of this command is no repetition although it was tried `attempts` times: nothing was written, or a person says so.
 * It holds for one claim only: after a crash in that one it is void. And within its epoch only: a store that was put back to an older state no longer knows what came after.
 */
export function noteFresh(meta: MetaStore, id: string, { attempts, by }: { attempts: number; by: FreshBy }): void {
  meta.set(freshName(id), freshText(meta, attempts, by));
}

// The channel's memory writes the epoch.
const freshText = (meta: MetaStore, attempts: number, by: FreshBy): string => `${attempts} ${by} ${meta.get("epoch") ?? ""}`;

/** Whose note is about the claim that made `attempts`; undefined for none. */
export function freshBy(meta: MetaStore, id: string, attempts: number): FreshBy | undefined {
  const note = meta.get(freshName(id));
  return (["erp", "person"] as const).find((by) => note === freshText(meta, attempts - 1, by));
}

export function forgetFresh(meta: MetaStore, id: string): void {
  if (meta.get(freshName(id)) !== undefined) meta.set(freshName(id), undefined);
}

const stagedName = (id: string): string => `writeback.staged.${id}`;

/** The command's row waits in a staging table: from now on it is looked for and never written. */
export function noteStaged(meta: MetaStore, id: string): void {
  meta.set(stagedName(id), "1");
}

export function isStaged(meta: Pick<MetaStore, "get">, id: string): boolean {
  return meta.get(stagedName(id)) !== undefined;
}

export function forgetStaged(meta: MetaStore, id: string): void {
  if (isStaged(meta, id)) meta.set(stagedName(id), undefined);
}

const askedName = (id: string): string => `writeback.asked.${id}`;

/** A conflict that a person decides on. */
export interface Asked {
  source: string;
  key: string;
  /** What the ERP holds of the columns in dispute, as text: all that the person was shown. */
  seen: Readonly<Record<string, string | null>>;
}

/** Beside what was asked before: who decides on a second column need not decide on the first one again. */
export function noteAsked(meta: MetaStore, id: string, asked: Asked): void {
  const seen = { ...askedOf(meta, id)?.seen, ...asked.seen };
  meta.set(askedName(id), JSON.stringify({ ...asked, seen }));
}

export function askedOf(meta: Pick<MetaStore, "get">, id: string): Asked | undefined {
  const note = meta.get(askedName(id));
  return note === undefined ? undefined : (JSON.parse(note) as Asked);
}

const overruledName = (id: string): string => `writeback.overruled.${id}`;

type Conflict = NonNullable<Result["conflict"]>;

/** What the command writes over, or has written over: whoever concludes it tells of it, also after a crash. */
export function noteOverruled(meta: MetaStore, id: string, fields: Conflict): void {
  const before = overruledOf(meta, id).filter((one) => !fields.some(({ field }) => field === one.field));
  meta.set(overruledName(id), JSON.stringify([...before, ...fields]));
}

export function overruledOf(meta: Pick<MetaStore, "get">, id: string): Conflict {
  return JSON.parse(meta.get(overruledName(id)) ?? "[]") as Conflict;
}

export function forgetOverruled(meta: MetaStore, id: string): void {
  if (meta.get(overruledName(id)) !== undefined) meta.set(overruledName(id), undefined);
}

/** Nothing of it is in dispute any more. */
export function forgetConflict(meta: MetaStore, id: string): void {
  if (meta.get(askedName(id)) !== undefined) meta.set(askedName(id), undefined);
  forgetOverruled(meta, id);
}

const vanishedName = "writeback.vanished";

/** Applied commands whose effect the ERP no longer has; a person decides about them. */
export function vanishedCommands(meta: Pick<MetaStore, "get">): readonly string[] {
  return JSON.parse(meta.get(vanishedName) ?? "[]") as string[];
}

export function rememberVanished(meta: MetaStore, ids: readonly string[]): void {
  meta.set(vanishedName, ids.length === 0 ? undefined : JSON.stringify(ids));
}
