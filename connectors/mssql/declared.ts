import type { Told } from "./session.ts";

/** A type as it is declared, from a row of `sys.columns` or `sys.parameters`, which tell its size in bytes, and -1 for `max`. */
export function declaredOf({ type, size, digits, scale }: Told): string {
  const bytes = Number(size);
  switch (type) {
    case "nchar":
    case "nvarchar":
      return `${type}(${bytes < 0 ? "max" : bytes / 2})`;
    case "char":
    case "varchar":
    case "binary":
    case "varbinary":
      return `${type}(${bytes < 0 ? "max" : bytes})`;
    case "decimal":
    case "numeric":
      return `${type}(${digits},${scale})`;
    case "datetime2":
    case "datetimeoffset":
    case "time":
      return `${type}(${scale})`;
    default:
      return type ?? "unknown";
  }
}
