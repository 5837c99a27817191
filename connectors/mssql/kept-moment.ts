import type { Value } from "../connector.ts";
import type { NativeType } from "./types.ts";

const moment = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z?)$/;
const second = 1_000_000_000;

/**
 * A date-time as a column of the type keeps it, rounded as the server does (learn.microsoft.com, "datetime", "smalldatetime", "datetime2"): DATETIME counts
 * 1/300 s, shown as .000, .003 and .007, SMALLDATETIME minutes, the others the digits that they are declared with. Other values, and what is no date-time,
 * stay as they are. Without it an update that was carried out would be taken for another's change when it is looked at again.
 */
export function keptMoment(value: Value, type: NativeType): Value {
  const match = typeof value === "string" ? moment.exec(value) : null;
  const step = match && stepOf(type);
  if (!match || !step) return value;
  const [, day, time, zone = ""] = match;
  try {
    const at = Temporal.PlainDateTime.from(`${day}T${time}`);
    const within = at.millisecond * 1_000_000 + at.microsecond * 1_000 + at.nanosecond;
    const whole = at.subtract({ nanoseconds: within });
    return `${step(whole, within).toString()}${zone}`;
  } catch {
    // A day that there is not: the server says so.
    return value;
  }
}

type Step = (whole: Temporal.PlainDateTime, nanoseconds: number) => Temporal.PlainDateTime;

function stepOf({ name, declared }: NativeType): Step | undefined {
  switch (name) {
    case "datetime":
      return (whole, ns) => whole.add({ milliseconds: Math.round((Math.round((ns * 300) / second) * 10) / 3) });
    case "smalldatetime":
      // From 29.999 s on it is the next minute.
      return (whole, ns) =>
        whole.add({ nanoseconds: ns, seconds: 30, milliseconds: 1 }).round({ smallestUnit: "minute", roundingMode: "floor" });
    case "datetime2":
    case "datetimeoffset": {
      const unit = 10 ** (9 - Number(/\((\d)\)/.exec(declared)?.[1] ?? 7));
      return (whole, ns) => whole.add({ nanoseconds: Math.round(ns / unit) * unit });
    }
    default:
      return undefined;
  }
}
