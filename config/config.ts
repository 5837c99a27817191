/**
 * What a loaded configuration is: the mapping language (docs: mapping.md) after shorthands are resolved. Every node that a later stage may
 * find fault with carries the place where it stands in the file.
 */
import type { Blanks } from "../base/blanks.ts";
import type { MaskPart } from "../base/number-mask.ts";
import type { Json, TypeName } from "../protocol/model.ts";
import type { OwnTypes } from "../protocol/own-types.ts";

/** Where a node stands: path such as `sources.units.fields.name`, and line in the file, from 1. */
export interface Place {
  path: string;
  line: number;
}

/** A fault of the configuration: all are reported at once. */
export interface Fault extends Place {
  message: string;
  /** What to do, with the nearest known name where one was misspelt. */
  remedy: string;
}

/** A CEL expression with its text as written between `${` and `}`. */
export interface Expression {
  cel: string;
  at: Place;
}

/** SQL of the configuration; `${vars.x}` is already replaced; parameters are named `:origin.name`. */
export interface SqlText {
  sql: string;
  at: Place;
}

/** A table that the portal pushes: a value is looked up in its first field. */
export interface Lookup {
  name: string;
  /** Field that is taken of the row found; undefined: its second one. */
  take: string | undefined;
  /** What happens while there is no such row: the entity waits (`hold`), or the value is empty (`omit`). */
  missing: "hold" | "omit";
}

/** Which estates take part: ids of entities of type property, or those that a table of the portal has a row for. */
export type PropertyScope = { kind: "listed"; ids: readonly string[] } | { kind: "lookup"; name: string };

/** Part of a key: a column of the row, what a lookup gives for one, a constant, or an expression. */
export type KeyPart =
  | { kind: "column"; column: string; at: Place }
  | { kind: "lookup"; column: string; lookup: Lookup; at: Place }
  | { kind: "constant"; value: string }
  | { kind: "expression"; expression: Expression };

/** One cleaning step of `do:` (schema-read.ts, `cleanSteps`). */
export type CleanStep = string;

/** How a value of the model is read from a row. */
export type Read =
  | { kind: "column"; column: string; at: Place }
  | { kind: "constant"; value: Json; at: Place }
  | { kind: "expression"; expression: Expression; at: Place }
  | {
      /** `{ from: COLUMN, as: ymd, map: orderStatus, do: [...], shift: -1d, currency: EUR }`: a column with options, applied in the order do, as, map. */
      kind: "from";
      column: string;
      do: readonly CleanStep[];
      as: string | undefined;
      map: string | undefined;
      lookup?: Lookup | undefined;
      /** Days added to a date. */
      shiftDays: number;
      /** Condition under which the number counts negated. */
      sign?: Expression | undefined;
      /** Digits behind the point to which the number is rounded, half away from zero. */
      round?: number | undefined;
      /** Makes money of a decimal. */
      currency: string | undefined;
      /** Value when the column is null or empty. */
      default: Json | undefined;
      at: Place;
    }
  | { kind: "ref"; source: string; key: readonly KeyPart[]; missing: "hold" | "omit"; at: Place }
  | { kind: "dateTime"; date: string; time: string; as: readonly [string, string]; at: Place }
  | {
      /** Child rows: joined texts, or a list of items made from each row. */
      kind: "rows";
      query: SqlText;
      join: string | undefined;
      item: Read | undefined;
      at: Place;
    }
  | { kind: "list"; items: readonly ListItem[]; at: Place }
  /** The first of several whose `when` holds: a reference whose target depends on a column. */
  | { kind: "oneOf"; items: readonly ListItem[]; at: Place }
  | { kind: "object"; fields: Readonly<Record<string, Read>>; at: Place };

/** Item of a list written out in the mapping, present only when `when` holds. */
export interface ListItem {
  when: Expression | undefined;
  read: Read;
}

/** A field of an entity; `when` false: the field is absent. */
export interface FieldMapping {
  read: Read;
  when: Expression | undefined;
  owner: "erp" | "portal" | "shared";
  /** Of a shared field: whose value stands when both sides have changed it. Undefined: the ERP's. */
  conflict?: ConflictPolicy | undefined;
  at: Place;
}

