import { FuserError } from "../../base/errors.ts";
import type { RawValue } from "../digest.ts";

const digits = (value: number, length = 2): string => String(value).padStart(length, "0");

/** Offsets change by no more, and not twice within it. */
const lookBackMs = 3 * 60 * 60 * 1_000;

/**
 * The driver makes JavaScript dates of what no SELECT of ours reads as text: rows of a ref cursor. They hold milliseconds, and a local time as this process's zone
 * has it: an hour that the zone skips is none that such a date can hold.
 * @param type the driver's word for the column's type
 * @throws FuserError config `erp-value-inexact` for a local time that may have been such an hour
 */
export function dateText(value: Date, type: string): RawValue {
  if (/TIME ZONE|TZ/.test(type)) return value.toISOString().replace(/\.?0*Z$/, "Z");
  // Its offset from UTC grows where clocks are put forward.
  if (new Date(value.getTime() - lookBackMs).getTimezoneOffset() > value.getTimezoneOffset()) throw inexact(type);
  const date = `${digits(value.getFullYear(), 4)}-${digits(value.getMonth() + 1)}-${digits(value.getDate())}`;
  const time = `${digits(value.getHours())}:${digits(value.getMinutes())}:${digits(value.getSeconds())}`;
  const fraction = digits(value.getMilliseconds(), 3).replace(/0+$/, "");
  return `${date}T${time}${fraction === "" ? "" : `.${fraction}`}`;
}

function inexact(place: string): FuserError {
  return new FuserError(
    "config",
    "A procedure's cursor gives a date in the night when the clocks are put forward, which the driver may have moved",
    {
      code: "erp-value-inexact",
      operation: "call a procedure of the ERP",
      place,
      hint: "Let the cursor give the date as text: TO_CHAR(column, 'YYYY-MM-DD\"T\"HH24:MI:SS').",
    },
  );
}
