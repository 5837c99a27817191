/** How changes of a table are noticed: a column or a feed, and a comparison (mapping.md, "Capture per source"). */
import { durationMs } from "../base/time.ts";
import { connectors } from "../connectors/registry.ts";
import type { Changes, Schedule } from "./config.ts";
import type { Path } from "./document.ts";
import { knownName, type Scene } from "./scene.ts";
import type { ChangesNode } from "./schema-source.ts";

interface Situation {
  path: Path;
  append: boolean;
  /** What `signal` of a query names. */
  signal: { column?: string | undefined; feed?: string | undefined } | undefined;
  /** False for a query, which has no table of its own to watch. */
  hasTable: boolean;
  /** True under `touchedBy`: the parent's comparison is the net. */
  isChild: boolean;
}

const nightly: Schedule = { kind: "cron", cron: "0 3 * * *" };
const usual: Schedule = { kind: "every", ms: 900_000 };
const dayMs = 86_400_000;
const leastLookMs = 1_000;

export function resolveChanges(scene: Scene, node: ChangesNode | undefined, situation: Situation): Changes {
  const feed = feedOf(scene, node, situation);
  const cursor = cursorOf(scene, node, { ...situation, hasFeed: feed !== undefined });
  const tells = cursor !== undefined ? "column" : feed !== undefined ? "feed" : "nothing";
  return {
    cursor,
    feed,
    compare: compareOf(scene, node?.compare, { ...situation, tells }),
    at: scene.place(situation.path),
  };
}

function feedOf(scene: Scene, node: ChangesNode | undefined, { path, append, signal, hasTable }: Situation): Changes["feed"] {
  const name = node?.feed ?? signal?.feed;
  if (name === undefined) return undefined;
  const at = node?.feed === undefined ? [...path.slice(0, -1), "signal", "feed"] : [...path, "feed"];
  const { connector } = scene.file.erp;
  const known = connectors[connector]?.dialect.feeds ?? [];
  if (!scene.broken(["erp", "connector"]) && Object.hasOwn(connectors, connector))
    knownName(scene, at, `feed of ${connector}`, { name, known });
  if (!hasTable && signal === undefined)
    scene.fault(
      at,
      "A query has no table of its own to watch",
      "Add `signal: { table, feed, key }` to the source, or use `compare` alone.",
    );
  if (signal !== undefined && name !== signal.feed)
    scene.fault(at, "`signal` names no such feed", "Leave `feed` out here, and name it in `signal`.");
  if (node?.column !== undefined || (signal?.column !== undefined && signal.feed === undefined))
    scene.fault(at, "A column and a feed are two ways to tell the same", "Keep one of the two.");
  if (append) scene.fault(at, "A source with `append: true` goes by its own column", "Add `column: …` in place of `feed`.");
  const every = node?.every;
  if (every?.kind === "cron")
    scene.fault([...path, "every"], "A feed is looked after all the time", "Write a duration such as 30s.");
  else if (every !== undefined && every.ms < leastLookMs)
    scene.fault([...path, "every"], "A feed is looked after at most each second", "Write a duration such as 30s.");
  return { name, everyMs: every?.kind === "every" ? Math.max(leastLookMs, every.ms) : 30_000 };
}

function cursorOf(
  scene: Scene,
  node: ChangesNode | undefined,
  { path, signal, hasTable, hasFeed }: Situation & { hasFeed: boolean },
): Changes["cursor"] {
  const column = node?.column ?? signal?.column;
  if (column === undefined || hasFeed) {
    for (const option of ["kind", "every", "overlap", "grain"] as const)
      if (hasFeed && option === "every") continue;
      else if (node?.[option] !== undefined && !scene.broken([...path, "column"]))
        scene.fault([...path, option], `\`${option}\` needs a column`, "Add `column: NAME`, or keep `compare` alone.");
    return undefined;
  }
  if (!hasTable && signal === undefined)
    scene.fault(
      [...path, "column"],
      "A query has no table of its own to watch",
      "Add `signal: { table, column, key }` to the source, or use `compare` alone.",
    );
  if (signal?.column !== undefined && column !== signal.column)
    scene.fault([...path, "column"], `\`signal\` names the column \`${signal.column}\``, "Leave `column` out here.");
  const kind = kindOf(scene, node, path);
  const grain = node?.grain ?? "second";
  if (kind === "sequence" && node?.grain !== undefined)
    scene.fault([...path, "grain"], "A sequence has no grain", "Remove `grain`.");
  return {
    column,
    kind,
    every: node?.every ?? { kind: "every", ms: 5_000 },
    overlap: overlapOf(scene, node?.overlap ?? (node?.kind === "rowversion" ? "0" : undefined), { path, kind, grain }),
    grain,
  };
}