/** The ERP's value stays, the portal's overwrites it, or a person decides. Reported in every case. */
export type ConflictPolicy = "erp-wins" | "portal-wins" | "ask";

/** `types:` a named format of dates and times in the ERP. */
export interface DateType {
  name: string;
  /** How the column holds it. */
  form: { kind: "integer" | "text"; pattern: string } | { kind: "native" };
  /** Values that mean "known to be empty". */
  empty: readonly string[];
  /** Values that mean "no end". */
  openEnd: readonly string[];
  invalid: "quarantine" | "null-and-report";
  /** What its local times mean, where it is not the ERP's zone. */
  zone?: string | undefined;
  at: Place;
}

/** `maps:` a code map. */
export interface ValueMap {
  name: string;
  read: Readonly<Record<string, string>>;
  write: Readonly<Record<string, string>>;
  unknown: { kind: "quarantine" } | { kind: "value"; value: string };
  at: Place;
}

/** A value of a code map with its texts, as an entry of a catalog of the portal. */
export interface PublishedCode {
  catalog: string;
  code: string;
  /** Text by language. */
  label: Readonly<Record<string, string>>;
}

/** When something happens: every so often, by a cron line, or never. */
export type Schedule = { kind: "every"; ms: number } | { kind: "cron"; cron: string };

/** The fast signal of a table, and its net. */
export interface Changes {
  cursor:
    | {
        column: string;
        kind: "timestamp" | "sequence";
        every: Schedule;
        /** Re-read behind the mark: milliseconds for a timestamp, count for a sequence. */
        overlap: number;
        /** Grain of a timestamp column. */
        grain: "second" | "day" | "fraction";
      }
    | undefined;
  /** The database tells of changes by itself. */
  feed:
    | {
        name: string;
        /** How often it is asked whether it still tells of everything, milliseconds. */
        everyMs: number;
      }
    | undefined;
  compare: Schedule | undefined;
  at: Place;
}

export interface TouchedBy {
  table: string;
  changes: Changes;
  /** Columns of the child that are the parent's key, in order. */
  key: readonly string[];
  /** Columns of the child's own key; its primary key when not given. */
  own: readonly string[] | undefined;
  at: Place;
}

/** Where the bytes of a source's documents are. */
export type DocumentBytes = {
  /** Larger ones are not sent. */
  maxBytes: number;
  at: Place;
} & (
  | {
      kind: "file";
      /** Absolute; nothing outside of it is read. */
      root: string;
      /** Gives the path below the root. */
      path: Read;
    }
  | {
      kind: "url";
      /** Gives the address. */
      url: Read;
      /** `host` or `host:port`, in small letters; nothing else is ever asked. */
      hosts: readonly string[];
      timeoutMs: number;
    }
  | {
      kind: "column";
      column: string;
      /** Where the column is not one of the source's own: its table, and the columns there that are the source's key. */
      table: { name: string; key: readonly string[] } | undefined;
    }
);

export interface Source {
  name: string;
  type: TypeName;
  from: { kind: "table"; table: string; at: Place } | { kind: "query"; query: SqlText };
  /** Prefix of the ids where several sources feed one type. */
  prefix: string | undefined;
  key: readonly string[];
  where: SqlText | undefined;
  /** False: `scope: none`. */
  scoped: boolean;
  changes: Changes;
  /** For `query:` sources: the table that signals for them, by a column or by a feed. */
  signal: { table: string; column: string | undefined; feed: string | undefined; key: readonly string[]; at: Place } | undefined;
  touchedBy: readonly TouchedBy[];
  deletes: { flag: SqlText | undefined; graceMs: number };
  /** Columns that say whose record it is (`identity.reusedWhen`); none: a key is never given to somebody new. */
  reusedWhen: readonly string[];
  fields: Readonly<Record<string, FieldMapping>>;
  /** Of documents, where the portal may ask for their bytes. */
  bytes?: DocumentBytes | undefined;
  /** Only grows: its column tells of everything, so that it is neither compared nor looked through for deletes. */
  append: boolean;
  /** When what the portal holds is compared with what was sent: what differs is sent again, or everything. */
  refresh?: { schedule: Schedule; send: "changed" | "all" } | undefined;
  at: Place;
}

