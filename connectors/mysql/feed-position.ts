/**
 * Where in a server's binlog a feed stands. GTIDs say which transactions are behind it, on any server that has the same history; file and offset stand in
 * for them where a MySQL server has none. The file's birth tells RESET MASTER, after which names and numbers begin anew, from the history that they had.
 */
import { GtidSet, MariadbGtidPosition } from "@vlasky/zongji";
import { FuserError } from "../../base/errors.ts";

export interface FeedPosition {
  /** `HistoryIdentity.database` of the server that wrote this binlog. */
  database: string;
  /** MariaDB's list (`0-1-100,1-1-7`) or MySQL's set; undefined where the server keeps none. */
  gtids: string | undefined;
  /** The binlog file, the offset behind what was told, and when the file was begun, in seconds since the epoch; 0 where that is not known yet. */
  file: string;
  offset: number;
  begun: number;
}

export function positionText(position: FeedPosition): string {
  return JSON.stringify(position);
}

/** @throws FuserError history-lost for a text that no feed of this kind has written */
export function parsePosition(text: string, place: string): FeedPosition {
  try {
    const { database, gtids, file, offset, begun } = JSON.parse(text) as FeedPosition;
    const whole = [offset, begun].every(Number.isSafeInteger);
    const texts = [database, file, gtids ?? ""].every((part) => typeof part === "string");
    if (whole && texts) return { database, gtids, file, offset, begun };
  } catch {
    // Told below.
  }
  throw otherHistory("The stored position is none of a binlog", place);
}

/** The position is of a history that this server does not have. */
export function otherHistory(why: string, place: string): FuserError {
  return new FuserError("history-lost", why, {
    code: "erp-feed-other-history",
    operation: "go on reading the binlog",
    place,
    hint: "Everything is compared in full, by itself. Was a backup restored, the server replaced, or RESET MASTER run?",
  });
}

/** What follows the position is gone. */
export function feedGap(why: string, place: string, cause?: unknown): FuserError {
  return new FuserError("history-lost", why, {
    code: "erp-feed-gap",
    operation: "go on reading the binlog",
    place,
    hint: "Everything is compared in full, by itself. Let the DBA keep binlogs longer than the agent is ever away.",
    cause,
  });
}

/** The number in a binlog file's name: `bin.000012` -> 12. */
export function fileNumber(file: string): number {
  return Number(/\.(\d+)$/.exec(file)?.[1] ?? 0);
}

/** Transactions that are behind a feed. */
export interface Gtids {
  add(gtid: string): void;
  toString(): string;
}

/** @throws Error for a text that is no list of the kind */
export function gtidsOf(text: string, kind: "MariaDB" | "MySQL"): Gtids {
  if (kind === "MySQL") return GtidSet.parse(text);
  const position = MariadbGtidPosition.parse(text);
  return {
    add(gtid) {
      const [domainId, serverId, seqNo] = gtid.split("-") as [string, string, string];
      position.add({ domainId: Number(domainId), serverId: Number(serverId), seqNo });
    },
    toString: () => position.toString(),
  };
}

/** A MariaDB list's parts. */
export function mariadbGtids(text: string): { domain: string; server: string; sequence: bigint }[] {
  return text
    .split(",")
    .filter((part) => part.trim() !== "")
    .map((part) => {
      const [domain = "", server = "", sequence = "0"] = part.trim().split("-");
      return { domain, server, sequence: BigInt(sequence) };
    });
}