/** A rowversion is read as a sequence: its connector gives only what lies below every open transaction, so that nothing comes late. */
function kindOf(scene: Scene, node: ChangesNode | undefined, path: Path): CursorKind["kind"] {
  if (node?.kind !== "rowversion") return node?.kind ?? "timestamp";
  const { connector } = scene.file.erp;
  if (!scene.broken(["erp", "connector"]) && connectors[connector]?.dialect.powers.rowVersions !== true)
    scene.fault(
      [...path, "kind"],
      `A ${connector} database has no rowversion columns`,
      "Use `kind: timestamp` or `kind: sequence`.",
    );
  return "sequence";
}

interface CursorKind {
  path: Path;
  kind: "timestamp" | "sequence";
  grain: "second" | "day" | "fraction";
}

/** Milliseconds for a timestamp, count for a sequence. */
function overlapOf(scene: Scene, text: string | undefined, { path, kind, grain }: CursorKind): number {
  const at = [...path, "overlap"];
  if (kind === "sequence") {
    if (text === undefined) return 1_000;
    if (/^\d{1,9}$/.test(text)) return Number(text);
    scene.fault(at, "The overlap of a sequence is a count", "Write digits only, such as 1000.");
    return 1_000;
  }
  const least = grain === "day" ? dayMs : grain === "second" ? 1_000 : 0;
  if (text === undefined) return Math.max(30_000, least);
  const ms = durationMs(text);
  if (ms === undefined) scene.fault(at, "The overlap of a timestamp is a duration", "Write a number and a unit, such as 30s.");
  else if (ms < least)
    scene.fault(
      at,
      `The overlap is shorter than the column's grain, a ${grain}`,
      `Write at least ${grain === "day" ? "1d" : "1s"}.`,
    );
  return Math.max(ms ?? 30_000, least);
}

function compareOf(
  scene: Scene,
  compare: Schedule | "never" | undefined,
  { path, append, tells, isChild }: Situation & { tells: "column" | "feed" | "nothing" },
): Schedule | undefined {
  const at = [...path, "compare"];
  if (append) {
    if (tells === "nothing" && !scene.broken(path))
      scene.fault(
        path,
        "A source with `append: true` needs a column that only grows",
        "Add `changes: { column: …, kind: sequence }`.",
      );
    if (compare !== undefined && compare !== "never")
      scene.fault(at, "A source with `append: true` is not compared: its rows are only ever added", "Remove `compare`.");
    return undefined;
  }
  if (compare === "never") {
    if ((!isChild || tells === "nothing") && !scene.broken([...path, "column"]))
      scene.fault(at, "Without a comparison deleted rows are never noticed", 'Write a schedule such as "0 3 * * *".');
    return undefined;
  }
  if (compare !== undefined) return compare;
  if (isChild) {
    if (tells === "nothing" && !scene.broken(path))
      scene.fault(path, "The child table tells of no change", "Add `column`, `feed` or `compare`.");
    // What a feed has told of children that are gone is cleared up by it.
    return tells === "feed" ? nightly : undefined;
  }
  if (tells === "nothing") return usual;
  if (tells === "feed") return nightly;
  scene.note(
    path,
    "compare-paired",
    "A column tells nothing of deleted rows: a comparison each night at 3 is paired with it",
    'Set `compare` to another time, such as "30 4 * * *".',
  );
  return nightly;
}