/** What becomes of characters that a column's code page lacks. */
export interface CharacterRule {
  rule: "refuse" | "replace" | "transliterate";
  codePage: "windows-1252" | "iso-8859-1" | "iso-8859-15" | "ascii";
}

/** How a value of an ERP column is written. */
export type Write =
  | { kind: "constant"; value: string; at: Place }
  | { kind: "null"; at: Place }
  | { kind: "expression"; expression: Expression; at: Place }
  | {
      /** A field of the command, with options. */
      kind: "from";
      field: string;
      map: string | undefined;
      /** Table of the portal: the row is found by the value, and its first field is written. */
      lookup?: Pick<Lookup, "name" | "take"> | undefined;
      as: string | undefined;
      /** Most characters; a longer text goes on in `overflow`, or is refused when there is none. */
      max: number | undefined;
      overflow: string | undefined;
      /** Undefined: the column holds every character, or the database tells. */
      characters: CharacterRule | undefined;
      /** Written when the command does not carry the field. */
      default: string | undefined;
      at: Place;
    };

export type Writes = Readonly<Record<string, Write>>;

/** Steps of a command, in order, in one ERP transaction. */
export type Step = { when: Expression | undefined; at: Place } & (
  | {
      kind: "number";
      /** Name for later steps. */
      as: string;
      from:
        | { kind: "counter"; table: string; column: string; where: Writes }
        | {
            kind: "max";
            table: string;
            column: string;
            where: Writes;
            /** Character at which the number begins, where the column holds more than it. */
            from: number | undefined;
            /** Rows that count. */
            like: readonly MaskPart[] | undefined;
          };
      /** How the number is written; undefined: as the number it is. */
      mask: readonly MaskPart[] | undefined;
    }
  | {
      kind: "insert";
      table: string;
      values: Writes;
      blanks: Blanks | undefined;
      returning: Readonly<Record<string, string>>;
    }
  | {
      /** One row for each line of a text. */
      kind: "insertLines";
      table: string;
      /** Field of the command with the text. */
      field: string;
      /** Most characters of a line. */
      width: number;
      characters: CharacterRule | undefined;
      values: Writes;
      blanks: Blanks | undefined;
    }
  | {
      kind: "update";
      table: string;
      key: Writes;
      values: Writes;
      /** Column that counts the row's changes. */
      version: string | undefined;
      expectRows: number;
    }
  | { kind: "sql"; sql: SqlText; out: Readonly<Record<string, string>> }
  | {
      kind: "call";
      procedure: string;
      /** By parameter name. */
      args: Writes;
      /** Result name -> OUT parameter. */
      out: Readonly<Record<string, string>>;
      /** Result name -> column of the first result set's first row. */
      rows: Readonly<Record<string, string>>;
      /** Result name of what it returns. */
      returns: string | undefined;
    }
);

export type IdempotencyConfig =
  | { way: "column"; table: string; column: string; value: Expression; at: Place }
  | { way: "ledger"; table: string; at: Place }
  | { way: "probe"; sql: SqlText; at: Place }
  /** Updates only: by the base values of the fields. */
  | { way: "base"; at: Place };

export interface CommandConfig {
  /** For example `ticket.create`. */
  name: string;
  idempotency: IdempotencyConfig;
  steps: readonly Step[];
  /** The ERP takes over by itself what the steps store, and tells of it in columns that the probe finds. */
  staging:
    | { status: string; accepted: readonly string[]; refused: readonly string[]; reason: string | undefined; pollMs: number }
    | undefined;
  /** Source and key of the entity that it makes or changes. */
  result: { source: string; key: readonly Write[]; number: Write | undefined };
  /** Waits for approval. */
  draft: boolean;
  /** At most so many per hour; beyond, they become drafts. */
  perHour: number | undefined;
  at: Place;
}

