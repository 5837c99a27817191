import { FuserError } from "../../base/errors.ts";

/** Where a feed stands: everything that was committed up to the system change number has been told. */
export interface FeedPosition {
  /** `HistoryIdentity.database`. */
  database: string;
  scn: bigint;
  /**
   * From here on a reader that begins tells once more. Commits are seen before they are on disk: an instance that crashes may give their numbers anew, and whoever goes
   * on behind them would pass over what is committed under these then.
   */
  since: bigint;
  /** Definitions of the tables (`definitionsOf` in feed-definitions.ts) that it was made for. */
  definitions: readonly string[];
}

const form = /^flashback-versions (\d+) (\d+) \[([\w.:,-]*)\] (.+)$/;

export function positionText({ database, scn, since, definitions }: FeedPosition): string {
  return `flashback-versions ${since} ${scn} [${definitions.join(",")}] ${database}`;
}

/** @throws FuserError history-lost `erp-feed-other-history` for what is none, or of another database */
export function parsePosition(text: string, { database, place }: { database: string; place: string }): FeedPosition {
  const [, since, scn, definitions = "", of] = form.exec(text) ?? [];
  if (since !== undefined && scn !== undefined && of === database) {
    return { database, since: BigInt(since), scn: BigInt(scn), definitions: definitions.split(",") };
  }
  throw otherHistory("The feed's position is of another database", place);
}

const operation = "read the versions of rows";

export function otherHistory(message: string, place: string): FuserError {
  return new FuserError("history-lost", message, {
    code: "erp-feed-other-history",
    operation,
    place,
    hint: "Everything is compared in full, by itself: the ERP was restored, or is another one.",
  });
}

/** @param cause what the server said of the moment that it has lost */
export function gap(place: string, cause: unknown): FuserError {
  return new FuserError("history-lost", "The server's undo no longer reaches back to the feed's position", {
    code: "erp-feed-gap",
    operation,
    place,
    hint: "Everything is compared in full, by itself. Let the DBA set UNDO_RETENTION longer than the agent is ever away, with room for it in the undo tablespace.",
    cause,
  });
}
