/** What the values of a command are worked out from, and the names that its expressions may use. */
import { decodeKey, splitId } from "../../base/key.ts";
import { didYouMean } from "../../base/nearest.ts";
import type { CommandConfig, Config, Source } from "../../config/config.ts";
import type { StepResults } from "../../connectors/connector.ts";
import type { Command } from "../../protocol/messages.ts";
import { type Json, type TypeName, typeNamed } from "../../protocol/model.ts";
import { typesWith } from "../../protocol/own-types.ts";
import { instantMs, type Zone } from "./calendar.ts";
import { type CelType, type CelValue, celOfValue } from "./cel-values.ts";
import { parseDecimal } from "./decimal.ts";
import { type FieldKind, fieldKindOf } from "./field-kind.ts";
import type { Variable, Vocabulary } from "./language.ts";
import { Unwritable } from "./reader-texts.ts";

export interface WriteFrame {
  /** Fields by name, references resolved to ids; an absent one is not carried. */
  values: Readonly<Record<string, Json>>;
  /** The entity that is changed; null for a create. */
  id: string | null;
  command: Command;
  /** Milliseconds since the epoch. */
  now: number;
  results: StepResults;
  /** As in the plan's context. */
  isCurrent(source: string, id: string): boolean;
  /** Of an `insertLines` step: the line that is written. */
  line?: { number: number; text: string };
}

export const commandRecord = ["id", "name", "actor", "onBehalfOf", "issuedAt"] as const;

/** Type of the entity that a command is about: `ticket` of `ticket.create`. */
export function commandType(command: CommandConfig, config: Config): TypeName | undefined {
  const name = command.name.split(".")[0] as string;
  return typeNamed(typesWith(config.ownTypes), name) === undefined ? undefined : (name as TypeName);
}

/** The fields that the type of a command has. */
export function commandFields({ config, type }: { config: Config; type: TypeName }): Readonly<Record<string, FieldKind>> {
  const found = typeNamed(typesWith(config.ownTypes), type);
  return (found === undefined ? {} : fieldKindOf(found.schema).fields) as Readonly<Record<string, FieldKind>>;
}

/** Type in expressions of a field of the model; undefined for lists of objects and the like. */
export function celTypeOfField(kind: FieldKind): CelType | undefined {
  switch (kind.kind) {
    case "text":
    case "date":
    case "instant":
    case "decimal":
    case "boolean":
      return kind.kind;
    case "number":
      return "decimal";
    case "choice":
      return "text";
    case "list":
      return kind.item?.kind === "text" ? "texts" : undefined;
    default:
      return undefined;
  }
}

/** A field's value as expressions see it; the model has checked it. */
export function celOfField(value: Json | undefined, type: CelType): CelValue {
  if (value === undefined || value === null) return null;
  if (type === "instant") return instantMs(value as string) ?? null;
  if (type === "decimal") return parseDecimal(String(value)) ?? null;
  if (type === "text") return typeof value === "string" ? value : String(value);
  return value as string | boolean | readonly string[];
}

/** Results of steps by name: what they are to expressions. */
export type ResultTypes = ReadonlyMap<string, CelType>;

export function writeVocabulary(parts: {
  config: Config;
  command: CommandConfig;
  type: TypeName;
  results: ResultTypes;
  zone: Zone;
  /** In an `insertLines` step. */
  lines: boolean;
}): Vocabulary<WriteFrame> {
  const { config, command, type, results, zone, lines } = parts;
  const variables = new Map<string, Variable<WriteFrame>>();
  const records = new Map<string, ReadonlyMap<string, Variable<WriteFrame>>>();
  for (const [name, kind] of Object.entries(commandFields({ config, type }))) {
    const celType = celTypeOfField(kind);
    if (celType !== undefined) variables.set(name, { type: celType, read: (frame) => celOfField(frame.values[name], celType) });
    else if (kind.fields !== undefined && kind.kind !== "list") records.set(name, partsOf(name, kind.fields));
  }
  variables.set("id", { type: "text", read: (frame) => frame.id });
  variables.set("now", { type: "instant", read: (frame) => frame.now });
  for (const [name, celType] of results)
    variables.set(name, { type: celType, read: (frame) => celOfValue(frame.results.get(name) ?? null, celType) });
  records.set(
    "vars",
    new Map(Object.entries(config.vars).map(([name, value]) => [name, { type: "text" as const, read: () => value }])),
  );
  records.set(
    "command",
    new Map(
      commandRecord.map((name) => [
        name,
        {
          type: name === "issuedAt" ? ("instant" as const) : ("text" as const),
          read: (frame: WriteFrame) => commandPart(frame.command, name),
        },
      ]),
    ),
  );
  if (lines) records.set("line", lineRecord);
  return { variables, records, nearby: [], zone, keyPart: (field, column) => keyPart({ config, command, type }, field, column) };
}

