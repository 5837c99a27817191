import { FuserError } from "../../base/errors.ts";

/** Where a feed stands: a place within the history of one server. As text it is JSON. */
export interface FeedPosition {
  /** System identifier: made with the data directory, kept by physical copies of it. */
  system: string;
  /** Raised by each recovery to another moment and by each failover. */
  timeline: string;
  /** Name of the database. */
  database: string;
  /** Bytes of log behind which to go on. */
  lsn: bigint;
  /** Per table the signature of its shape and of how it is published, as last told. */
  tables: Readonly<Record<string, string>>;
  /** Transactions that may have been committed before the slot was made and could not be seen yet: once they can, everything is compared once more. */
  unseen: readonly number[];
}

/** `16/B374D848` -> bytes (postgresql.org, "pg_lsn Type"). */
export function lsnOf(text: string): bigint {
  const [high, low] = text.split("/");
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

const isLsn = (text: string | undefined): text is string => text !== undefined && /^[\dA-F]+\/[\dA-F]+$/.test(text);

export function lsnText(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase();
}

export function positionText({ system, timeline, database, lsn, tables, unseen }: FeedPosition): string {
  return JSON.stringify({ system, timeline, database, lsn: lsnText(lsn), tables, ...(unseen.length > 0 ? { unseen } : {}) });
}

/** @throws FuserError history-lost where the text is no position of a PostgreSQL feed */
export function parsePosition(text: string, place: string): FeedPosition {
  try {
    const { tables, unseen, ...texts } = JSON.parse(text) as Record<string, unknown>;
    const { system, timeline, database, lsn } = texts as Record<string, string>;
    if (["system", "timeline", "database", "lsn"].every((name) => typeof texts[name] === "string") && isLsn(lsn)) {
      const place = { system, timeline, database, lsn: lsnOf(lsn) };
      return {
        ...place,
        tables: { ...(tables as Record<string, string>) },
        unseen: [...((unseen ?? []) as number[])],
      } as FeedPosition;
    }
  } catch {
    // Told below.
  }
  throw new FuserError("history-lost", "The stored position is none of PostgreSQL's logical replication", {
    code: "erp-feed-other-history",
    operation: "read the feed of the ERP's database",
    place,
    hint: "Nothing to do: the sources are compared in full.",
  });
}
