import type { Request } from "tedious";
import type { Value } from "../connector.ts";
import type { Driver } from "./connect.ts";

type Bound = Exclude<Value, null>;

/** Texts up to here go as `nvarchar(4000)`: the server keeps one plan for them all, where a length of its own for each text would make many. */
const shortText = 4_000;
const shortBytes = 8_000;

/** How a value is declared to the server. */
export function declarationOf(value: Bound): string {
  if (typeof value === "string") return value.length <= shortText ? `nvarchar(${shortText})` : "nvarchar(max)";
  if (typeof value === "boolean") return "bit";
  if (value instanceof Uint8Array) return value.byteLength <= shortBytes ? `varbinary(${shortBytes})` : "varbinary(max)";
  if (typeof value === "number" && !Number.isSafeInteger(value)) return "float";
  if (Math.abs(Number(value)) < 2 ** 31) return "int";
  return typeof value === "number" || isLong(value) ? "bigint" : "nvarchar(4000)";
}

/** Adds the values as `p0`, `p1`, … */
export function addValues(request: Request, values: readonly Bound[], { TYPES }: Driver): void {
  for (const [index, value] of values.entries()) {
    const name = `p${index}`;
    switch (declarationOf(value)) {
      case "bit":
        request.addParameter(name, TYPES.Bit, value);
        break;
      case "int":
        request.addParameter(name, TYPES.Int, Number(value));
        break;
      case "bigint":
        request.addParameter(name, TYPES.BigInt, String(value));
        break;
      case "float":
        request.addParameter(name, TYPES.Float, value);
        break;
      case "varbinary(8000)":
        request.addParameter(name, TYPES.VarBinary, Buffer.from(value as Uint8Array), { length: shortBytes });
        break;
      case "varbinary(max)":
        request.addParameter(name, TYPES.VarBinary, Buffer.from(value as Uint8Array), { length: Number.POSITIVE_INFINITY });
        break;
      case "nvarchar(max)":
        request.addParameter(name, TYPES.NVarChar, String(value), { length: Number.POSITIVE_INFINITY });
        break;
      default:
        request.addParameter(name, TYPES.NVarChar, String(value), { length: shortText });
    }
  }
}

/** Whether a whole number fits the server's `bigint`; beyond it goes as text and the column's own type decides. */
export function isLong(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}
