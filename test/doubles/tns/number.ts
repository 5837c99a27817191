// Oracle's NUMBER: an exponent to the base of 100 and its digits, exact (docs.oracle.com, "Call Interface Programmer's Guide", internal data types).

const zero = 0x80;
/** Ends the digits of a negative number, so that numbers sort as bytes. */
const negativeEnd = 102;

/** @param text decimal digits, perhaps with a sign and a point */
export function encodeNumber(text: string): Buffer {
  const match = /^(-?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(text);
  if (!match) throw new Error(`${text} is no NUMBER`);
  const [, sign, whole = "", fraction = ""] = match;
  if (whole === "" && fraction === "") return Buffer.from([zero]);
  const left = whole.length % 2 ? `0${whole}` : whole;
  const right = fraction.length % 2 ? `${fraction}0` : fraction;
  const digits = ((left + right).match(/../g) ?? []).map(Number);
  let exponent = left.length / 2 - 1;
  while (digits[0] === 0) {
    digits.shift();
    exponent -= 1;
  }
  while (digits.at(-1) === 0) digits.pop();
  if (sign === "") return Buffer.from([exponent + 193, ...digits.map((digit) => digit + 1)]);
  return Buffer.from([
    ~(exponent + 193) & 255,
    ...digits.map((digit) => 101 - digit),
    ...(digits.length < 20 ? [negativeEnd] : []),
  ]);
}

export function decodeNumber(bytes: Buffer): string {
  const head = bytes[0] as number;
  if (bytes.length === 1 && head === zero) return "0";
  const positive = (head & 0x80) !== 0;
  const exponent = (positive ? head : head ^ 255) - 193;
  const digits = [...bytes.subarray(1)];
  if (!positive && digits.at(-1) === negativeEnd) digits.pop();
  const text = digits.map((digit) => String(positive ? digit - 1 : 101 - digit).padStart(2, "0")).join("");
  const point = (exponent + 1) * 2;
  const whole = point <= 0 ? "0" : text.padEnd(point, "0").slice(0, point);
  const fraction = (point <= 0 ? "0".repeat(-point) + text : text.slice(point)).replace(/0+$/, "");
  return `${positive ? "" : "-"}${whole.replace(/^0+(?=\d)/, "")}${fraction === "" ? "" : `.${fraction}`}`;
}
