import { FuserError } from "../../base/errors.ts";
import { keyDigest } from "../../base/key-digest.ts";
import type { Access } from "./connect.ts";
import { askServer } from "./describe.ts";
import type { Link } from "./link.ts";

const operation = "take the agent's lock in the ERP";

/**
 * Takes the agent's lock for as long as the session lives: an advisory lock of the database, under a number made of the agent's name. `lost`: process of
 * our last session. A server that has not noticed its end (the network was gone, so that it could not be told) keeps it alive with our lock and with row
 * locks that hold up clerks: it is ended, which an account may do to its own sessions.
 * @throws FuserError transient `erp-session-locked` while another session holds it
 */
export async function takeLock(
  link: Link,
  { context }: Access,
  { lost, signal }: { lost: number | undefined; signal: AbortSignal },
): Promise<void> {
  const number = BigInt.asIntN(64, keyDigest(`erpfuser ${context.sessionName}`));
  let holder = await askForLock(link, number, signal);
  if (holder !== undefined && lost !== undefined && holder === String(lost)) {
    await askServer(link, `SELECT pg_terminate_backend(${lost})`, signal, operation);
  }
  const deadline = context.clock.monotonic() + context.limits.lockTimeoutMs;
  while (holder !== undefined) {
    if (context.clock.monotonic() >= deadline) throw heldBy(holder, context.sessionName);
    await context.clock.sleep(50, signal);
    holder = await askForLock(link, number, signal);
  }
}

/** Takes it if it is free, else tells the process that holds it. */
async function askForLock(link: Link, number: bigint, signal: AbortSignal): Promise<string | undefined> {
  const words = BigInt.asUintN(64, number);
  const holder = `SELECT max(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND classid = ${words >> 32n}::oid AND objid = ${words & 0xffffffffn}::oid`;
  const [row] = await askServer(
    link,
    `SELECT l.taken, CASE WHEN NOT l.taken THEN (${holder}) END AS holder FROM (SELECT pg_try_advisory_lock(${number}) AS taken OFFSET 0) l`,
    signal,
    operation,
  );
  return row?.taken === "t" ? undefined : (row?.holder ?? "unknown");
}

function heldBy(holder: string, place: string): FuserError {
  return new FuserError("transient", `Another session (${holder}) of this agent holds its lock in the ERP`, {
    code: "erp-session-locked",
    operation,
    place,
    hint: "Stop the other agent of this name. A session that died is ended by the server within two minutes.",
  });
}
