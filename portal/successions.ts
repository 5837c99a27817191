/**
 * Entities that continue others (`replaces`): what hung on an old id belongs to the one that stands now. Nothing is rewritten, for what names an old id may
 * lie in tables that the portal does not own; whoever asks is led along the chain.
 */
import { type Fields, type Json, referencesOf, type Types, typeNamed } from "../protocol/model.ts";
import type { Store } from "./store.ts";

export interface Successions {
  /** The id under which an entity goes on now: its own, as long as it stands, or if nothing has replaced it. */
  currentId(agentId: string, type: string, id: string): string;
  /** These ids and all that they have replaced, one after the other: whatever names one of them is theirs. */
  namesOf(agentId: string, type: string, ids: readonly string[]): readonly string[];
}

/** One that still stands speaks for itself, whatever was said of it. */
const isPast = "replaced_by IS NOT NULL AND deleted_at IS NOT NULL";

export function successionsIn(store: Store): Successions {
  return {
    currentId(agentId, type, id) {
      const seen = new Set<string>();
      let at = id;
      // Nothing that the tables hold leads in a circle; a store that somebody has worked on may.
      while (!seen.has(at)) {
        seen.add(at);
        const sql = `SELECT replaced_by AS next FROM entity WHERE agent_id = ? AND type = ? AND id = ? AND ${isPast}`;
        const row = store.get<{ next: string }>(sql, agentId, type, at);
        if (row === undefined) return at;
        at = row.next;
      }
      return id;
    },
    namesOf: (agentId, type, ids) =>
      store
        .all<{ id: string }>(
          `WITH RECURSIVE name (id) AS (
             SELECT value FROM json_each(?3)
             UNION SELECT e.id FROM name CROSS JOIN entity e ON e.agent_id = ?1 AND e.type = ?2 AND e.replaced_by = name.id AND e.deleted_at IS NOT NULL)
           SELECT id FROM name`,
          agentId,
          type,
          JSON.stringify(ids),
        )
        .map((row) => row.id),
  };
}

/** A command's values with the ids that stand now in place of old ones. `type`: of what the command is about or makes, among `types`. */
export function withCurrentIds(
  values: Fields,
  { type: name, types: all }: { type: string; types: Types },
  current: (type: string, id: string) => string,
): Fields {
  const type = typeNamed(all, name);
  if (type === undefined) return values;
  let moved = values;
  for (const { path, types } of referencesOf(type)) {
    const lead = (id: string): string => {
      for (const target of types) {
        const now = current(target, id);
        if (now !== id) return now;
      }
      return id;
    };
    moved = replaceAt(moved, path, lead) as Fields;
  }
  return moved;
}

/** The value with every text at `path` replaced; lists are passed through. */
function replaceAt(value: Json | undefined, path: readonly string[], lead: (id: string) => string): Json | undefined {
  if (Array.isArray(value)) return value.map((item) => replaceAt(item, path, lead) as Json);
  const [name, ...rest] = path;
  if (name === undefined) return typeof value === "string" ? lead(value) : value;
  if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) return value;
  const of = value as { [key: string]: Json };
  return { ...of, [name]: replaceAt(of[name], rest, lead) as Json };
}
