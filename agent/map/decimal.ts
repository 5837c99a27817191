/** Exact decimals: a value is `unscaled / 10^scale`. No operation but `divide` and `round` loses a digit, and no float is involved. */
export interface Decimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;
/** Places of a quotient; beyond them it is rounded half away from zero, as bookkeeping does. */
const divisionPlaces = 12;

/** The decimal that `text` writes (`12`, `-0.50`, `.5`, `1e3`); undefined when it is none. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  const [, sign, whole = "", fraction = "", exponent] = match;
  if (whole === "" && fraction === "") return undefined;
  const scale = fraction.length - Number(exponent ?? 0);
  const digits = BigInt(`${whole}${fraction}`);
  const unscaled = sign === "-" ? -digits : digits;
  return scale >= 0 ? { unscaled, scale } : { unscaled: unscaled * 10n ** BigInt(-scale), scale: 0 };
}

/** A float as the shortest decimal that reads back as the same float; undefined for NaN and infinities. */
export function decimalOfFloat(value: number): Decimal | undefined {
  return Number.isFinite(value) ? parseDecimal(String(value)) : undefined;
}

export function decimalOfInteger(value: bigint): Decimal {
  return { unscaled: value, scale: 0 };
}

function aligned(a: Decimal, b: Decimal): [bigint, bigint, number] {
  if (a.scale === b.scale) return [a.unscaled, b.unscaled, a.scale];
  const scale = Math.max(a.scale, b.scale);
  return [a.unscaled * 10n ** BigInt(scale - a.scale), b.unscaled * 10n ** BigInt(scale - b.scale), scale];
}

/** Negative, zero or positive as a is below, equal to or above b; 1.0 equals 1. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const [left, right] = aligned(a, b);
  return left < right ? -1 : left > right ? 1 : 0;
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const [left, right, scale] = aligned(a, b);
  return { unscaled: left + right, scale };
}

export function negateDecimal(a: Decimal): Decimal {
  return { unscaled: -a.unscaled, scale: a.scale };
}

export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  return { unscaled: a.unscaled * b.unscaled, scale: a.scale + b.scale };
}

/** Quotient to 12 places, rounded half away from zero; undefined for a division by zero. */
export function divideDecimals(a: Decimal, b: Decimal): Decimal | undefined {
  if (b.unscaled === 0n) return undefined;
  const [left, right] = aligned(a, b);
  return { unscaled: divideRounded(left * 10n ** BigInt(divisionPlaces), right), scale: divisionPlaces };
}

/** Rounded half away from zero to `places` digits behind the point (0 to 30). */
export function roundDecimal(a: Decimal, places: number): Decimal {
  if (a.scale <= places) return a;
  return { unscaled: divideRounded(a.unscaled, 10n ** BigInt(a.scale - places)), scale: places };
}

function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const rest = dividend - quotient * divisor;
  const absolute = (value: bigint): bigint => (value < 0n ? -value : value);
  if (absolute(rest) * 2n < absolute(divisor)) return quotient;
  return dividend < 0n === divisor < 0n ? quotient + 1n : quotient - 1n;
}

/** The whole part, towards zero. */
export function truncateDecimal(a: Decimal): bigint {
  return a.unscaled / 10n ** BigInt(a.scale);
}

/** Plain text without exponent, plus or needless zeros: `12.5`, `-0.05`, `0`. */
export function formatDecimal(a: Decimal): string {
  const negative = a.unscaled < 0n;
  const digits = String(negative ? -a.unscaled : a.unscaled).padStart(a.scale + 1, "0");
  const whole = a.scale === 0 ? digits : digits.slice(0, -a.scale);
  return normalForm(negative, whole, a.scale === 0 ? "" : digits.slice(-a.scale));
}

const plain = /^(-?)(\d+)(?:\.(\d+))?$/;

/** The normal form of a decimal's text, the same for `012.50`, `12.5` and `12.500`; undefined when it is no decimal. */
export function normaliseDecimal(text: string): string | undefined {
  const match = plain.exec(text);
  if (match) return normalForm(match[1] === "-", match[2] as string, match[3] ?? "");
  const parsed = parseDecimal(text);
  return parsed && formatDecimal(parsed);
}

function normalForm(negative: boolean, whole: string, fraction: string): string {
  let start = 0;
  while (start < whole.length - 1 && whole.charCodeAt(start) === 48) start++;
  let end = fraction.length;
  while (end > 0 && fraction.charCodeAt(end - 1) === 48) end--;
  const integer = start === 0 ? whole : whole.slice(start);
  if (end === 0) return negative && integer !== "0" ? `-${integer}` : integer;
  return `${negative ? "-" : ""}${integer}.${end === fraction.length ? fraction : fraction.slice(0, end)}`;
}

/** Normal form of an amount of money: as a decimal, with at least two digits behind the point (`12.50`). */
export function moneyText(normal: string): string {
  const point = normal.indexOf(".");
  if (point < 0) return `${normal}.00`;
  return point === normal.length - 2 ? `${normal}0` : normal;
}
