/**
 * Tells a feed that says nothing of a table from a table that does not change: by marks of the tables, looked at every so often. A mark may change without
 * any row of ours (another schema, a transaction that was rolled back), so a suspicion is acted upon only so often; and a feed that is still telling of what
 * came before is behind, not silent.
 */
import type { Clock } from "../../base/time.ts";

/** After a table was found silent, the next time is at the earliest so much later. */
const againAfterMs = 900_000;
/** Whoever waits so long for the next batch has heard all that there was. */
const pauseMs = 250;

interface Watched {
  mark: string | undefined;
  /** How often something was told of it; at the last look; and when its mark was found to have changed without. */
  told: number;
  toldAtLook: number;
  suspectedAt: number | undefined;
  silent: boolean;
  /** It is to be compared as soon as the last time is long enough ago. */
  owed: boolean;
  quietUntil: number;
}

/** What of a table outlives a kill. */
export interface Remembered {
  /** At the last look. */
  mark?: string;
  /** Something was told of it since. */
  told?: true;
  /** It had changed at that look, and nothing was told of it until now. */
  suspected?: true;
  /** It was found silent, and its compare was put off. */
  owed?: boolean;
}

export interface Silence {
  /** The next batch is asked for. */
  asked(): void;
  /** It came, and tells something of these tables; `moved`: its position is another one than the last. Returns whether there is news to remember. */
  heard(batch: { tables: Iterable<number>; moved: boolean }): boolean;
  /**
   * Marks as they are now, by table. Returns the tables to be said and compared: those that changed by the look before, and of which nothing was told until
   * this one; and with them those that changed since, for what is silent of one table may be so of others.
   */
  look(marks: readonly (string | undefined)[]): readonly number[];
  /** Tables that were found silent, and of which nothing was told since. */
  silent(): readonly number[];
  /** By table. */
  remember(): readonly Remembered[];
}

/** @param before by table, what an earlier process remembered */
export function createSilence(before: readonly (Remembered | undefined)[], clock: Pick<Clock, "monotonic">): Silence {
  const watched = before.map((one) => recall(one ?? {}));
  const progress = createProgress(clock);
  /** Whether it is silent for certain. */
  const isSilent = (one: Watched, mark: string | undefined, behind: boolean): boolean => {
    const changed = one.mark !== undefined && mark !== undefined && mark !== one.mark;
    const quiet = one.told === one.toldAtLook;
    const suspected = one.suspectedAt !== undefined && one.suspectedAt === one.told;
    one.suspectedAt = (changed && quiet) || (suspected && behind) ? one.told : undefined;
    one.mark = mark ?? one.mark;
    one.toldAtLook = one.told;
    return suspected && !behind;
  };
  return {
    asked: progress.asked,
    heard({ tables, moved }) {
      const indexes = [...tables];
      progress.heard(indexes.length > 0, moved);
      let news = false;
      for (const index of indexes) {
        const one = watched[index];
        if (one === undefined) continue;
        news ||= one.told === one.toldAtLook;
        one.told += 1;
        one.silent = false;
      }
      return news;
    },
    look(marks) {
      const now = clock.monotonic();
      const behind = progress.look();
      const found = watched.filter((one, index) => isSilent(one, marks[index], behind));
      const alike = found.length === 0 ? [] : watched.filter((one) => one.suspectedAt !== undefined);
      for (const one of [...found, ...alike]) one.silent = one.owed = true;
      return watched.flatMap((one, index) => {
        if (now < one.quietUntil) return [];
        if (!one.owed) {
          one.silent = false;
          return [];
        }
        one.owed = false;
        one.quietUntil = now + againAfterMs;
        return [index];
      });
    },
    silent: () => watched.flatMap((one, index) => (one.silent ? [index] : [])),
    remember: () =>
      watched.map(({ mark, told, toldAtLook, suspectedAt, owed }) => ({
        ...(mark === undefined ? {} : { mark }),
        ...(told === toldAtLook ? {} : { told: true }),
        ...(suspectedAt === told ? { suspected: true } : {}),
        ...(owed ? { owed } : {}),
      })),
  };
}

function recall({ mark, told, suspected, owed = false }: Remembered): Watched {
  const suspectedAt = suspected === undefined ? undefined : 0;
  return {
    ...{ mark, told: told === undefined ? 0 : 1, toldAtLook: 0, suspectedAt, silent: owed, owed },
    quietUntil: Number.NEGATIVE_INFINITY,
  };
}

/** Whether the feed had told, at some time since the last look, of everything that there was, and is not amid a transaction now. */
function createProgress(clock: Pick<Clock, "monotonic">) {
  let askedAt: number | undefined;
  /** It is telling of a transaction in parts: a pause in it is none. Before it, too, the server may have been busy with it. */
  let within = false;
  let some = false;
  let throughAll = false;
  const wait = (): void => {
    if (askedAt !== undefined && !within && clock.monotonic() - askedAt >= pauseMs) throughAll = true;
  };
  return {
    asked(): void {
      askedAt = clock.monotonic();
    },
    heard(changes: boolean, moved: boolean): void {
      wait();
      askedAt = undefined;
      some ||= changes;
      within = !moved && (within || changes);
    },
    /** Whether it is still behind. One that has said nothing at all is not. */
    look(): boolean {
      wait();
      const behind = some && (within || !throughAll);
      some = throughAll = false;
      return behind;
    },
  };
}
