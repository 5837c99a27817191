/** How values of the engine become the numbers that TDS sends. */

/** The whole number of units of the last decimal place. */
export function decimalUnits(text: string, scale: number): bigint {
  const match = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text);
  if (!match) throw new Error(`${text} is no decimal`);
  const [, sign, before = "", after = ""] = match;
  const units = BigInt(`${before === "" ? "0" : before}${after.padEnd(scale, "0").slice(0, scale)}`);
  return sign === "-" ? -units : units;
}

/** Groups of a GUID's text are numbers, sent with the least byte first; the last two are bytes. */
export function guidBytes(text: string): Buffer {
  const hex = Buffer.from(text.replaceAll("-", ""), "hex");
  const turned = (from: number, to: number): Buffer => Buffer.from(hex.subarray(from, to)).reverse();
  return Buffer.concat([turned(0, 4), turned(4, 6), turned(6, 8), hex.subarray(8)]);
}

/** Days since 0001-01-01. */
export function dayNumber(day: string): number {
  return Math.round((Date.parse(`${day}T00:00:00Z`) - Date.parse("0001-01-01T00:00:00Z")) / 86_400_000);
}

/** Day, ticks of 100 ns within it and offset of `YYYY-MM-DDTHH:mm:ss[.f][Z|+HH:mm]`; a value with an offset is told in UTC. */
export function momentParts(text: string): { day: number; ticks: bigint; offsetMinutes: number } {
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,7}))?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (!match) throw new Error(`${text} is no moment`);
  const [, day = "", hours = "0", minutes = "0", seconds = "0", fraction = "", zone = "Z"] = match;
  const offsetMinutes = zone === "Z" ? 0 : (zone[0] === "-" ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4)));
  const minute = dayNumber(day) * 1440 + Number(hours) * 60 + Number(minutes) - offsetMinutes;
  const inDay = ((minute % 1440) + 1440) % 1440;
  const ticks = (BigInt(inDay) * 60n + BigInt(seconds)) * 10_000_000n + BigInt(fraction.padEnd(7, "0"));
  return { day: (minute - inDay) / 1440, ticks, offsetMinutes };
}

/** Ticks of 100 ns as units of the type's last decimal place. */
export function timeUnits(ticks: bigint, scale: number): bigint {
  return ticks / 10n ** BigInt(7 - scale);
}

export function unitsLength(scale: number): number {
  return scale <= 2 ? 3 : scale <= 4 ? 4 : 5;
}
