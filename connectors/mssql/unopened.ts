import { bind, concat } from "../statement.ts";
import type { Link } from "./link.ts";
import { ask } from "./session.ts";

/** Login errors for a database that is not there, that the account may not enter, or that is not open at this moment: the server tells them apart to nobody. */
const notOpened: readonly (number | undefined)[] = [4060, 4064];
/** "Database is being recovered." */
const recovering = 922;

/**
 * The driver's error of a refused login, with the number of a database that is away where it is one: after a restart, a failover or a restore the server takes
 * logins long before its databases, and an agent must not take that for a wrong configuration.
 * @param openMaster opens `master`, which every login may enter
 */
export async function refusalOf(
  error: unknown,
  { database, openMaster, signal }: { database: string; openMaster: () => Promise<Link>; signal: AbortSignal },
): Promise<unknown> {
  if (!(error instanceof Error) || !notOpened.includes((error as { number?: number }).number)) return error;
  let link: Link | undefined;
  try {
    link = await openMaster();
    const [row] = await ask(
      link,
      concat("SELECT state AS state, user_access AS access FROM sys.databases WHERE name = ", bind(database)),
      { signal, operation: "look for the ERP's database" },
    );
    return row === undefined || (row.state === "0" && row.access === "0") ? error : Object.assign(error, { number: recovering });
  } catch {
    return error;
  } finally {
    await link?.close();
  }
}
