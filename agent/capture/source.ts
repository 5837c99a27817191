/** A source as capture sees it: its mapping, and everything that signals for it. */

import type { Changes, Schedule, Source } from "../../config/config.ts";
import type { CursorQuery, SourceQuery } from "../../connectors/connector.ts";
import type { FeedTable } from "../../connectors/feed.ts";
import type { Mapping } from "../map/mapped.ts";

/** A cursor column that marks keys of a source. */
export interface CursorSignal {
  /** Name of its position in the store. */
  name: string;
  query: CursorQuery;
  every: Schedule;
  overlap: number;
  grain: "second" | "day" | "fraction";
  /** An index serves the question for its highest value. */
  isIndexed?: boolean;
}

/** A table of which the database's feed tells, and whose changes mark keys of a source. */
export interface FeedSignal {
  name: string;
  feed: string;
  table: FeedTable;
  /** How often the feed is asked whether it still tells of everything. */
  everyMs: number;
}

/** A table whose rows belong to rows of the source. */
export interface ChildTable {
  name: string;
  cursor: CursorSignal | undefined;
  feed: FeedSignal | undefined;
  compare: Schedule | undefined;
  /** Its key is the table's own one and what else belongs to the parent's: so the keys of its rows tell both. */
  query: SourceQuery;
  /** The same by its own key alone. */
  byOwn: SourceQuery;
  ownColumns: number;
  /** Where in the query's key the parts of the parent's key stand. */
  parentColumns: readonly number[];
}

/** Own key and parent's key, out of the key of a row of `table.query`. */
export function splitChildKey(table: ChildTable, key: string): { own: string; parent: string } {
  // Parts are escaped, so that the dot only ever parts them (base/key.ts).
  const parts = key.split(".");
  return {
    own: parts.slice(0, table.ownColumns).join("."),
    parent: table.parentColumns.map((index) => parts[index]).join("."),
  };
}

export interface CapturedSource {
  mapping: Mapping;
  cursor: CursorSignal | undefined;
  feed: FeedSignal | undefined;
  compare: Schedule | undefined;
  /** When it is compared with what the portal holds, and whether what differs or everything is sent again. */
  refresh?: Source["refresh"];
  children: readonly ChildTable[];
  /** Names of signals that the ERP's schema does not allow for now: compares take their place. */
  lostSignals?: readonly string[];
  /** Why it is not noticed as the configuration says. */
  instead?: { code: string; message: string };
}

export interface CapturedSourceParts {
  mapping: Mapping;
  source: Source;
  /** Primary key of a table, in its order. */
  primaryKeyOf: (table: string) => readonly string[];
  isIndexed: (table: string, column: string) => boolean;
}

/** Joins a source's configuration with its compiled mapping. */
export function capturedSource({ mapping, source, primaryKeyOf, isIndexed }: CapturedSourceParts): CapturedSource {
  const table = source.from.kind === "table" ? source.from.table : source.signal?.table;
  const key = source.from.kind === "table" ? source.key : (source.signal?.key ?? []);
  const cursorOf = (place: SignalPlace, changes: Changes): CursorSignal | undefined => {
    const { cursor } = changes;
    if (cursor === undefined) return undefined;
    const { column, kind, every, overlap, grain } = cursor;
    return {
      name: place.name,
      query: { table: place.table, column, kind, key: place.key, own: place.own },
      every,
      overlap,
      grain,
      isIndexed: isIndexed(place.table, column),
    };
  };
  const own = table === undefined ? undefined : { name: source.name, table, key, own: key };
  return {
    mapping,
    cursor: own && cursorOf(own, source.changes),
    feed: own && feedOf(own, source.changes),
    compare: source.changes.compare,
    refresh: source.refresh,
    children: source.touchedBy.map((touch) => {
      const own = touch.own ?? primaryKeyOf(touch.table);
      const place = { name: `${source.name}/${touch.table}`, table: touch.table, key: touch.key, own };
      const columns = [...new Set([...own, ...touch.key])];
      const query = { source: place.name, from: { table: touch.table }, columns, where: [], scope: [], flags: [], children: [] };
      return {
        name: place.name,
        cursor: cursorOf(place, touch.changes),
        feed: feedOf(place, touch.changes),
        compare: touch.changes.compare,
        ownColumns: own.length,
        parentColumns: touch.key.map((column) => columns.indexOf(column)),
        query: { ...query, key: columns },
        byOwn: { ...query, key: own },
      };
    }),
  };
}

interface SignalPlace {
  name: string;
  table: string;
  key: readonly string[];
  own: readonly string[];
}

function feedOf({ name, table, key, own }: SignalPlace, { feed }: Changes): FeedSignal | undefined {
  return feed && { name, feed: feed.name, table: { table, key, own }, everyMs: feed.everyMs };
}
