// Column types of Oracle as CREATE TABLE writes them, how they are kept in SQLite and how they are told over the wire.
import type { ResultColumn } from "../tns/database.ts";
import type { TypeName } from "../tns/values.ts";

export interface ColumnType {
  /** As ALL_TAB_COLUMNS.DATA_TYPE names it. */
  dataType: string;
  wire: TypeName;
  /** Characters or bytes. */
  length: number | undefined;
  precision: number | undefined;
  scale: number | undefined;
}

const bare = (dataType: string, wire: TypeName): ColumnType => ({
  dataType,
  wire,
  length: undefined,
  precision: undefined,
  scale: undefined,
});

const patterns: readonly [RegExp, (sizes: readonly (number | undefined)[]) => ColumnType][] = [
  [/^NVARCHAR2?$/, ([length]) => ({ ...bare("NVARCHAR2", "VARCHAR2"), length })],
  [/^VARCHAR2?$/, ([length]) => ({ ...bare("VARCHAR2", "VARCHAR2"), length })],
  [/^N?CHAR$/, ([length = 1]) => ({ ...bare("CHAR", "CHAR"), length })],
  [/^(INTEGER|INT|SMALLINT)$/, () => ({ ...bare("NUMBER", "NUMBER"), scale: 0 })],
  [
    /^(NUMBER|DECIMAL|NUMERIC)$/,
    ([precision, scale]) => ({
      ...bare("NUMBER", "NUMBER"),
      precision,
      scale: precision === undefined ? undefined : (scale ?? 0),
    }),
  ],
  [/^BINARY_DOUBLE$/, () => bare("BINARY_DOUBLE", "BINARY_DOUBLE")],
  [/^DATE$/, () => bare("DATE", "DATE")],
  [/^TIMESTAMP$/, ([scale = 6]) => ({ ...bare(`TIMESTAMP(${scale})`, "TIMESTAMP"), scale })],
  [/^TIMESTAMP WITH TIME ZONE$/, ([scale = 6]) => ({ ...bare(`TIMESTAMP(${scale}) WITH TIME ZONE`, "TIMESTAMP_TZ"), scale })],
  [
    /^TIMESTAMP WITH LOCAL TIME ZONE$/,
    ([scale = 6]) => ({ ...bare(`TIMESTAMP(${scale}) WITH LOCAL TIME ZONE`, "TIMESTAMP_LTZ"), scale }),
  ],
  [/^RAW$/, ([length]) => ({ ...bare("RAW", "RAW"), length })],
  [/^N?CLOB$/, () => bare("CLOB", "CLOB")],
  [/^BLOB$/, () => bare("BLOB", "BLOB")],
];

/** @throws Error for a type that the double does not keep */
export function columnType(declared: string): ColumnType {
  const name = declared
    .toUpperCase()
    .replace(/\([^)]*\)/g, "")
    .replace(/\s+/g, " ")
    .trim();
  const sizes = (/\(([^)]*)\)/.exec(declared)?.[1] ?? "").split(",").map((part) => {
    const size = Number.parseInt(part, 10);
    return Number.isNaN(size) ? undefined : size;
  });
  for (const [pattern, make] of patterns) if (pattern.test(name)) return make(sizes);
  throw new Error(`The double does not keep columns of the type ${declared}`);
}

export function wireColumn(name: string, type: ColumnType, nullable: boolean): ResultColumn {
  const characters = type.wire === "VARCHAR2" || type.wire === "CHAR";
  return {
    name,
    type: type.wire,
    nullable,
    ...(type.length === undefined ? {} : { size: characters ? type.length * 4 : type.length }),
    ...(type.wire === "NUMBER" && type.scale !== undefined ? { precision: type.precision ?? 38, scale: type.scale } : {}),
    ...(type.wire.startsWith("TIMESTAMP") ? { scale: type.scale ?? 6 } : {}),
  };
}

/** Condition that a stored value keeps, by the number of the error that breaks it. */
export function checksOf(column: string, { wire, length, precision, scale }: ColumnType): [number, string][] {
  const name = `"${column}"`;
  if ((wire === "VARCHAR2" || wire === "CHAR") && length !== undefined) return [[12899, `length(rtrim(${name})) <= ${length}`]];
  if (wire === "RAW" && length !== undefined) return [[12899, `length(${name}) <= ${length}`]];
  if (wire !== "NUMBER") return [];
  return [
    [1722, `(typeof(${name}) = 'integer' OR ora_is_number(${name}))`],
    ...(precision === undefined ? [] : [[1438, `ora_fits(${name}, ${precision}, ${scale ?? 0})`] as [number, string]]),
  ];
}

/** Expression that brings a value just stored into the form it is kept in; undefined where any is. */
export function keptAs(column: string, { wire, length, scale }: ColumnType): string | undefined {
  const name = `NEW."${column}"`;
  if (wire === "CHAR") return `ora_pad(${name}, ${length})`;
  if (wire === "NUMBER") return `ora_number(${name}, ${scale ?? "NULL"})`;
  if (wire === "DATE") return `ora_moment(${name}, 0)`;
  return wire.startsWith("TIMESTAMP") ? `ora_moment(${name}, 9)` : undefined;
}
