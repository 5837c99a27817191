import type { Finding, Severity } from "../../base/findings.ts";
import type { FeedTable } from "../feed.ts";
import type { Answer, FeedServer } from "./feed-server.ts";
import { type Slot, slotOf } from "./feed-slot.ts";
import { tableProblems } from "./feed-table-checks.ts";
import { watchedTables } from "./feed-tables.ts";

export interface FeedCheck {
  server: FeedServer;
  tables: readonly FeedTable[];
  name: string;
  signal: AbortSignal;
}

export interface Problem {
  severity: Severity;
  code: string;
  place?: string;
  message: string;
  remedy: string;
}

const operation = "check the feed of the ERP's database";

/** Why the feed can't be used, or may harm the server, each with what the DBA would run. Nothing is run here. */
export async function checkFeed(check: FeedCheck): Promise<Finding[]> {
  const { server, tables, name, signal } = check;
  const [facts = {}] = await server.ask(factsText, operation, signal);
  const slot = await slotOf(server, name, signal);
  const watched = await watchedTables(server, { tables, publication: name }, signal);
  const problems = [
    ...serverProblems(facts, check),
    ...slotProblems({ slot, facts, name }),
    ...tableProblems({ tables, watched, name }),
  ];
  return problems.map((problem) => ({ place: server.place, ...problem }));
}

/** Members of a cloud's own role may replicate without the attribute. */
const factsText = `
SELECT current_setting('wal_level') AS level, pg_is_in_recovery()::text AS standby,
  current_setting('synchronous_standby_names') AS synchronous,
  current_setting('max_replication_slots') AS slots, (SELECT count(*) FROM pg_catalog.pg_replication_slots)::text AS used,
  current_setting('max_wal_senders') AS senders,
  current_setting('max_slot_wal_keep_size', true) AS keep,
  pg_size_bytes(coalesce(nullif(current_setting('max_slot_wal_keep_size', true), '-1'), '0'))::text AS keep_bytes,
  current_setting('idle_replication_slot_timeout', true) AS idle,
  (SELECT (r.rolsuper OR r.rolreplication OR EXISTS (
     SELECT FROM pg_catalog.pg_roles m WHERE m.rolname IN ('rds_replication', 'cloudsqlsuperuser') AND pg_has_role(r.oid, m.oid, 'MEMBER')))::text
   FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) AS replicates`;

function serverProblems(facts: Answer, { server }: FeedCheck): Problem[] {
  const problems: Problem[] = [];
  if (facts.standby === "true") {
    problems.push({
      severity: "error",
      code: "erp-feed-replica",
      message: "The server is a standby: what it tells comes later than what is read, or not at all",
      remedy: "Connect to the primary server.",
    });
  }
  if (facts.level !== "logical") {
    problems.push({
      severity: "error",
      code: "erp-feed-settings",
      message: `wal_level is ${facts.level}: the server does not write what logical replication needs`,
      remedy: "ALTER SYSTEM SET wal_level = 'logical'; -- and restart the server. It writes a little more log.",
    });
  }
  if (facts.replicates !== "true") {
    problems.push({
      severity: "error",
      code: "erp-rights",
      message: `The account ${server.user} may not replicate`,
      remedy: `ALTER ROLE "${server.user}" REPLICATION; -- it then may read the changes of every table of the server, whatever else it may`,
    });
  }
  if (isSynchronous(facts.synchronous ?? "", server.context.sessionName)) {
    problems.push({
      severity: "error",
      code: "erp-feed-synchronous",
      message: `synchronous_standby_names = '${facts.synchronous}' would make the ERP wait for the agent at each commit`,
      remedy: "ALTER SYSTEM SET synchronous_standby_names = '…'; -- name the real standbys, then SELECT pg_reload_conf();",
    });
  }
  return problems;
}

