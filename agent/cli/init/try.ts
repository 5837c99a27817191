/** A draft is held against what `check` holds it against, and against real rows: what fails stands as a comment, with the reason. */
import { FuserError, isAbort } from "../../../base/errors.ts";
import type { Config, Fault } from "../../../config/config.ts";
import { parseConfig } from "../../../config/load.ts";
import type { Connector } from "../../../connectors/connector.ts";
import { model, type TypeName, typeNamed } from "../../../protocol/model.ts";
import { tryCompile } from "../../compile.ts";
import type { Mapping } from "../../map/mapped.ts";
import { faulty } from "../configuration.ts";
import { activeSources, type Trial } from "./draft-text.ts";
import type { Draft, DraftedSource } from "./drafted.ts";

export interface TryParts {
  draft: Draft;
  /** Where the draft is going to stand. */
  file: string;
  write: (trial: Trial) => string;
  connector: Connector;
  signal: AbortSignal;
}

/** Each round takes at least one thing out; a draft has no more than so many. */
const mostRounds = 60;
/** An optional field that spoils more rows than one of so many is left out. */
const spoiltShare = 5;

/**
 * The draft's text, without a fault.
 * @throws FuserError `config-faults` where name, portal, state or time zone can't be used
 */
export async function tryDraft(parts: TryParts): Promise<{ text: string; sources: readonly string[] }> {
  const off = new Map<string, string>();
  let last: readonly Fault[] = [];
  for (let round = 0; round < mostRounds; round++) {
    const trial: Trial = { off, seen: new Map() };
    const active = activeSources(parts.draft, trial);
    const { config, faults } = parseConfig({ text: parts.write(trial), file: parts.file });
    if (active.length === 0) {
      const others = (faults ?? []).filter(({ path }) => path !== "sources");
      if (others.length > 0) throw faulty(parts.file, others);
      return { text: parts.write(trial), sources: [] };
    }
    const compiled = config && (await tryCompile(config, parts.connector, parts.signal));
    const wrong = faults ?? compiled?.faults;
    if (wrong !== undefined) {
      last = wrong;
      takeOut(wrong, { active, off, parts });
      continue;
    }
    const rows = await tryRows(compiled?.compiled?.mappings ?? [], parts);
    if (spoilt(rows, { active, off })) continue;
    const seen = new Map([...rows].map(([source, result]) => [source, told(result)]));
    return { text: parts.write({ off, seen }), sources: (config as Config).sources.map(({ name }) => name) };
  }
  throw faulty(parts.file, last);
}

function takeOut(
  faults: readonly Fault[],
  { active, off, parts }: { active: readonly DraftedSource[]; off: Map<string, string>; parts: TryParts },
): void {
  const before = off.size;
  for (const { path, message } of faults) {
    for (const place of placesOf(path, active)) if (!off.has(place)) off.set(place, message);
  }
  // What is wrong with the settings no source can mend.
  if (off.size === before) throw faulty(parts.file, faults);
}

/** What to take out for a fault at `path`: the field where the type can do without it, else the source. */
function placesOf(path: string, active: readonly DraftedSource[]): string[] {
  const [section, name, part, field] = path.replace(/\[\d+\]/g, "").split(".");
  if (section === "types" || section === "maps") {
    const word = new RegExp(`\\b${section === "types" ? "as" : "map"}: (\\[[^\\]]*\\b)?${name}\\b`);
    return active.flatMap((source) =>
      source.fields.filter(({ yaml }) => word.test(yaml)).map((one) => placeOf(source, one.name)),
    );
  }
  const source = active.find((one) => one.name === name);
  if (section !== "sources" || source === undefined) return [];
  if (part === "fields" && field !== undefined) return [placeOf(source, field)];
  return part === "changes" || part === "deletes" ? [`${source.name}.${part}`] : [source.name];
}

const placeOf = (source: DraftedSource, field: string): string =>
  isNeeded(source.type, field) ? source.name : `${source.name}.fields.${field}`;

function isNeeded(type: TypeName, field: string): boolean {
  const shape = typeNamed(model, type)?.schema.shape as
    | Readonly<Record<string, { safeParse(value: unknown): { success: boolean } }>>
    | undefined;
  return shape?.[field]?.safeParse(undefined).success === false;
}

interface RowsTried {
  rows: number;
  entities: number;
  cancelled: number;
  /** Rows that a field spoils, by field and code. */
  faults: ReadonlyMap<string, { field: string; code: string; rows: number }>;
}

/** One batch of each source, as `preview` would read it. */
async function tryRows(mappings: readonly Mapping[], { connector, signal }: TryParts): Promise<Map<string, RowsTried>> {
  const results = new Map<string, RowsTried>();
  for (const mapping of mappings) {
    const faults = new Map<string, { field: string; code: string; rows: number }>();
    const result = { rows: 0, entities: 0, cancelled: 0, faults };
    try {
      for await (const batch of connector.scan(mapping.query, signal)) {
        for (let index = 0; index < batch.length; index++) {
          const mapped = mapping.map(batch.row(index), batch.key(index) ?? "");
          result.rows += 1;
          if (mapped.kind === "entity") result.entities += 1;
          else if (mapped.kind === "cancelled") result.cancelled += 1;
          else for (const { field, code } of mapped.faults) count(faults, (field.split(".")[0] as string) || "row", code);
        }
        break;
      }
    } catch (error) {
      if (isAbort(error) || !(error instanceof FuserError)) throw error;
      continue;
    }
    results.set(mapping.source, result);
  }
  return results;
}

function count(faults: Map<string, { field: string; code: string; rows: number }>, field: string, code: string): void {
  const name = `${field} ${code}`;
  faults.set(name, { field, code, rows: (faults.get(name)?.rows ?? 0) + 1 });
}

/** True where a field was taken out for what it does to the rows. */
function spoilt(
  results: ReadonlyMap<string, RowsTried>,
  { active, off }: { active: readonly DraftedSource[]; off: Map<string, string> },
): boolean {
  const before = off.size;
  for (const source of active) {
    const result = results.get(source.name);
    for (const { field, code, rows } of result?.faults.values() ?? []) {
      if (result === undefined || rows * spoiltShare < result.rows || isNeeded(source.type, field)) continue;
      if (source.fields.some(({ name }) => name === field))
        off.set(placeOf(source, field), `${rows} of ${result.rows} rows would be held for it: ${code}`);
    }
  }
  return off.size > before;
}

function told({ rows, entities, cancelled, faults }: RowsTried): string {
  const held = [...faults.values()].map(({ field, code, rows: count }) => `${field} ${code} ${count}`).join(", ");
  const gone = cancelled === 0 ? "" : `, ${cancelled} are marked as deleted`;
  return `Of ${rows} rows looked at ${entities} become ${entities === 1 ? "an entity" : "entities"}${gone}${held === "" ? "" : `; held: ${held}`}.`;
}
