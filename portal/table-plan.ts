/**
 * What has to be looked at in the rows of a table, made once for its type and fields. It looks at values where they stand, so that a row becomes an object
 * only where something is wrong with it.
 */
import { type Fits, fitsOf, partsOf } from "../protocol/fits.ts";
import { entityId, type Json, model, type TypeName } from "../protocol/model.ts";
import { parentPaths } from "../protocol/references.ts";
import { isTypeName } from "../protocol/validate.ts";

export interface TablePlan {
  /** Every value certainly fits the model, and none is missing. */
  fits(row: readonly Json[]): boolean;
  parents: readonly ParentPlace[];
  /** Entities of other accepted types may name these as parents. */
  mayBeParent: boolean;
}

/** Where rows name parents. */
export interface ParentPlace {
  /** Index in a row. */
  column: number;
  /** Names from there; lists are passed through. */
  path: readonly string[];
  /** Accepted types that it may be. */
  types: readonly string[];
}

export interface TablePlans {
  /** Undefined where each row must be looked at as an item. */
  of(type: string, fields: readonly string[]): TablePlan | undefined;
}

/** An agent's tables have few shapes; one that keeps making up others gains nothing. */
const mostPlans = 200;
const idFits = fitsOf(entityId);

/** @param accepted types that `welcome` named: others can't be asked for as parents */
export function tablePlans(accepted: ReadonlySet<string>): TablePlans {
  const plans = new Map<string, TablePlan | undefined>();
  const parentTypes = new Set(
    [...accepted].filter(isTypeName).flatMap((type) => parentPaths(type).flatMap(({ types }) => types)),
  );
  return {
    of(type, fields) {
      const name = `${type} ${fields.join(" ")}`;
      if (plans.has(name)) return plans.get(name);
      if (plans.size === mostPlans) plans.clear();
      const checks = isTypeName(type) ? valueChecks(type, fields) : undefined;
      const plan = checks && {
        ...planOf(type as TypeName, fields, accepted),
        fits: rowFits(checks),
        mayBeParent: parentTypes.has(type),
      };
      plans.set(name, plan);
      return plan;
    },
  };
}

/** A check for each value of a row; undefined where the fields themselves don't fit the type. */
function valueChecks(type: TypeName, fields: readonly string[]): Fits[] | undefined {
  const parts = partsOf(model[type].schema);
  if (parts === undefined) return undefined;
  const named = new Set(fields);
  if (parts.some(({ name, required }) => required && !named.has(name))) return undefined;
  const checks = fields.map((field) => parts.find(({ name }) => name === field)?.fits);
  return checks.every((check) => check !== undefined) ? checks : undefined;
}

function rowFits(checks: readonly Fits[]): TablePlan["fits"] {
  return (row) => {
    if (!idFits(row[0])) return false;
    for (let at = 0; at < checks.length; at++) if (!(checks[at] as Fits)(row[at + 2])) return false;
    return true;
  };
}

function planOf(type: TypeName, fields: readonly string[], accepted: ReadonlySet<string>): Pick<TablePlan, "parents"> {
  const parents = parentPaths(type).flatMap(({ path: [field = "", ...path], types }): ParentPlace[] => {
    const column = fields.indexOf(field) + 2;
    const asked = types.filter((parent) => accepted.has(parent));
    return column < 2 || asked.length === 0 ? [] : [{ column, path, types: asked }];
  });
  return { parents };
}

/** Calls `visit` for each id that a row names at a place, until it returns false; tells whether it never did. */
export function eachParent(value: Json | undefined, path: readonly string[], visit: (id: string) => boolean, depth = 0): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) {
    for (const inner of value as readonly Json[]) if (!eachParent(inner, path, visit, depth)) return false;
    return true;
  }
  const name = path[depth];
  if (name === undefined) return visit(value as string);
  return eachParent((value as { readonly [key: string]: Json })[name], path, visit, depth + 1);
}
