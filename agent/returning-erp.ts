/**
 * The ERP as one that may come back as another state of itself. Whoever restores it takes it away for a while; so once it could not be reached, it is asked who it is
 * before anything else of it is read or written. Asked a minute later, its history may have grown past where it was, and nothing tells any more that it went back.
 */
import { FuserError } from "../base/errors.ts";
import type { Connector } from "../connectors/connector.ts";

/** What a statement ends with when the server went, or is not there. */
const awayCodes: ReadonlySet<string> = new Set(["erp-unreachable", "erp-connection-lost"]);

export interface Asker {
  /** Asks `identity` and acts upon it; what it throws goes to whoever wanted to read or write. */
  ask: (signal: AbortSignal) => Promise<unknown>;
  /** It has said who it is for the first time since it was away, or since a start. */
  onReturn: () => void;
}

export interface ReturningErp {
  erp: Connector;
  /** From now on; nothing more is read or written before it has asked, for the ERP may have been away as long as the agent was. */
  askBy(asker: Asker): void;
}

export function returningErp(erp: Connector): ReturningErp {
  let asker: Asker | undefined;
  let timesAway = 0;
  /** Of these: how many came before the question that it answered last. */
  let known = 0;

  const noted = (error: unknown): unknown => {
    if (error instanceof FuserError && awayCodes.has(error.code)) timesAway += 1;
    return error;
  };
  const watched = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw noted(error);
    }
  };
  const requireKnown = async (signal: AbortSignal): Promise<void> => {
    if (known < timesAway) await asker?.ask(signal);
  };
  const once = async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    await requireKnown(signal);
    return watched(work);
  };
  async function* stream<T>(signal: AbortSignal, open: () => AsyncIterable<T>): AsyncGenerator<T> {
    await requireKnown(signal);
    try {
      yield* open();
    } catch (error) {
      throw noted(error);
    }
  }

  const returning: Connector = {
    ...erp,
    async identity(signal) {
      const before = timesAway;
      const identity = await watched(() => erp.identity(signal));
      const isBack = known < before;
      known = Math.max(known, before);
      if (isBack) asker?.onReturn();
      return identity;
    },
    describe: (signal, tables) => watched(() => erp.describe(signal, tables)),
    describeQuery: (source, signal) => watched(() => erp.describeQuery(source, signal)),
    scan: (source, signal) => stream(signal, () => erp.scan(source, signal)),
    readKeys: (source, keys, signal) => stream(signal, () => erp.readKeys(source, keys, signal)),
    changedSince: (query, from, signal) => stream(signal, () => erp.changedSince(query, from, signal)),
    ...(erp.changedRows && {
      changedRows: (source, query, asked) => once(asked.signal, async () => erp.changedRows?.(source, query, asked)),
    }),
    aggregate: (source, cursor, signal) => once(signal, () => erp.aggregate(source, cursor, signal)),
    write: (plan, signal, commitPoint) => once(signal, () => erp.write(plan, signal, commitPoint)),
    lookup: (plan, signal) => once(signal, () => erp.lookup(plan, signal)),
  };
  return {
    erp: returning,
    askBy(next) {
      asker = next;
      timesAway += 1;
    },
  };
}
