/** Rows and statements of the inbox, and the lane in which the commands of one entity follow each other. */
import type { Command as PortalCommand } from "../../protocol/messages.ts";
import type { Database } from "./database.ts";
import type { CommandState } from "./store.ts";

export interface CommandRow {
  no: number;
  id: string;
  state: CommandState;
  message: string | null;
  lane: string;
  may_be_repeated: number;
  approved: number;
  received_at: number;
  attempts: number;
  not_before: number;
  revision: number;
  settled_revision: number;
  settled_at: number | null;
  result: string | null;
  /** A number as text: the column is one. */
  source: string | null;
  key: string | null;
}

/** Lane of a command: its entity, or the command that creates it. `laneById` finds the lane of a command that is already here. */
export function laneOf(command: PortalCommand, laneById: (id: string) => string | undefined): string {
  const { entity } = command;
  if (entity === undefined) return creatorLane(command.id);
  if ("createdBy" in entity) return laneById(entity.createdBy) ?? creatorLane(entity.createdBy);
  return `${entity.type}:${entity.id}`;
}

const creatorLane = (commandId: string): string => `createdBy:${commandId}`;

/** Between two tries of a command at the most (writeback/execute.ts). */
const longestWaitMs = 5 * 60_000;

const ahead = "('received', 'executing', 'waiting')";

export function prepareInbox(database: Database) {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    insert: prepare(`INSERT INTO command (id, state, message, lane, predecessor, may_be_repeated, received_at, not_before)
      VALUES (?, 'received', ?, ?, ?, ?, ?, ?)`),
    get: prepare("SELECT * FROM command WHERE id = ?"),
    setState: prepare("UPDATE command SET state = ? WHERE id = ?"),
    markRepeated: prepare("UPDATE command SET may_be_repeated = 1 WHERE id = ?"),
    unsettle: prepare("UPDATE command SET settled_revision = 0, settled_at = NULL WHERE id = ?"),
    // No wait is longer than the longest one: the clock was set back.
    claimable:
      prepare(`SELECT * FROM command AS one WHERE state = 'received' AND (not_before <= ?1 OR not_before > ?1 + ${longestWaitMs})
      AND NOT EXISTS (SELECT 1 FROM command AS other WHERE other.id = one.predecessor AND other.state IN ${ahead})
      AND NOT EXISTS (SELECT 1 FROM command AS other WHERE other.lane = one.lane AND other.no < one.no AND other.state IN ${ahead})
      ORDER BY no LIMIT ?2`),
    nextDue: prepare("SELECT min(not_before) AS due FROM command WHERE state = 'received'"),
    countAttempt: prepare("UPDATE command SET attempts = attempts + 1 WHERE id = ?"),
    retry: prepare("UPDATE command SET not_before = ?, may_be_repeated = 1 WHERE id = ?"),
    hurry: prepare("UPDATE command SET not_before = ?1 WHERE state = 'received' AND not_before > ?1"),
    approve: prepare("UPDATE command SET approved = 1, not_before = ? WHERE id = ?"),
    announce: prepare("UPDATE command SET result = ?, revision = ? WHERE id = ?"),
    conclude: prepare("UPDATE command SET result = ?, revision = ?, source = ?, key = ? WHERE id = ?"),
    joinLanes: prepare("UPDATE command SET lane = ? WHERE lane = ?"),
    inState: prepare("SELECT * FROM command WHERE state = ? ORDER BY no"),
    unsettled: prepare(`SELECT result FROM command WHERE revision > settled_revision
        AND (state IN ('executing', 'finished', 'uncertain', 'waiting') OR (state = 'received' AND result ->> 'outcome' = 'waiting'))
      ORDER BY no`),
    settleRevision: prepare("UPDATE command SET settled_revision = max(settled_revision, ?) WHERE id = ?"),
    settle: prepare("UPDATE command SET state = ?, settled_at = ? WHERE id = ?"),
    concerned: prepare("SELECT DISTINCT source FROM command WHERE source IS NOT NULL"),
    aheadOf: prepare(`SELECT other.id, other.state FROM command AS one JOIN command AS other
        ON other.id = one.predecessor OR (other.lane = one.lane AND other.no < one.no)
      WHERE one.id = ? AND other.state IN ${ahead} ORDER BY other.no`),
    cause: prepare(`SELECT id FROM command WHERE source = ? AND key = ? AND state IN ('finished', 'settled')
      AND json_extract(result, '$.outcome') = 'applied' ORDER BY no DESC LIMIT 1`),
    list: prepare("SELECT * FROM command WHERE (?1 IS NULL OR state = ?1) ORDER BY no DESC LIMIT ?2"),
    counts: prepare("SELECT state, count(*) AS count FROM command GROUP BY state"),
    forget: prepare("DELETE FROM command WHERE state = 'settled' AND settled_at < ?"),
    purgePayloads: prepare(
      "UPDATE command SET message = NULL WHERE state = 'settled' AND settled_at < ? AND message IS NOT NULL",
    ),
  };
}
