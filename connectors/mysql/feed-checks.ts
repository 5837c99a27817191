/** Everything that keeps the binlog from being read, or lets it tell less than what changes, each with what a DBA would run. */
import { FuserError, isAbort } from "../../base/errors.ts";
import type { Finding, Severity } from "../../base/findings.ts";
import { formatDuration } from "../../base/time.ts";
import type { ConnectorLimits } from "../connector.ts";
import type { FeedTable } from "../feed.ts";
import type { LinkPool } from "../link-pool.ts";
import { BinlogStream } from "./binlog-stream.ts";
import { placeOf } from "./config.ts";
import type { Access } from "./connect.ts";
import { askServer } from "./describe.ts";
import { tableProblems } from "./feed-table-checks.ts";
import type { Link } from "./link.ts";

export interface FeedProblem {
  severity: Severity;
  code: string;
  place?: string;
  message: string;
  remedy: string;
}

interface Inspection {
  access: Access;
  link: Link;
  tables: readonly FeedTable[];
  signal: AbortSignal;
  variables: ReadonlyMap<string, string>;
  /** `'user'@'host'` as GRANT wants it. */
  account: string;
}

const operation = "check the binlog";

/** All problems at once. @throws FuserError where the server can't be reached */
export async function checkFeed(options: {
  access: Access;
  short: LinkPool<Link>;
  tables: readonly FeedTable[];
  signal: AbortSignal;
}): Promise<Finding[]> {
  const { access, short, tables, signal } = options;
  return short.use(signal, async (link) => {
    const rows = await askServer(
      link,
      "SHOW GLOBAL VARIABLES WHERE Variable_name LIKE '%binlog%' OR Variable_name LIKE '%log_bin%' OR Variable_name LIKE '%log_%_updates' OR Variable_name LIKE 'rpl_semi_sync_%' OR Variable_name IN ('version', 'gtid_mode', 'expire_logs_days', 'read_only')",
      signal,
      operation,
    );
    const variables = new Map(rows.map((row) => [(row.variable_name ?? "").toLowerCase(), row.value ?? ""]));
    const [user] = await askServer(link, "SELECT CURRENT_USER() AS account", signal, operation);
    const account = (user?.account ?? "").replace(/^(.*)@(.*)$/, "'$1'@'$2'");
    const inspection = { access, link, tables, signal, variables, account };
    const problems: FeedProblem[] = settings(inspection);
    if (variables.get("log_bin") === "ON") problems.push(...(await rights(inspection)), ...(await replica(inspection)));
    problems.push(...(await tableProblems(link, tables, signal)));
    return problems.map((problem) => ({ place: placeOf(access.settings), ...problem }));
  });
}

function setting(message: string, remedy: string, severity: Severity = "error"): FeedProblem {
  return { severity, code: "erp-feed-settings", message, remedy };
}

function settings({ variables, access }: Inspection): FeedProblem[] {
  if (variables.get("log_bin") !== "ON") {
    const file =
      "log_bin = ON, binlog_format = ROW, binlog_row_metadata = FULL and a server_id in the server's configuration, then a restart";
    return [setting("The server keeps no binlog", file)];
  }
  const problems: FeedProblem[] = [];
  const want = (name: string, good: string, message: string, severity: Severity = "error"): void => {
    const value = variables.get(name);
    if (value === undefined || value.toUpperCase() === good) return;
    const remedy = `SET GLOBAL ${name} = ${good === "" ? "''" : good} (and in the server's configuration); sessions that are open keep the old value`;
    problems.push(setting(`${name} is ${value}: ${message}`, remedy, severity));
  };
  want("binlog_format", "ROW", "statements are logged in place of the rows they change");
  want(
    "binlog_row_image",
    "FULL",
    "keys that are not the table's own may be left out, and their tables are compared in full",
    "warning",
  );
  want("binlog_transaction_compression", "OFF", "compressed transactions can't be read");
  want("binlog_row_value_options", "", "parts of JSON values can't be read");
  if (variables.get("binlog_row_metadata")?.toUpperCase() !== "FULL") {
    const value = variables.get("binlog_row_metadata");
    const message =
      value === undefined
        ? "The server is too old to name the columns of the rows in its binlog"
        : `binlog_row_metadata is ${value}: the binlog does not say what its columns are called`;
    const remedy =
      value === undefined
        ? "Update to MariaDB 10.5 or MySQL 8, or take another method for `changes:`."
        : "SET GLOBAL binlog_row_metadata = FULL (and in the server's configuration)";
    problems.push(setting(message, remedy));
  }
  return [...problems, ...retention(variables), ...semiSync(variables, access.context.limits)];
}

/** Commits that wait for a replica between the binlog and the tables: who reads sees their rows only when it has answered, or after the time-out. */
function semiSync(variables: ReadonlyMap<string, string>, { confirmAfterMs }: ConnectorLimits): FeedProblem[] {
  // MySQL 8 calls it a source.
  const [prefix = ""] = ["rpl_semi_sync_master_", "rpl_semi_sync_source_"].filter((name) => variables.has(`${name}enabled`));
  const hiddenMs = Number(variables.get(`${prefix}timeout`));
  const waits = variables.get(`${prefix}enabled`) === "ON" && variables.get(`${prefix}wait_point`) === "AFTER_SYNC";
  if (!waits || confirmAfterMs === undefined || confirmAfterMs > hiddenMs) return [];
  const longest = formatDuration(hiddenMs);
  const message = `${prefix}wait_point is AFTER_SYNC: rows may become visible up to ${longest} after the binlog has told of them (${prefix}timeout), and confirmAfter is ${formatDuration(confirmAfterMs)}`;
  const remedy = `\`erp: { confirmAfter: ${Math.ceil(hiddenMs / 1_000) + 2}s }\` in the agent's configuration, or SET GLOBAL ${prefix}wait_point = AFTER_COMMIT (and in the server's configuration)`;
  return [setting(message, remedy)];
}

