/**
 * Flashback version queries as the native feed of Oracle. Promise: what was committed above a position is told by its key, or its table is named as changed, or the position
 * is refused; nothing is passed over in silence.
 *
 * Each round asks for a system change number, and then each table for the versions of its rows up to it. A version bears the number of its commit, which the server gives
 * when it commits and which only grows: what is open while a round reads gets a higher one, however long it was open, and so belongs to a later round. That a read as of a
 * number shows what was committed up to it, whenever and on whichever instance it is asked, is Oracle's read consistency itself ("Database Concepts", "Data Concurrency and
 * Consistency"); what a distributed transaction has prepared is waited for, or fails the read (ORA-01591), as its number may still turn out to be a lower one.
 */
import { FuserError } from "../../base/errors.ts";
import { type Feed, type FeedBatch, type FeedChange, type FeedTable, heartbeatMs } from "../feed.ts";
import type { LinkPool } from "../link-pool.ts";
import { sql } from "../statement.ts";
import { placeOf } from "./config.ts";
import type { Access } from "./connect.ts";
import { lostPast } from "./errors.ts";
import { checkFeed, wrongVersions } from "./feed-checks.ts";
import { definitionsOf } from "./feed-definitions.ts";
import { type FeedPosition, gap, otherHistory, parsePosition, positionText } from "./feed-position.ts";
import { changesOf, type FedTable, fedTables } from "./feed-tables.ts";
import { identityOf, type ScnWay, scnAndWay } from "./identity.ts";
import { type Link, openLink } from "./link.ts";

const operation = "read the versions of rows";
/** A batch without changes comes after so long, so that the longest time is kept on a slow machine too, ms. */
const quietMs = heartbeatMs / 4;
/** A round reads every table whole: the next one waits so much longer than it took, within these bounds. */
const restFactor = 9;
const leastRestMs = 1_000;
const longestRestMs = 300_000;
/** What was committed is on disk after so long: the server writes its log every three seconds at the latest. */
const durableMs = 10_000;

/** A connection of the feed's own, and the history it tells. */
interface Reading {
  link: Link;
  database: string;
  way: ScnWay;
}

