/** `timestamptz` as the server prints it: `2026-03-29 03:30:00.25+02`, the offset with minutes and seconds where it has them. */
const printed = /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(\.\d+)?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/;

/**
 * The instant as `YYYY-MM-DDTHH:mm:ss[.f]Z`, exact to the microsecond whatever the session's zone: by whole seconds alone. What is no calendar moment
 * (infinity, years before Christ) stays the text it is.
 */
export function instantOf(text: string): string {
  const match = printed.exec(text);
  if (match === null) return text;
  const [, year, month, day, hour, minute, second, fraction = "", sign, ...offset] = match;
  const [hours, minutes, seconds] = offset.map((part) => Number(part ?? 0)) as [number, number, number];
  if (hours === 0 && minutes === 0 && seconds === 0) return `${year}-${month}-${day}T${hour}:${minute}:${second}${fraction}Z`;
  const shift = (hours * 3600 + minutes * 60 + seconds) * (sign === "-" ? -1 : 1);
  const local = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  const total = daysOf(Number(year), Number(month), Number(day)) * 86_400 + local - shift;
  const days = Math.floor(total / 86_400);
  const rest = total - days * 86_400;
  const time = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map((part) => String(part).padStart(2, "0"));
  return `${dateOf(days)}T${time.join(":")}${fraction}Z`;
}

/** Days since 1 March of the year 0, in the calendar of today (howardhinnant.github.io/date_algorithms.html). */
function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
}

function dateOf(days: number): string {
  const era = Math.floor(days / 146_097);
  const day = days - era * 146_097;
  const yearOfEra = Math.floor((day - Math.floor(day / 1460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365);
  const dayOfYear = day - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const [y, m] = [yearOfEra + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9];
  const d = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  return `${String(y).padStart(4, "0")}-${String(m).padStart(2, "0")}-${String(d).padStart(2, "0")}`;
}
