/** A type as it is declared in T-SQL. */
export interface DeclaredType {
  name: string;
  /** Characters, bytes or precision; undefined where none is written; "max". */
  size: number | "max" | undefined;
  scale: number | undefined;
}

const pattern = /^\[?([a-z_]\w*)\]?\s*(?:\(\s*(max|\d+)\s*(?:,\s*(\d+)\s*)?\))?$/i;

const synonyms: Readonly<Record<string, string>> = {
  integer: "int",
  dec: "decimal",
  numeric: "decimal",
  rowversion: "timestamp",
};

/** @throws Error for what is no type of SQL Server's own */
export function declaredType(text: string): DeclaredType {
  const match = pattern.exec(text.trim());
  if (!match) throw new Error(`The double does not know: the type ${text}`);
  const [, word = "", size, scale] = match;
  const name = synonyms[word.toLowerCase()] ?? word.toLowerCase();
  return withDefaults({
    name,
    size: size === undefined ? undefined : size.toLowerCase() === "max" ? "max" : Number(size),
    scale: scale === undefined ? undefined : Number(scale),
  });
}

function withDefaults(type: DeclaredType): DeclaredType {
  switch (type.name) {
    case "decimal":
      return { ...type, size: type.size ?? 18, scale: type.scale ?? 0 };
    case "time":
    case "datetime2":
    case "datetimeoffset":
      return { ...type, size: undefined, scale: type.size === undefined ? 7 : Number(type.size) };
    case "char":
    case "nchar":
    case "varchar":
    case "nvarchar":
    case "binary":
    case "varbinary":
      return { ...type, size: type.size ?? 1 };
    default:
      return { ...type, size: undefined };
  }
}

/** The type's name as the server's views write it. */
export function typeText({ name, size, scale }: DeclaredType): string {
  if (name === "decimal") return `decimal(${size},${scale})`;
  if (name === "time" || name === "datetime2" || name === "datetimeoffset") return `${name}(${scale})`;
  return size === undefined ? name : `${name}(${size})`;
}
