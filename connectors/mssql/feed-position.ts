import { FuserError } from "../../base/errors.ts";

/** Where a feed stands: everything up to the database's version of change tracking has been told. */
export interface FeedPosition {
  /** `HistoryIdentity.database`. */
  database: string;
  version: bigint;
  /** Births of the tables (`birthsOf` in feed-versions.ts) that it was made for: one that is not among them was truncated, made or tracked anew since. */
  births: readonly string[];
}

const form = /^change-tracking (\d+) \[([\d:,]*)\] (.+)$/;

export function positionText({ database, version, births }: FeedPosition): string {
  return `change-tracking ${version} [${births.join(",")}] ${database}`;
}

/**
 * The two of a mirror are one database: what follows the server's name in their identities, its broker's id, is the same, and so are its versions. Another
 * database with that id, a copy, is refused by its identity.
 */
const withoutServer = (database: string): string => database.replace(/^mssql:[^:]*:/, "");

/** @throws FuserError history-lost `erp-feed-other-history` for what is none, or of another database */
export function parsePosition(text: string, { database, place }: { database: string; place: string }): FeedPosition {
  const [, version, births = "", of] = form.exec(text) ?? [];
  if (version !== undefined && of !== undefined && withoutServer(of) === withoutServer(database))
    return { database, version: BigInt(version), births: births.split(",") };
  throw otherHistory("The feed's position is of another database", place);
}

export function otherHistory(message: string, place: string): FuserError {
  return new FuserError("history-lost", message, {
    code: "erp-feed-other-history",
    operation: "read the changes of change tracking",
    place,
    hint: "Everything is compared in full, by itself: the ERP was restored, or is another one.",
  });
}

export function gap(place: string): FuserError {
  return new FuserError("history-lost", "The server no longer keeps the changes behind the feed's position", {
    code: "erp-feed-gap",
    operation: "read the changes of change tracking",
    place,
    hint: "Everything is compared in full, by itself. Let the DBA set CHANGE_RETENTION longer than the agent is ever away.",
  });
}
