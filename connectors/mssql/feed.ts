/**
 * Change tracking as the native feed of SQL Server. Promise: what was committed behind a position is told by its key, or its table is named as changed, or the
 * position is refused; nothing is passed over in silence. The server gives versions in the order of the commits, so that a transaction which stays open
 * for long is told behind everything that was told meanwhile.
 */
import { FuserError } from "../../base/errors.ts";
import { type Feed, type FeedBatch, type FeedChange, heartbeatMs } from "../feed.ts";
import type { LinkPool } from "../link-pool.ts";
import { placeOf } from "./config.ts";
import type { Access, Driver } from "./connect.ts";
import { checkFeed } from "./feed-checks.ts";
import { createMarks } from "./feed-marks.ts";
import { type FeedPosition, gap, otherHistory, parsePosition, positionText } from "./feed-position.ts";
import { changesOf, type FedTable, fedTables } from "./feed-tables.ts";
import { versionsOf } from "./feed-versions.ts";
import { identityOf } from "./identity.ts";
import type { Link } from "./link.ts";
import { openLink, requirePrimary } from "./open-link.ts";

/** How often the server is asked whether anything was committed: one short question. */
const lookMs = 250;
/** A batch without changes comes after so long, so that the longest time is kept on a slow machine too, ms. */
const quietMs = heartbeatMs / 4;
const operation = "read the changes of change tracking";

/** @param short connections that the ERP's rows are read by: the feed must reach the same server */
export function createFeed(access: Access, driver: () => Promise<Driver>, short: LinkPool<Link>): Feed {
  const { clock } = access.context;
  const place = placeOf(access.settings);

  /** A connection of the feed's own. @throws FuserError config where it reaches another database than the reads */
  async function connect(signal: AbortSignal): Promise<{ link: Link; database: string }> {
    const link = await openLink(access, await driver(), "read", signal);
    try {
      requirePrimary(link, () => onReplica(place));
      const { database, label } = await identityOf(link, signal);
      const reading = await short.use(signal, (other) => identityOf(other, signal));
      if (reading.database === database && reading.label === label) return { link, database };
      if (reading.database === database) throw movesOver(access, place);
      throw new FuserError("config", "The feed comes from another database than the rows", {
        code: "erp-feed-other-server",
        operation,
        place,
        hint: "Let `erp: server:` name one server, or the listener of the availability group.",
      });
    } catch (error) {
      await link.cancel();
      throw error;
    }
  }

  return {
    name: "change-tracking",
    check: (tables, signal) => short.use(signal, (link) => checkFeed(link, { settings: access.settings, tables, signal })),
    async begin(tables, signal) {
      const { link, database } = await connect(signal);
      try {
        const { current, births } = await versionsOf(link, tables, place, { signal, operation });
        return positionText({ database, version: current, births });
      } finally {
        await link.close();
      }
    },
    async *read(tables, position, signal) {
      const { link, database } = await connect(signal);
      try {
        const from = parsePosition(position, { database, place });
        let fed = await fedTables(link, tables, signal);
        let last = from;
        let told = clock.monotonic() - quietMs;
        for (;;) {
          const batch = await nextBatch(link, { fed, last, place, signal });
          if (batch !== undefined || clock.monotonic() - told >= quietMs) {
            told = clock.monotonic();
            // A table that was made anew may have other columns.
            if (batch && batch.position.births.join() !== last.births.join()) fed = await fedTables(link, tables, signal);
            last = batch?.position ?? last;
            yield { changes: [], untold: [], ...batch, position: positionText(last) };
          }
          await clock.sleep(lookMs, signal);
        }
      } finally {
        await link.close();
      }
    },
    marks: createMarks(short),
  };
}

/** Two replicas of one database: what one tells the other may not know yet. The reads follow to where the feed is. */
function movesOver({ servers }: Access, place: string): FuserError {
  servers.doubt();
  return new FuserError("transient", "The ERP moves over to another server: feed and reads reach different ones", {
    code: "erp-feed-other-server",
    operation,
    place,
    hint: "It is tried again by itself. If it stays, name the listener of the availability group under `erp: server:`.",
  });
}

function onReplica(place: string): FuserError {
  return new FuserError("config", "The server is a replica: what it tells comes later than on the primary", {
    code: "erp-feed-replica",
    operation,
    place,
    hint: "Name the primary server under `erp: server:`, or the listener of the availability group.",
  });
}

interface Looking {
  fed: readonly FedTable[];
  last: FeedPosition;
  place: string;
  signal: AbortSignal;
}

/** What was committed behind the last position; undefined where nothing was. */
async function nextBatch(
  link: Link,
  { fed, last, place, signal }: Looking,
): Promise<(Omit<FeedBatch, "position"> & { position: FeedPosition }) | undefined> {
  const asked = { signal, operation };
  const tables = fed.map(({ table }) => table);
  // Asked before the changes: what is committed in between is told now and once more later, and never not at all.
  const before = await versionsOf(link, tables, place, asked);
  const { current: version, births } = before;
  if (version < last.version) throw otherHistory("The feed's position is ahead of the ERP: it was restored from a backup", place);
  const forgotten = before.least.map((least) => least > last.version);
  if (forgotten.length > 0 && forgotten.every(Boolean)) throw gap(place);
  const reborn = births.map((birth) => !last.births.includes(birth));
  if (version === last.version && !reborn.includes(true)) return undefined;
  const told: (FeedChange[] | "untold")[] = [];
  for (const [index, { table, described }] of fed.entries()) {
    // One table alone of which nothing is kept was truncated, or tracked anew.
    const lost = forgotten[index] || reborn[index] || described === undefined;
    told.push(lost ? "untold" : await changesOf(link, { table, described }, { index, since: last.version, asked }));
  }
  // Asked again: what was cleaned up or truncated while it was read may be missing in it.
  const after = await versionsOf(link, tables, place, asked);
  const whole = (index: number): boolean =>
    (after.least[index] ?? 0n) <= last.version && after.births[index] === births[index] && told[index] !== "untold";
  return {
    position: { ...last, version, births },
    changes: told.flatMap((changes, index) => (changes !== "untold" && whole(index) ? changes : [])),
    untold: [...told.keys()].filter((index) => !whole(index)),
  };
}
