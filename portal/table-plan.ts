/**
 * What has to be looked at in the rows of a table, made once for its type and fields. It looks at values where they stand, so that a row becomes an object
 * only where something is wrong with it.
 */
import { type ByteFits, byteFitsOf } from "../protocol/byte-fits.ts";
import { changesScanner, type RowPlan, type ScanChanges, type TableHead } from "../protocol/changes-bytes.ts";
import { type Fits, fitsOf, partsOf } from "../protocol/fits.ts";
import { deleteReason } from "../protocol/messages.ts";
import { entityId, type Json, type ModelType, model, type Reference, type Types, typeNamed } from "../protocol/model.ts";
import { parentPaths } from "../protocol/references.ts";

export interface TablePlan {
  /** Every value certainly fits the model, and none is missing. */
  fits(row: readonly Json[]): boolean;
  /** The same of values as bytes, which also mark the parents that they name: each by the index of its place. */
  readonly columns: readonly ByteFits[];
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
  /** What items are held against: the model's types and the agent's own. */
  readonly types: Types;
  /** Undefined where each row must be looked at as an item. */
  of(type: string, fields: readonly string[]): TablePlan | undefined;
  /** What looks at rows as bytes; undefined where they must be decoded. */
  ofHead(head: TableHead): HeadPlan | undefined;
}

/** Looks at rows as bytes. */
export interface HeadPlan extends RowPlan {
  /** Undefined for deletes: each row is looked at as an item. */
  readonly table: TablePlan | undefined;
}

/** What looks at the frames of agents from which the same types are accepted. */
export interface Looks {
  plans: TablePlans;
  scan: ScanChanges<HeadPlan>;
}

/** Sets of accepted types for which this is kept. */
const mostSets = 50;

/**
 * Made once for all agents from which the same types are accepted: a check becomes fast by being used often. `types` is one and the same object for agents that
 * declare the same types of their own.
 */
export function sharedLooks(): (accepted: ReadonlySet<string>, types: Types) => Looks {
  let made = new WeakMap<Types, Map<string, Looks>>();
  let count = 0;
  return (accepted, types) => {
    const name = JSON.stringify([...accepted].toSorted());
    let looks = made.get(types)?.get(name);
    if (looks === undefined) {
      if (count === mostSets) {
        made = new WeakMap();
        count = 0;
      }
      const plans = tablePlans(accepted, types);
      looks = { plans, scan: changesScanner(plans.ofHead) };
      const ofTypes = made.get(types) ?? new Map<string, Looks>();
      made.set(types, ofTypes.set(name, looks));
      count += 1;
    }
    return looks;
  };
}

/** Tables have few shapes; who keeps making up others makes it slower for all who share these, and no more. */
const mostPlans = 200;
const idFits = fitsOf(entityId);

/** @param accepted types that `welcome` named: others can't be asked for as parents */
export function tablePlans(accepted: ReadonlySet<string>, known: Types = model): TablePlans {
  const plans = new Map<string, TablePlan | undefined>();
  const parentTypes = new Set([...accepted].flatMap((type) => parentPaths(type, known).flatMap(({ types }) => types)));
  const of: TablePlans["of"] = (type, fields) => {
    const name = JSON.stringify([type, ...fields]);
    if (plans.has(name)) return plans.get(name);
    if (plans.size === mostPlans) plans.clear();
    const found = typeNamed(known, type);
    const checks = found && valueChecks(found, fields);
    const places = parentPlaces(parentPaths(type, known), fields, accepted);
    const plan = checks && planOf(checks, places, parentTypes.has(type));
    plans.set(name, plan);
    return plan;
  };
  return {
    types: known,
    of,
    ofHead({ type, op, fields }) {
      if (!accepted.has(type) || typeNamed(known, type) === undefined) return undefined;
      if (op === "delete") return deletePlan;
      const table = of(type, fields);
      return table && { columns: table.columns, table };
    },
  };
}

const deletePlan: HeadPlan = { columns: [byteFitsOf(deleteReason, () => undefined)], table: undefined };

type Parts = NonNullable<ReturnType<typeof partsOf>>;

/** The part of the type for each value of a row; undefined where the fields themselves don't fit the type. */
function valueChecks({ schema }: ModelType, fields: readonly string[]): Parts | undefined {
  const parts = partsOf(schema);
  if (parts === undefined) return undefined;
  const named = new Set(fields);
  if (parts.some(({ name, required }) => required && !named.has(name))) return undefined;
  const checks = fields.map((field) => parts.find(({ name }) => name === field));
  return checks.every((check) => check !== undefined) ? checks : undefined;
}

function planOf(parts: Parts, parents: readonly ParentPlace[], mayBeParent: boolean): TablePlan {
  return { parents, mayBeParent, fits: rowFits(parts.map(({ fits }) => fits)), columns: byteChecks(parts, parents) };
}

function byteChecks(parts: Parts, parents: readonly ParentPlace[]): ByteFits[] {
  const marks = new Map(parents.map(({ column, path }, index) => [[column, ...path].join(" "), index]));
  return parts.map(({ schema }, index) => byteFitsOf(schema, (path) => marks.get([index + 2, ...path].join(" "))));
}

function rowFits(checks: readonly Fits[]): TablePlan["fits"] {
  return (row) => {
    if (!idFits(row[0])) return false;
    for (let at = 0; at < checks.length; at++) if (!(checks[at] as Fits)(row[at + 2])) return false;
    return true;
  };
}

function parentPlaces(paths: readonly Reference[], fields: readonly string[], accepted: ReadonlySet<string>): ParentPlace[] {
  return paths.flatMap(({ path: [field = "", ...path], types }): ParentPlace[] => {
    const column = fields.indexOf(field) + 2;
    const asked = types.filter((parent) => accepted.has(parent));
    return column < 2 || asked.length === 0 ? [] : [{ column, path, types: asked }];
  });
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
