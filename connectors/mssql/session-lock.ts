import { FuserError } from "../../base/errors.ts";
import type { ConnectorContext } from "../connector.ts";
import { bind, concat } from "../statement.ts";
import type { Link } from "./link.ts";
import { ask } from "./session.ts";

const operation = "take the agent's lock in the ERP";

/**
 * Takes the agent's lock for the session: it belongs to the database and ends with the session, not with a transaction.
 * @throws FuserError transient `erp-session-locked` while another session holds it
 */
export async function takeLock(link: Link, { sessionName, limits }: ConnectorContext, signal: AbortSignal): Promise<void> {
  const [row] = await ask(
    link,
    concat(
      "DECLARE @got int; EXEC @got = sp_getapplock @Resource = ",
      bind(sessionName.slice(0, 255)),
      `, @LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = ${Math.max(1, Math.round(limits.lockTimeoutMs))}; SELECT @got AS got`,
    ),
    { signal, operation },
  );
  if (Number(row?.got ?? -999) >= 0) return;
  throw new FuserError("transient", "Another session of this agent holds its lock in the ERP", {
    code: "erp-session-locked",
    operation,
    place: sessionName,
    hint: "Stop the other agent of this name. A session that died is ended by the server within a minute.",
  });
}