/** @param short connections that the ERP's rows are read by: the feed must reach the same server */
export function createFeed(access: Access, short: LinkPool<Link>): Feed {
  const { clock } = access.context;
  const place = placeOf(access.settings);

  /** @throws FuserError config where it reaches another database than the reads, or may not ask for the number */
  async function connect(signal: AbortSignal): Promise<Reading> {
    const link = await openLink(access, "read", signal);
    try {
      const wrong = wrongVersions(link.version);
      if (wrong !== undefined) throw refused("erp-feed-settings", wrong.message, wrong.remedy);
      const database = await serverOf(link, signal);
      if (database !== (await short.use(signal, (other) => serverOf(other, signal))))
        throw refused(
          "erp-feed-other-server",
          "The feed comes from another database than the rows",
          "Let `erp:` name one server.",
        );
      const asked = await scnAndWay(link, signal);
      if (asked === undefined)
        throw refused(
          "erp-rights",
          "The account may not ask for the system change number",
          "GRANT EXECUTE ON SYS.DBMS_FLASHBACK TO the account",
        );
      return { link, database, way: asked.way };
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  const refused = (code: string, message: string, hint: string): FuserError =>
    new FuserError("config", message, { code, operation, place, hint });

  return {
    name: "flashback-versions",
    check: (tables, signal) => short.use(signal, (link) => checkFeed(link, { access, tables, signal })),
    async begin(tables, signal) {
      const { link, database, way } = await connect(signal);
      try {
        const asked = { operation, signal };
        const fed = await fedTables(link, tables, asked);
        const scn = await currentScn(link, way, signal);
        return positionText({ database, scn, since: scn, definitions: await definitionsOf(link, fed, { scn, ...asked }) });
      } finally {
        await link.close();
      }
    },
    async *read(tables, position, signal) {
      const { link, database, way } = await connect(signal);
      const stop = new AbortController();
      const all = AbortSignal.any([signal, stop.signal]);
      try {
        const from = parsePosition(position, { database, place });
        yield { position, changes: [], untold: [] };
        const rounds = createRounds({ link, way, tables, from, place, clock, signal: all });
        let told = clock.monotonic();
        let known = position;
        for (;;) {
          const began = clock.monotonic();
          const work = rounds.next();
          while (!(await isSettled(work, quietMs, clock))) yield { position: known, changes: [], untold: [] };
          const batch = await work;
          const tookMs = clock.monotonic() - began;
          if (batch.changes.length + batch.untold.length > 0 || clock.monotonic() - told >= quietMs) {
            told = clock.monotonic();
            known = batch.position;
            yield batch;
          }
          const restMs = Math.min(longestRestMs, Math.max(leastRestMs, restFactor * tookMs));
          for (let rested = 0; rested < restMs; rested += quietMs) {
            if (rested > 0) yield { position: known, changes: [], untold: [] };
            await clock.sleep(Math.min(quietMs, restMs - rested), all);
          }
        }
      } finally {
        stop.abort();
        await link.close();
      }
    },
    // The tables themselves are asked: what would tell of a change beside them (V$SEGMENT_STATISTICS) changes with each of our own reads too, which clean up blocks.
    marks: async (tables) => tables.map(() => undefined),
  };
}

/** The database, which history of it, and which copy: a recovery begins another history, a standby has another unique name. */
async function serverOf(link: Link, signal: AbortSignal): Promise<string> {
  const { database, position = {} } = await identityOf(link, signal);
  const asked = sql("SELECT SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME') AS NAME FROM DUAL");
  const { rows } = await link.execute(asked, signal, { operation });
  return `${database} ${Object.keys(position)[0]}@${rows[0]?.[0]}`;
}

async function currentScn(link: Link, way: ScnWay, signal: AbortSignal): Promise<bigint> {
  return BigInt(String((await link.execute(sql(way), signal, { operation })).rows[0]?.[0]));
}

/** Whether the work has ended, well or not, within the time. */
function isSettled(work: Promise<unknown>, ms: number, clock: Access["context"]["clock"]): Promise<boolean> {
  const done = new AbortController();
  const end = (): boolean => {
    done.abort();
    return true;
  };
  const tired = clock.sleep(ms, done.signal).then(
    () => false,
    () => true,
  );
  return Promise.race([work.then(end, end), tired]);
}

interface RoundsOf {
  link: Link;
  way: ScnWay;
  tables: readonly FeedTable[];
  from: FeedPosition;
  place: string;
  clock: Access["context"]["clock"];
  signal: AbortSignal;
}

/** Round after round, each up to a number that was current when it began. */
function createRounds({ link, way, tables, from, place, clock, signal }: RoundsOf): { next(): Promise<FeedBatch> } {
  const asked = { operation, signal };
  let fed: readonly FedTable[] | undefined;
  let last = from;
  // A reader before may have been told what its server had not yet written down when it died.
  let told = from.since;
  const reached = [{ scn: from.since, at: Number.NEGATIVE_INFINITY }];

  /** The latest number up to which everything is on disk for certain. */
  const durable = (scn: bigint): bigint => {
    const now = clock.monotonic();
    reached.push({ scn, at: now });
    while ((reached[1]?.at ?? Number.POSITIVE_INFINITY) <= now - durableMs) reached.shift();
    return reached[0]?.scn ?? scn;
  };

  return {
    async next() {
      // One that is away may come back.
      if (fed === undefined || fed.some(({ place: known }) => known === undefined)) fed = await fedTables(link, tables, asked);
      const scn = await currentScn(link, way, signal);
      if (scn < told) throw otherHistory("The feed's position is ahead of the ERP: it was restored from a backup", place);
      const before = last.definitions;
      const definitions = await definitionsOf(link, fed, { scn, ...asked });
      const changed = definitions.map((text) => !before.includes(text));
      // A table that was made anew may have other columns.
      if (changed.includes(true)) fed = await fedTables(link, tables, asked);
      const { changes, untold } = await readAll(fed, { link, window: { from: told, to: scn }, place, asked });
      last = { database: from.database, scn, since: durable(scn), definitions };
      told = scn;
      const named = definitions.map((_, index) => index).filter((index) => changed[index] || untold.has(index));
      return { position: positionText(last), changes, untold: named };
    },
  };
}

interface ReadingOf {
  link: Link;
  window: { from: bigint; to: bigint };
  place: string;
  asked: { operation: string; signal: AbortSignal };
}

/** @throws FuserError `erp-feed-gap` where the undo has lost the window of all tables */
async function readAll(
  fed: readonly FedTable[],
  { link, window, place, asked }: ReadingOf,
): Promise<{ changes: FeedChange[]; untold: ReadonlySet<number> }> {
  const changes: FeedChange[] = [];
  const untold = new Set<number>();
  const lost: unknown[] = [];
  const there = [...fed.entries()].filter(([, { place: known }]) => known !== undefined);
  if (window.to === window.from) return { changes, untold };
  for (const [index, table] of there) {
    try {
      const some = await changesOf(link, table, { index, window, asked });
      if (some === "untold") untold.add(index);
      else for (const change of some) changes.push(change);
    } catch (error) {
      // Dropped since it was looked at: the next look finds it away.
      const isGone = error instanceof FuserError && error.code === "erp-object-missing";
      const past = isGone ? "definition" : lostPast(error);
      if (past === undefined) throw error;
      if (past === "moment") throw gap(place, error);
      if (past === "undo") lost.push(error);
      untold.add(index);
    }
  }
  if (lost.length > 0 && lost.length === there.length) throw gap(place, lost[0]);
  return { changes, untold };
}
