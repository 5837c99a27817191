/** Conflicting columns told in the portal's words. */
import type { FieldConflict, Value } from "../../connectors/connector.ts";
import type { Command, Result } from "../../protocol/messages.ts";
import type { Json } from "../../protocol/model.ts";
import { codeText } from "./code-maps.ts";
import { compileDateType } from "./date-types.ts";
import { gatherFaults } from "./faults.ts";
import { indexOf } from "./lookups.ts";
import { fieldReadFrom } from "./write-base.ts";
import type { WriteScope } from "./write-scope.ts";
import { anyText } from "./write-values.ts";

type Conflict = NonNullable<Result["conflict"]>[number];

/** One entry per field: base and wanted as the command has them, current as the source would read it. A column without field goes by its own name. */
export function conflictsOf(message: Command, found: readonly FieldConflict[], scope: WriteScope): Conflict[] {
  const conflicts = found.map(({ column, base, current, wanted }): Conflict => {
    const field = fieldOf(column, scope);
    if (field === undefined) return { field: column, base: json(base), current: json(current), wanted: json(wanted) };
    const meaning = (value: Value): Json => meaningOf(column, value, scope);
    return {
      field,
      base: (message.base?.[field] as Json | undefined) ?? meaning(base),
      current: meaning(current),
      wanted: (message.values[field] as Json | undefined) ?? meaning(wanted),
    };
  });
  return conflicts.filter((one, index) => conflicts.findIndex((other) => other.field === one.field) === index);
}

function json(value: Value): Json {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return codeText(value);
}

function fieldOf(column: string, scope: WriteScope): string | undefined {
  for (const step of scope.command.steps) {
    if (step.kind !== "update") continue;
    const write = Object.entries(step.values).find(([name]) => name.toLowerCase() === column.toLowerCase())?.[1];
    if (write?.kind === "from") return write.field;
    const read = write && fieldReadFrom(column, step.table, scope);
    if (read !== undefined) return read.field;
  }
  return undefined;
}

/** By the source's own reading of the column, as far as it is a plain one. */
function meaningOf(column: string, value: Value, scope: WriteScope): Json {
  const { source, config } = scope;
  const read = source.from.kind === "table" ? fieldReadFrom(column, source.from.table, scope)?.read : undefined;
  if (value === null || read?.kind !== "from") return json(value);
  if (read.map !== undefined) return config.maps[read.map]?.read[codeText(value)] ?? json(value);
  if (read.lookup !== undefined) {
    const table = scope.lookups.holder.tables.of(read.lookup.name);
    return table?.rows.get(codeText(value).trim())?.[indexOf(table, read.lookup.take)] ?? json(value);
  }
  const type = read.as === undefined ? undefined : config.types[read.as];
  const kind = typeof value === "string" ? "text" : "integer";
  const dated = type && compileDateType(type, { ...anyText, name: column, type: kind }, { at: read.at, faults: gatherFaults() });
  const text = dated?.read(value);
  return text === undefined ? json(value) : text;
}