export interface Proxy {
  url: string;
  user: string | undefined;
  /** Name of the secret. */
  password: string | undefined;
}

/** What becomes of the value that a rule finds fault with: sent as it is, left out, or the whole entity waits in quarantine. */
export type RuleAction = "send" | "send-without-field" | "hold";

/** Of rules that withhold nothing: found fault with, or not looked for. */
export type ReportAction = "send" | "off";

type WithholdingRules = Record<
  "email-placeholder" | "email-throwaway" | "email-staff" | "email-shared" | "email-invalid" | "phone-invalid",
  RuleAction
>;

type ReportingRules = Record<
  | ("person-lookalike" | "person-without-period" | "person-future-only")
  | ("period-overlap" | "period-open-predecessor" | "period-no-start" | "period-reversed")
  | ("code-defaulted" | "moved" | "key-reused"),
  ReportAction
>;

export interface QualityConfig {
  /** False: no rule looks at anything. */
  rules: boolean;
  actions: Readonly<WithholdingRules & ReportingRules>;
  /** Patterns of addresses in small letters; `*` stands for anything. */
  placeholder: { patterns: readonly string[]; marked: readonly string[] };
  /** Domains in small letters, beside the known ones. */
  throwaway: { domains: readonly string[] };
  /** The landlord's own domains in small letters, beside those of its team members. */
  staff: { domains: readonly string[] };
}

/** Where and when worklists are written. */
export interface DeliverConfig {
  /** Absolute. */
  folder: string;
  schedule: Schedule;
  language: "de" | "en";
  /** Column of keys that tells the team; empty where there are no teams. */
  column: string;
  /** Value of the column -> team. */
  teams: Readonly<Record<string, string>>;
  /** Name of the list for all others. */
  otherwise: string;
}

export interface Config {
  /** Path of the file. */
  file: string;
  agent: {
    name: string;
    /** Address of the portal's channel. */
    portal: string;
    stage: "test" | "live";
    /** Directory of store, secrets and journal. */
    state: string;
    logs: string | undefined;
    proxy: Proxy | undefined;
    caFile: string | undefined;
  };
  erp: {
    /** Name in connectors/registry.ts. */
    connector: string;
    /** As the connector's own schema converted them; secrets are still references. */
    settings: unknown;
    /** What local times in this database mean. */
    timezone: string;
    /** Longest time until a committed row is visible; a key is read a second time after it. */
    confirmAfterMs: number;
    courtesy: {
      pace: "gentle" | "full";
      rowsPerSecond: number | undefined;
      statementTimeoutMs: number;
      lockTimeoutMs: number;
      /** Minutes of the local day, from inclusive, until exclusive, from always the smaller one. */
      blackout: readonly { fromMinute: number; untilMinute: number }[];
      commandsInBlackout: "run" | "hold";
    };
  };
  vars: Readonly<Record<string, string>>;
  scope: Readonly<Record<string, string>>;
  types: Readonly<Record<string, DateType>>;
  /** The customer's own types of entities, beside those of the model. */
  ownTypes?: OwnTypes | undefined;
  maps: Readonly<Record<string, ValueMap>>;
  /** What the file itself publishes as catalogs, in its order; undefined: nothing. */
  published?: readonly PublishedCode[] | undefined;
  sources: readonly Source[];
  /** Undefined: all of them take part. */
  properties?: PropertyScope | undefined;
  commands: readonly CommandConfig[];
  guards: Record<"deletes" | "emptied" | "moved", { rows: number; percent: number }>;
  /** The checks of idle hours; `records` 0: none. Minutes of the local day, over midnight the later one is the smaller. */
  reconcile: { between: { fromMinute: number; untilMinute: number }; everyMs: number; records: number };
  quality: QualityConfig;
  /** Whether the portal may ask which persons fit somebody, and how often. */
  persons: { match: boolean; perHour: number };
  /** Undefined: none are written. */
  worklists: DeliverConfig | undefined;
  journal: { keepDays: number; maxBytes: number };
}
