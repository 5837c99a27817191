import { FuserError } from "../../base/errors.ts";

const operation = "read the feed of the ERP's database";
const comparesInFull = "Nothing to do: the sources are compared in full, and a new slot is made.";

/** The server no longer keeps what follows the position: signals are lost, and nothing else. */
export function feedGap(what: string, place: string, cause?: unknown): FuserError {
  return new FuserError("history-lost", what, { code: "erp-feed-gap", operation, place, hint: comparesInFull, cause });
}

/** The position is of another history, or ahead of this one. */
export function otherHistory(what: string, place: string): FuserError {
  return new FuserError("history-lost", what, {
    code: "erp-feed-other-history",
    operation,
    place,
    hint: "Was the ERP's database restored, or did another server take over? The sources are compared in full.",
  });
}

/** Somebody else reads from our slot: another agent of this name, or what is left of our own last connection. */
export function slotInUse(slot: string, by: string, place: string, cause?: unknown): FuserError {
  return new FuserError("transient", `The replication slot ${slot} is in use${by}`, {
    code: "erp-session-locked",
    operation,
    place,
    hint: "Wait for its connection to end, or stop the other agent of this name.",
    cause,
  });
}

/** @param what the publication lacks */
export function unpublished(what: string, place: string): FuserError {
  return new FuserError("config", what, {
    code: "erp-feed-unpublished",
    operation,
    place,
    hint: "Let the DBA run the statement that `erpfuser check` prints.",
  });
}

/**
 * What an error of the server means to replication, by its SQLSTATE and the words of the C locale or without them (postgresql.org, "PostgreSQL Error Codes");
 * undefined for what means the same everywhere.
 */
export function replicationError(
  error: unknown,
  { slot = "", place, user }: { slot?: string; place: string; user: string },
): FuserError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, routine } = error as Error & { code?: string; routine?: string };
  switch (code) {
    case "55006":
      return slotInUse(slot, "", place, error);
    case "42704":
      // A publication that was made anew is not there for what was written before it.
      return feedGap(`The server has no slot or publication for this place in its log any more: ${error.message}`, place, error);
    case "58P01":
      return feedGap(`The server no longer keeps the log behind the position: ${error.message}`, place, error);
    case "55000":
      return routine === "CheckLogicalDecodingRequirements"
        ? walLevel(place, error)
        : feedGap(`The slot can't be used any more: ${error.message}`, place, error);
    case "53400":
      return new FuserError("config", `The server has no free replication slot: ${error.message}`, {
        code: "erp-feed-slots",
        operation,
        place,
        hint: "Let the DBA raise max_replication_slots and restart the server, or drop slots that nobody needs (pg_replication_slots).",
        cause: error,
      });
    case "42501":
      return new FuserError("config", `The account may not replicate: ${error.message}`, {
        code: "erp-rights",
        operation,
        place,
        hint: `Let the DBA run: ALTER ROLE "${user}" REPLICATION;`,
        cause: error,
      });
    default:
      return undefined;
  }
}

export function walLevel(place: string, cause?: unknown): FuserError {
  return new FuserError("config", "The server does not write what logical replication needs (wal_level is not logical)", {
    code: "erp-feed-settings",
    operation,
    place,
    hint: "Let the DBA run: ALTER SYSTEM SET wal_level = 'logical'; and restart the server.",
    cause,
  });
}

/** Starts the feed anew, which compares the servers. */
export function wanderedOff(place: string): FuserError {
  return new FuserError("transient", "The reads are answered by another server than before", {
    code: "erp-connection-lost",
    operation,
    place,
    hint: "It is tried again by itself.",
  });
}
