/**
 * Change tracking as the native feed of SQL Server. Promise: what was committed behind a position is told by its key, or its table is named as changed, or the
 * position is refused; nothing is passed over in silence. The server gives versions in the order of the commits, so that a transaction which stays open
 * for long is told behind everything that was told meanwhile.
 */
import { FuserError } from "../../base/errors.ts";
import { type Feed, type FeedBatch, type FeedChange, type FeedTable, heartbeatMs } from "../feed.ts";
import type { LinkPool } from "../link-pool.ts";
import { bind, concat, join, type Statement } from "../statement.ts";
import { placeOf } from "./config.ts";
import type { Access, Driver } from "./connect.ts";
import { checkFeed } from "./feed-checks.ts";
import { createMarks } from "./feed-marks.ts";
import { type FeedPosition, gap, otherHistory, parsePosition, positionText } from "./feed-position.ts";
import { changesOf, type FedTable, fedTables } from "./feed-tables.ts";
import { identityOf } from "./identity.ts";
import { type Link, openLink } from "./link.ts";
import { ask } from "./session.ts";
import { mssqlSyntax } from "./sql.ts";

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
      const { database } = await identityOf(link, signal);
      const reading = await short.use(signal, (other) => identityOf(other, signal));
      if (reading.database === database) return { link, database };
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
    async begin(_tables, signal) {
      const { link, database } = await connect(signal);
      try {
        const { current } = await versionsOf(link, [], signal);
        return positionText({ database, version: required(current, place) });
      } finally {
        await link.close();
      }
    },
    async *read(tables, position, signal) {
      const { link, database } = await connect(signal);
      try {
        const from = parsePosition(position, { database, place });
        const fed = await fedTables(link, tables, signal);
        let last = from;
        let told = clock.monotonic() - quietMs;
        for (;;) {
          const batch = await nextBatch(link, { fed, last, place, signal });
          if (batch !== undefined || clock.monotonic() - told >= quietMs) {
            told = clock.monotonic();
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
  // Asked before the changes: what is committed in between is told now and once more later, and never not at all.
  const { current, least } = await versionsOf(
    link,
    fed.map(({ table }) => table),
    signal,
  );
  const version = required(current, place);
  if (version < last.version) throw otherHistory("The feed's position is ahead of the ERP: it was restored from a backup", place);
  const forgotten = fed.map((_, index) => required(least[index], place) > last.version);
  if (forgotten.length > 0 && forgotten.every(Boolean)) throw gap(place);
  if (version === last.version) return undefined;
  const changes: FeedChange[] = [];
  const untold: number[] = [];
  for (const [index, { table, described }] of fed.entries()) {
    // One table alone of which nothing is kept was truncated, or tracked anew.
    const told =
      forgotten[index] || described === undefined
        ? "untold"
        : await changesOf(link, { table, described }, { index, since: last.version, asked: { signal, operation } });
    if (told === "untold") untold.push(index);
    else changes.push(...told);
  }
  return { position: { ...last, version }, changes, untold };
}

/** The database's version, and per table the least from which on its changes are kept; undefined where it is not tracked, or may not be asked. */
async function versionsOf(
  link: Link,
  tables: readonly FeedTable[],
  signal: AbortSignal,
): Promise<{ current: bigint | undefined; least: (bigint | undefined)[] }> {
  const columns = tables.map(
    ({ table }, index): Statement =>
      concat("CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID(", bind(mssqlSyntax.quote(table)), `)) AS t${index}`),
  );
  const statement = concat("SELECT ", join(["CHANGE_TRACKING_CURRENT_VERSION() AS now", ...columns], ", "));
  const [row] = await ask(link, statement, { signal, operation });
  const number = (text: string | null | undefined): bigint | undefined =>
    text === null || text === undefined ? undefined : BigInt(text);
  return { current: number(row?.now), least: tables.map((_, index) => number(row?.[`t${index}`])) };
}

/** @throws FuserError config where change tracking is off, or the account may not see it */
function required(version: bigint | undefined, place: string): bigint {
  if (version !== undefined) return version;
  throw new FuserError("config", "Change tracking is switched off, or the account may not read it", {
    code: "erp-feed-settings",
    operation,
    place,
    hint: "`erpfuser check` prints the statements for the DBA.",
  });
}
