import type pg from "pg";
import { schemasOf } from "./config.ts";
import type { Access } from "./connect.ts";
import { idleLimitMs, lockLimitMs, statementLimitMs } from "./limits.ts";
import { textLiteral } from "./sql.ts";

/** `read`: UTC, read-only. `write`: in the account's own time zone. */
export type LinkKind = "read" | "write";

/** What a server tells of itself as a session begins. */
export interface SessionFacts {
  /** E.g. 150012 for 15.12. */
  version: number;
  standby: boolean;
}

/**
 * Sets the session up and asks for its facts, in one round trip and not in the startup packet, which poolers refuse. Every value must arrive as the same
 * text whatever the server's, database's and account's own settings: rows are compared by their text. `row_security = off` turns rows that a policy
 * would hide into an error: hidden rows would be taken for deleted ones.
 */
export function sessionText({ settings, context }: Access, kind: LinkKind): string {
  const { limits } = context;
  const schemas = schemasOf(settings).map((schema) => `"${schema.replaceAll('"', '""')}"`);
  const wanted: Record<string, string> = {
    statement_timeout: String(statementLimitMs(limits)),
    lock_timeout: String(lockLimitMs(limits)),
    idle_in_transaction_session_timeout: String(idleLimitMs(limits)),
    // A network that is gone is noticed by the server within two minutes, and our locks with it.
    tcp_keepalives_idle: "60",
    tcp_keepalives_interval: "15",
    tcp_keepalives_count: "4",
    tcp_user_timeout: "120000",
    client_encoding: "UTF8",
    datestyle: "ISO, YMD",
    intervalstyle: "postgres",
    bytea_output: "hex",
    extra_float_digits: "1",
    standard_conforming_strings: "on",
    escape_string_warning: "off",
    default_transaction_isolation: "read committed",
    ...(schemas.length > 0 ? { search_path: schemas.join(", ") } : {}),
    // The ERP's own defaults and triggers must see the time that the ERP's clients see; readings must not shift.
    ...(kind === "write"
      ? { default_transaction_read_only: "off" }
      : {
          timezone: "UTC",
          default_transaction_read_only: "on",
          row_security: "off",
          max_parallel_workers_per_gather: "0",
          jit: "off",
        }),
  };
  const list = Object.entries(wanted).map(([name, value]) => `(${textLiteral(name)}, ${textLiteral(value)})`);
  const texts = [
    `SELECT set_config(s.name, s.value, false) FROM (VALUES ${list.join(", ")}) s (name, value) WHERE current_setting(s.name, true) IS NOT NULL`,
    "SELECT current_setting('server_version_num'), pg_is_in_recovery()",
  ];
  // What is told as written must be written: an account that need not wait for the disk does so here.
  if (kind === "write") {
    texts.push("SELECT set_config('synchronous_commit', 'local', false) WHERE current_setting('synchronous_commit') = 'off'");
  }
  return texts.join(";\n");
}

/** @param results of `sessionText` */
export function takeFacts(results: unknown): SessionFacts {
  const [version, standby] = Object.values((results as pg.QueryResult<Record<string, unknown>>[])[1]?.rows[0] ?? {});
  return { version: Number(version), standby: standby === true || standby === "t" };
}
