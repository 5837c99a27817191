/** What the mapping makes of a row, and what the parts that use it need to know. */
import type { Row, SourceQuery, WrittenForm, WrittenRows } from "../../connectors/connector.ts";
import type { EntityText, FieldNames } from "../../protocol/entity-text.ts";
import type { Json, TypeName } from "../../protocol/model.ts";

/** A parent that an entity names: it must be known at the portal before the child is sent. */
export interface Parent {
  /** Source of the parent and its key there. */
  source: string;
  key: string;
  type: TypeName;
  id: string;
  /** What happens while the parent is not known: the child waits (`hold`), or is sent without the reference (`omit`). */
  missing: "hold" | "omit";
}

/** A table that the portal has pushed, as it stands now. */
export interface LookupTable {
  /** The first one is what is looked up. */
  fields: readonly string[];
  /** By the text of their first field, without blanks around it. */
  rows: ReadonlyMap<string, readonly Json[]>;
}

/** The tables that the portal has pushed. */
export interface LookupTables {
  /** Another number after each change: what was mapped under an older one may be another entity now. */
  readonly generation: number;
  /** Undefined: it did not come yet. */
  of(name: string): LookupTable | undefined;
}

/** Keys that the ERP gave to somebody new (agent/store/reuses.ts). */
export interface Generations {
  /** Another number after each change. */
  readonly version: number;
  generationOf(source: string, key: string): number;
  any(source: string): boolean;
  ofParent(child: { source: string; key: string }, parent: { source: string; key: string }): number;
}

/** What a row asked a lookup for, whether it was found or not. */
export interface LookupUse {
  lookup: string;
  row: string;
}

/** The lookups of a source. */
export interface SourceLookups {
  /** Names, and the fields that are taken; `undefined` among them is the second one. */
  readonly needs: ReadonlyMap<string, ReadonlySet<string | undefined>>;
  /** Rows are mapped by these from now on; until it is called none is there. */
  use(tables: LookupTables): void;
  /** Of the tables in use. */
  readonly generation: number;
}

/** A reason why a row can't be sent as it stands; codes are documented, texts hold no row values beyond the offending code itself. */
export interface RowFault {
  code:
    | "date-invalid"
    | "code-unknown"
    | "lookup-missing"
    | "key-empty"
    | "expression-failed"
    | "value-invalid"
    | "reference-invalid"
    | "row-unreadable";
  field: string;
  column: string | undefined;
  message: string;
}

/** Something to report although the entity is sent (unknown code by default, date set to null, an address that is none left out). */
export interface RowNote {
  code: "code-defaulted" | "date-nulled" | "value-dropped";
  field: string;
  /** The ERP's code that has no meaning of its own, cut short. */
  value?: string;
}

export type Mapped =
  | {
      kind: "entity";
      id: string;
      /** Its fields, written down once for digest and frame; `fieldsOf` gives them back. */
      text: EntityText;
      /** Which fields have a value, as their `bit`s in `Mapping.fields`: what is null, left out or withheld later by a rule is told apart so. */
      filled: number;
      parents: readonly Parent[];
      cause: string | undefined;
      notes: readonly RowNote[];
      lookups?: readonly LookupUse[];
      /** Whose record it is, as text (`identity.reusedWhen`), with the columns that say so; absent where nothing says it. */
      bearer?: { columns: string; values: string };
    }
  /** The ERP marks it as deleted (`deletes.flag`). */
  | {
      kind: "cancelled";
      id: string;
      /** Absent: the ERP says so. */
      reason?: "out-of-scope";
      lookups?: readonly LookupUse[];
    }
  | {
      kind: "faulty";
      id: string;
      faults: readonly RowFault[];
      lookups?: readonly LookupUse[];
      /** What it refers to, as far as that could be read; only where not all estates take part. */
      parents?: readonly Parent[];
    };

/** An entity as bytes: what `EntityText` and the parents of `Mapped` are, without a string or an object. Kept, and used again for the next row. */
export interface WrittenEntity {
  /** The writer puts a larger one in its place where it is too small; what stands before `start` is kept. */
  bytes: Buffer;
  /** Where the values are to begin, and where they end: `EntityText.values` as UTF-8. */
  start: number;
  end: number;
  /** The same object for the same names, as in `Mapped`. */
  names: FieldNames;
  /** As in `Mapped`. */
  filled: number;
  /** Parents in the order of `Mapped.parents`: their places in `RowWriter.targets`, and where their keys (ASCII) stand in `bytes`. */
  parentCount: number;
  parentTargets: Int32Array;
  parentStarts: Int32Array;
  parentEnds: Int32Array;
}

/** Writes rows down as entities, from the bytes of their values. It knows no more than `Mapping.map`, which stays the definition. */
export interface RowWriter {
  readonly targets: readonly Pick<Parent, "source" | "missing">[];
  /** For as many rows as one likes, one after the other. */
  entity(): WrittenEntity;
  /**
   * Writes the row that is open in `rows`, from `into.start` on. False: this row goes by `map`, which alone says what is wrong or odd with it (deleted,
   * faults, notes, a cause, whatever is not certain).
   * @param keyLength bytes of the row's key as `writeKey` has written it
   */
  write(rows: WrittenRows, keyLength: number, into: WrittenEntity): boolean;
}

/** A reference of a source's entities, and where in their own key the parts of the parent's key stand; -1: nowhere. */
export interface Lineage {
  source: string;
  parts: readonly number[];
}

/** A source of the configuration, compiled once against the real columns. */
export interface Mapping {
  readonly source: string;
  readonly type: TypeName;
  /** Order of sending: parents first. Sources that refer to each other within one type rank by their references. */
  readonly rank: number;
  readonly query: SourceQuery;
  /** Changes whenever the same row could map to another entity: row digests taken under another fingerprint are void. */
  readonly fingerprint: string;
  readonly append: boolean;
  /** What it says is the configuration itself: no guard asks a person about it. */
  readonly saidByFile?: true;
  readonly graceMs: number;
  /** Names of the fields it can send, who owns each, and its place among the bits of `filled`: that of its name in the model. */
  readonly fields: readonly { name: string; owner: "erp" | "portal" | "shared"; bit: number }[];
  /** Fields among them that are left out, because the ERP lacks for now what they are read from. */
  readonly lacks?: readonly string[];
  /** Absent: it maps through none. */
  readonly lookups?: SourceLookups;
  /** References whose keys have parts in common with the entity's own (map/lineage.ts). */
  readonly lineage: readonly Lineage[];
  /** Sources that its references name. */
  readonly refersTo?: readonly string[];
  /** The ERP may give its keys to somebody new, and columns say so. */
  readonly isReused?: boolean;
  /** Ids are made of these generations from now on; until it is called each is the first. */
  useGenerations?(generations: Generations): void;
  /** Another number after each change of what a row is mapped by besides itself: tables of the portal, generations. Undefined: nothing. */
  asOf?(): number;
  /** The id under which it stands now, or that of an earlier generation. */
  idOf(key: string, generation?: number): string;
  /** Key behind an id of this source, of whatever generation; undefined for an id of another source. */
  keyOf(id: string): string | undefined;
  /**
   * Pure: no I/O, no clock. Never throws for a row. `isAbsent` says of parents with `missing: omit` which are known not to be there: those references
   * are left out; without it every reference is kept.
   */
  map(row: Row, key: string, isAbsent?: (parent: Parent) => boolean): Mapped;
  /** What writes this source's rows where they come with their bytes in these forms; undefined where it takes more than their bytes. */
  writerFor(forms: readonly WrittenForm[]): RowWriter | undefined;
}