/** A binlog that is thrown away before a weekend is over. */
const shortestKeptSeconds = 3 * 86_400;

function retention(variables: ReadonlyMap<string, string>): FeedProblem[] {
  const seconds =
    Number(variables.get("binlog_expire_logs_seconds") ?? 0) || Number(variables.get("expire_logs_days") ?? 0) * 86_400;
  const problems: FeedProblem[] = [];
  if (seconds > 0 && seconds < shortestKeptSeconds) {
    const remedy = `SET GLOBAL binlog_expire_logs_seconds = ${shortestKeptSeconds} (MariaDB before 10.6: expire_logs_days), and in the server's configuration`;
    problems.push(
      setting(
        "The server throws its binlog away within three days: after a longer pause everything is compared in full",
        remedy,
        "warning",
      ),
    );
  }
  if (variables.get("sync_binlog") === "0") {
    const message = "sync_binlog is 0: after a power failure the binlog may lack changes that the tables have";
    problems.push(setting(message, "SET GLOBAL sync_binlog = 1, or rely on the nightly compare", "info"));
  }
  if (variables.get("gtid_mode") !== undefined && variables.get("gtid_mode") !== "ON") {
    const message = "gtid_mode is not ON: after a failover to another server everything is compared in full";
    problems.push(setting(message, "Nothing to do where there is one server", "info"));
  }
  return problems;
}

/** Missing rights are found by trying. */
async function rights(inspection: Inspection): Promise<FeedProblem[]> {
  const { access, link, signal, account, variables } = inspection;
  const problems: FeedProblem[] = [];
  const mariadb = /mariadb/i.test(variables.get("version") ?? "");
  const lacking = (right: string): FeedProblem => ({
    severity: "error",
    code: "erp-rights",
    message: `The account lacks the right ${right}, which the binlog needs`,
    remedy: `GRANT ${right} ON *.* TO ${account}`,
  });
  try {
    problems.push(...filters(await askServer(link, "SHOW MASTER STATUS", signal, operation), inspection));
  } catch (error) {
    if (!lacksRight(error)) throw error;
    problems.push(lacking(mariadb ? "BINLOG MONITOR" : "REPLICATION CLIENT"));
  }
  try {
    await tryStream(access, signal);
  } catch (error) {
    if (isAbort(error) || !(error instanceof FuserError)) throw error;
    if (lacksRight(error)) problems.push(lacking("REPLICATION SLAVE"));
    else
      problems.push({
        severity: "error",
        code: error.code,
        message: error.message,
        remedy: error.hint ?? "Mend this and check again.",
      });
  }
  return problems;
}

const lacksRight = (error: unknown): boolean => error instanceof FuserError && error.code === "erp-rights";

/** Asks for the oldest binlog, and hangs up at the first event. */
async function tryStream(access: Access, signal: AbortSignal): Promise<void> {
  await using stream = await BinlogStream.open(access, signal);
  await new Promise<void>((resolve, reject) => {
    stream.start(
      { file: "", offset: 4 },
      {},
      {
        onEvent: () => resolve(),
        onEnd: (reason) => reject(reason instanceof Error ? reason : new Error("Connection closed")),
      },
    );
  });
}

function filters(rows: readonly Record<string, string | null>[], { access }: Inspection): FeedProblem[] {
  const { database } = access.settings;
  const [row] = rows;
  const listed = (names: string | null | undefined): string[] => (names ?? "").split(",").filter((name) => name !== "");
  const only = listed(row?.binlog_do_db);
  const ignored = listed(row?.binlog_ignore_db);
  if (only.length === 0 && ignored.length === 0) return [];
  const unlogged = ignored.includes(database) || (only.length > 0 && !only.includes(database));
  const setting = only.length > 0 ? `binlog_do_db = ${only.join(", ")}` : `binlog_ignore_db = ${ignored.join(", ")}`;
  return [
    {
      severity: unlogged ? "error" : "warning",
      code: "erp-feed-settings",
      message: unlogged
        ? `The server's setting ${setting} keeps changes of ${database} out of the binlog`
        : `The server logs by ${setting}: statements that are run from another database may be left out`,
      remedy: `Take ${only.length > 0 ? "binlog_do_db" : "binlog_ignore_db"} out of the server's configuration and restart it`,
    },
  ];
}

/** What a replica carries out need not be in its own binlog, and comes late. */
async function replica({ link, signal, variables }: Inspection): Promise<FeedProblem[]> {
  const [row] = await askServer(
    link,
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('Slaves_running', 'Slave_running')",
    signal,
    operation,
  );
  if (row === undefined || ["0", "OFF", ""].includes(row.value ?? "")) return [];
  const logged = (variables.get("log_slave_updates") ?? variables.get("log_replica_updates")) === "ON";
  return [
    {
      severity: "error",
      code: "erp-feed-replica",
      message: `The server is a replica${logged ? "" : ", and does not log what it takes over"}`,
      remedy: "Let `erp: server:` name the primary.",
    },
  ];
}
