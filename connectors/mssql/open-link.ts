import { FuserError } from "../../base/errors.ts";
import type { Ways } from "../servers.ts";
import { placeOf } from "./config.ts";
import { type Access, connect, type Driver, type Target } from "./connect.ts";
import { mssqlError } from "./errors.ts";
import { Link, type LinkKind } from "./link.ts";
import { prepareSession } from "./session.ts";
import { refusalOf } from "./unopened.ts";

const operation = "connect to the ERP's database";

/**
 * Opens a connection to the server that can be written to, or to the only one that is named, and prepares its session. Nothing is looked up on a
 * replica for a command: what it does not know yet would be carried out twice.
 * @throws FuserError config or transient
 */
export async function openLink(access: Access, driver: Driver, kind: LinkKind, signal: AbortSignal): Promise<Link> {
  signal.throwIfAborted();
  const place = placeOf(access.settings);
  const ways: Ways<Link> = {
    async open(server, timeoutMs) {
      try {
        const target = { server, timeoutMs, database: access.settings.database };
        return await preparedLink(access, driver, target, { kind, signal });
      } catch (error) {
        throw mssqlError(error, operation, place);
      }
    },
    isPrimary: ({ readOnly }) => !readOnly,
    hangUp: (link) => void link.cancel(),
    // A secondary replica that takes readers by their own intent alone.
    alsoAway: ["erp-read-only"],
  };
  const link = await access.servers.connect(ways, signal);
  if (kind === "read" || !link.readOnly) return link;
  await link.cancel();
  throw new FuserError("config", "The ERP's database can only be read on this server", {
    code: "erp-read-only",
    operation,
    place,
    hint: "Name the primary server under `erp: server:`, or the listener of the availability group.",
  });
}

/** What wants the primary met a replica, the only server that is named. */
export function requirePrimary(link: Link, refused: () => FuserError): void {
  if (link.readOnly) throw refused();
}

async function preparedLink(
  access: Access,
  driver: Driver,
  target: Target,
  { kind, signal }: { kind: LinkKind; signal: AbortSignal },
): Promise<Link> {
  const opened = async (to: Target): Promise<Link> => new Link(await connect(access, driver, to, signal), driver, access);
  let link: Link;
  try {
    link = await opened(target);
  } catch (error) {
    const { database } = target;
    throw await refusalOf(error, { database, openMaster: () => opened({ ...target, database: "master" }), signal });
  }
  try {
    link.readOnly = (await prepareSession(link, access, { kind, signal })).readOnly;
    return link;
  } catch (error) {
    await link.cancel();
    throw error;
  }
}