/** `*` means whoever replicates, and we do; PostgreSQL compares names without regard to case. */
function isSynchronous(names: string, session: string): boolean {
  const list = names.replaceAll(/^[^(]*\(|\)\s*$/g, "").split(",");
  return list.some((name) => ["*", session.toLowerCase()].includes(name.trim().replaceAll('"', "").toLowerCase()));
}

interface SlotCheck {
  slot: Slot | undefined;
  facts: Answer;
  name: string;
}

function slotProblems({ slot, facts, name }: SlotCheck): Problem[] {
  if (slot === undefined) {
    const full = Number(facts.used) >= Number(facts.slots);
    return [...(full ? [noSlotLeft(facts)] : []), ...keepProblems(facts)];
  }
  if (!slot.ours) {
    return [
      {
        severity: "error",
        code: "erp-feed-slots",
        message: `The replication slot ${name} belongs to something else`,
        remedy: "Give the agent another name (`agent: name:`).",
      },
    ];
  }
  return [...slotState(slot, name), ...keepProblems(facts)];
}

function noSlotLeft({ used, slots }: Answer): Problem {
  return {
    severity: "error",
    code: "erp-feed-slots",
    message: `All ${used} of ${slots} replication slots are taken`,
    remedy: `ALTER SYSTEM SET max_replication_slots = ${Number(slots) + 2}; -- and restart the server; or SELECT slot_name, active FROM pg_replication_slots; and drop what nobody needs`,
  };
}

function slotState(slot: Slot, name: string): Problem[] {
  const drop = `SELECT pg_drop_replication_slot('${name}');`;
  const kept = `${Math.round(Number(slot.keptBytes) / 1_048_576)} MB`;
  if (slot.invalid !== undefined) {
    return [
      {
        severity: "warning",
        code: "erp-feed-gap",
        message: `The server has given up the replication slot ${name} (${slot.invalid})`,
        remedy:
          "Nothing to do: it is made anew and the sources are compared in full. If it happens again, raise max_slot_wal_keep_size.",
      },
    ];
  }
  const problems: Problem[] = [];
  if (slot.walStatus === "extended" || slot.walStatus === "unreserved") {
    const room =
      slot.safeBytes === undefined
        ? ""
        : `, ${Math.max(0, Math.round(Number(slot.safeBytes) / 1_048_576))} MB before it is given up`;
    problems.push({
      severity: "warning",
      code: "erp-feed-behind",
      message: `The replication slot ${name} makes the server keep ${kept} of log (${slot.walStatus}${room})`,
      remedy: `Let the agent run, or \`erpfuser feed drop\`; the DBA may run ${drop}`,
    });
  }
  problems.push({
    severity: "info",
    code: "erp-feed-slot",
    message: `The server keeps ${kept} of log for the replication slot ${name} (${slotUse(slot)})`,
    remedy: `Before the agent is uninstalled or its feed is switched off for good: \`erpfuser feed drop\`, or ${drop}`,
  });
  return problems;
}

function slotUse({ active, activePid, inactiveSince }: Slot): string {
  if (active) return `read by process ${activePid}`;
  return inactiveSince === undefined ? "not being read" : `not being read since ${inactiveSince}`;
}

/** A slot that nobody reads keeps the log until the disk is full, and then the ERP stands still. */
function keepProblems({ keep, keep_bytes, idle }: Answer): Problem[] {
  const problems: Problem[] = [];
  if (keep === "-1" || keep === null || keep === undefined) {
    problems.push({
      severity: "warning",
      code: "erp-feed-disk",
      message: "Nothing limits the log that the server keeps for an agent that is away: it could fill the server's disk",
      remedy:
        keep === "-1"
          ? "ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf(); -- less than what is free on its disk; past it the agent compares in full"
          : "PostgreSQL 13 or later can limit it; until then watch the slot, and drop it when the agent is away for long.",
    });
  } else if (Number(keep_bytes) < 64 * 1_048_576) {
    problems.push({
      severity: "warning",
      code: "erp-feed-disk",
      message: `max_slot_wal_keep_size = ${keep} is soon reached: the sources would often be compared in full`,
      remedy: "ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf();",
    });
  }
  if (idle !== null && idle !== undefined && idle !== "0") {
    problems.push({
      severity: "info",
      code: "erp-feed-disk",
      message: `idle_replication_slot_timeout = ${idle}: an agent that is away for longer compares in full`,
      remedy: "Nothing to do.",
    });
  }
  return problems;
}
