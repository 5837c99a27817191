/**
 * Several servers of one ERP database, of which one is the primary: what `erp: server: [one, other]` means on every database. A connector takes part by four
 * steps: `serverList` in its settings, `createServers` beside them where it is opened, `connect` wherever it opens a connection, and `HistoryIdentity.family`
 * where its servers have identities of their own.
 */
import { z } from "zod";
import { FuserError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import { filledText } from "./settings.ts";

/** Name or address, with a port of its own where it has one: `erp1`, `erp1:3307`, `[fe80::1]:3307`; what a database calls so beside that (a folder, an instance) passes. */
export const serverList = z.union([filledText, z.array(filledText).min(1)], "write a server or a list of servers");

export interface ServerAddress {
  host: string;
  port: number;
}

/** @param port of those that name none */
export function serverAddresses(server: string | readonly string[], port: number): readonly ServerAddress[] {
  return (typeof server === "string" ? [server] : server).map((text) => {
    const [, bracketed, named, own] = /^(?:\[(.+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
    return { host: bracketed ?? named ?? text, port: own === undefined ? port : Number(own) };
  });
}

/** `erp1:3306,erp2:3306`, as the configuration has them, or the same whatever their order. */
export function serversText(addresses: readonly ServerAddress[], order: "given" | "sorted" = "given"): string {
  const texts = addresses.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
  return (order === "sorted" ? texts.sort() : texts).join(",");
}

/** How a connector opens a connection to one server. */
export interface Ways<Session> {
  /** @param timeoutMs how long the server may take to answer @throws FuserError */
  open(server: ServerAddress, timeoutMs: number): Promise<Session>;
  /** Whether the ERP's changes are made there. */
  isPrimary(session: Session): boolean;
  hangUp(session: Session): void;
  /** Codes of errors after which another server is asked, beside those of one that is away. */
  alsoAway?: readonly string[];
}

export interface Servers {
  readonly addresses: readonly ServerAddress[];
  /** Whether one may take the other's place. */
  readonly several: boolean;
  /**
   * Connects to the server that was taken last, while it is the primary: one that comes back with what it had must not take over by its place in the list. Else to the
   * first that answers and is the primary; where only one is named to that, whatever it is. What is away, or full, is passed over, and asked last for a while. What
   * can only be read may lack what was read already: of several servers none is read that is not the primary. A refused login is told at once.
   * @throws FuserError of the first that is away; transient `erp-read-only` where all others can only be read
   */
  connect<Session>(ways: Ways<Session>, signal: AbortSignal): Promise<Session>;
  /** Changes when connections that are open may lead to another server than new ones: they are not used again. */
  readonly epoch: number;
  /** The server that was taken turns out not to be the primary any more: it is looked for anew. */
  doubt(): void;
  /** The same, by an error that shows it. Gives the error as it is to be told: transient where another server may be the primary. */
  doubtFor(error: FuserError): FuserError;
}

/** How long a server may take to answer, ms: a single one, and one of several. */
const aloneTimeoutMs = 10_000;
const oneOfSeveralTimeoutMs = 3_000;
/** One that did not answer is asked after the others for so long, ms. */
const awayMs = 30_000;

const awayCodes = ["erp-unreachable", "erp-connection-lost", "erp-too-many-connections"];

/** @param place for errors */
export function createServers(addresses: readonly ServerAddress[], place: string, clock: Pick<Clock, "monotonic">): Servers {
  const several = addresses.length > 1;
  const awayUntil = new Map<ServerAddress, number>();
  let taken: ServerAddress | undefined;
  let epoch = 0;

  /** The one that was taken, then as the configuration has them; those that were away a moment ago last. */
  const inOrder = (): ServerAddress[] => {
    const late = (server: ServerAddress): boolean => (awayUntil.get(server) ?? 0) > clock.monotonic();
    const rank = (server: ServerAddress): number => (late(server) ? 2 : server === taken ? 0 : 1);
    return addresses.toSorted((one, other) => rank(one) - rank(other));
  };
  const take = (server: ServerAddress): void => {
    awayUntil.delete(server);
    if (taken !== undefined && taken !== server) epoch += 1;
    taken = server;
  };
  const isAway = (error: unknown, more: readonly string[] = []): boolean =>
    error instanceof FuserError && [...awayCodes, ...more].includes(error.code);

  return {
    addresses,
    several,
    get epoch() {
      return epoch;
    },
    doubt() {
      if (several) epoch += 1;
    },
    doubtFor(error) {
      if (!several) return error;
      epoch += 1;
      const { code, operation, message } = error;
      return new FuserError("transient", message, { code, operation, place, hint: noPrimaryHint, cause: error });
    },
    async connect<Session>(ways: Ways<Session>, signal: AbortSignal): Promise<Session> {
      const [only] = addresses;
      if (!several) return ways.open(only as ServerAddress, aloneTimeoutMs);
      let away: unknown;
      let readable = false;
      for (const server of inOrder()) {
        signal.throwIfAborted();
        try {
          const session = await ways.open(server, oneOfSeveralTimeoutMs);
          if (ways.isPrimary(session)) {
            take(server);
            return session;
          }
          readable = true;
          ways.hangUp(session);
        } catch (error) {
          if (!isAway(error, ways.alsoAway)) throw error;
          awayUntil.set(server, clock.monotonic() + awayMs);
          away ??= error;
        }
      }
      throw readable ? noPrimary(place) : away;
    },
  };
}

const noPrimaryHint = "It is tried again by itself. If it stays, ask the DBA which server of `erp: server:` is the primary.";

/** Another one is about to take over. */
export function noPrimary(place: string): FuserError {
  return new FuserError("transient", "None of the ERP's servers can be written to", {
    code: "erp-read-only",
    operation: "connect to the ERP's database",
    place,
    hint: noPrimaryHint,
  });
}
