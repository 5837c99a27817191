import type { EntityState, EntityStore } from "../store/store.ts";

/** States of entities that many rows name as their parents, each read once. For one turn of the event loop, in which none of them changes. */
export interface ParentStates {
  of(source: string, key: string): EntityState | undefined;
}

export function createParentStates(entities: EntityStore): ParentStates {
  const bySource = new Map<string, Map<string, EntityState | undefined>>();
  return {
    of(source, key) {
      const states = bySource.get(source) ?? new Map<string, EntityState | undefined>();
      if (states.size === 0) bySource.set(source, states);
      const known = states.get(key);
      if (known !== undefined || states.has(key)) return known;
      const state = entities.get(source, key);
      states.set(key, state);
      return state;
    },
  };
}