const lineRecord: ReadonlyMap<string, Variable<WriteFrame>> = new Map([
  ["number", { type: "integer" as const, read: ({ line }) => BigInt(line?.number ?? 1) }],
  ["text", { type: "text" as const, read: ({ line }) => line?.text ?? "" }],
]);

function partsOf(name: string, fields: Readonly<Record<string, FieldKind>>): Map<string, Variable<WriteFrame>> {
  const parts = new Map<string, Variable<WriteFrame>>();
  for (const [field, kind] of Object.entries(fields)) {
    const type = celTypeOfField(kind);
    const read = ({ values }: WriteFrame): Json | undefined =>
      (values[name] as { [key: string]: Json } | null | undefined)?.[field];
    if (type !== undefined) parts.set(field, { type, read: (frame) => celOfField(read(frame), type) });
  }
  return parts;
}

export function commandPart(command: Command, name: (typeof commandRecord)[number]): CelValue {
  if (name === "name") return command.command;
  if (name === "issuedAt") return instantMs(command.issuedAt) ?? null;
  return command[name] ?? null;
}

/** `key(field).COLUMN`: a part of the ERP key behind the id in a field, or behind the entity's own `id`. */
function keyPart(
  { config, command, type }: { config: Config; command: CommandConfig; type: TypeName },
  field: string,
  column: string,
): Variable<WriteFrame> | string {
  const sources = sourcesBehind({ config, command, type }, field);
  if (typeof sources === "string") return sources;
  const indexes = sources.map((source) => source.key.findIndex((name) => name.toLowerCase() === column.toLowerCase()));
  if (indexes.every((index) => index < 0)) {
    const names = [...new Set(sources.flatMap((source) => source.key))];
    return `the key behind ${field} has no part ${column}. ${didYouMean(column, names).slice(0, -1)}`;
  }
  return {
    type: "text",
    read(frame) {
      const id = field === "id" ? frame.id : frame.values[field];
      if (id === undefined || id === null) return null;
      const { prefix, key } = splitId(id as string);
      const at = sources.findIndex((source) => source.prefix === prefix);
      const parts = at < 0 ? undefined : decodeKey(key);
      if (parts === undefined || parts.length !== sources[at]?.key.length)
        throw new Unwritable(field === "id" ? "entity-unknown" : "reference-unknown", field);
      if (!frame.isCurrent((sources[at] as Source).name, id as string)) throw new Unwritable("entity-ended", field);
      return parts[indexes[at] as number] ?? null;
    },
  };
}

function sourcesBehind(
  { config, command, type }: { config: Config; command: CommandConfig; type: TypeName },
  field: string,
): readonly Source[] | string {
  if (field === "id") return config.sources.filter((source) => source.name === command.result.source);
  const fields = commandFields({ config, type });
  const kind = fields[field];
  if (kind === undefined)
    return `${type} has no field ${field}. ${didYouMean(field, ["id", ...Object.keys(fields)]).slice(0, -1)}`;
  if (kind.references === undefined) return `${field} is no reference, so there is no key behind it`;
  const sources = config.sources.filter((source) => kind.references?.includes(source.type));
  return sources.length > 0
    ? sources
    : `no source gives a ${kind.references.join(" or ")}, so the key behind ${field} is not known`;
}
