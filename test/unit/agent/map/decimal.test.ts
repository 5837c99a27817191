import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addDecimals,
  compareDecimals,
  type Decimal,
  decimalOfFloat,
  divideDecimals,
  formatDecimal,
  moneyText,
  multiplyDecimals,
  negateDecimal,
  normaliseDecimal,
  parseDecimal,
  roundDecimal,
  truncateDecimal,
} from "../../../../agent/map/decimal.ts";

const decimal = fc.record({ unscaled: fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }), scale: fc.nat({ max: 12 }) });
const exact = (text: string): Decimal => parseDecimal(text) as Decimal;

test("The normal form has no exponent, plus or needless zeros", () => {
  const forms = {
    "012.50": "12.5",
    "12.00": "12",
    "-0.00": "0",
    "-0.50": "-0.5",
    ".5": "0.5",
    "5.": "5",
    "+7": "7",
    "1e3": "1000",
    "1.5E-3": "0.0015",
    "0": "0",
  };
  for (const [text, normal] of Object.entries(forms)) expect([text, normaliseDecimal(text)]).toEqual([text, normal]);
  for (const text of ["", ".", "-", "1,5", "1.2.3", "abc", "NaN", "0x1", " 1", "1e99999"])
    expect([text, normaliseDecimal(text)]).toEqual([text, undefined]);
});

test("38 digits go through parse and format unchanged", () => {
  const text = "99999999999999999999999999.999999999999";
  expect(formatDecimal(exact(text))).toBe(text);
  expect(normaliseDecimal(text)).toBe(text);
});

test("Format and parse are each other's inverse, and the normal form of a text is what it formats to", () => {
  fc.assert(
    fc.property(decimal, (value) => {
      const text = formatDecimal(value);
      expect(compareDecimals(exact(text), value)).toBe(0);
      expect(normaliseDecimal(text)).toBe(text);
    }),
  );
});

test("Sum and product follow the laws of arithmetic without losing a digit", () => {
  fc.assert(
    fc.property(decimal, decimal, decimal, (a, b, c) => {
      expect(formatDecimal(addDecimals(a, b))).toBe(formatDecimal(addDecimals(b, a)));
      expect(formatDecimal(addDecimals(addDecimals(a, b), negateDecimal(b)))).toBe(formatDecimal(a));
      const distributed = addDecimals(multiplyDecimals(a, c), multiplyDecimals(b, c));
      expect(formatDecimal(multiplyDecimals(addDecimals(a, b), c))).toBe(formatDecimal(distributed));
      expect(Math.sign(compareDecimals(a, b))).toBe(-Math.sign(compareDecimals(b, a)) + 0);
    }),
  );
});

test("Halves are rounded away from zero", () => {
  const rounded = { "2.5": "3", "-2.5": "-3", "2.4999": "2", "-2.49": "-2", "0.5": "1", "-0.5": "-1", "0.49": "0" };
  for (const [text, whole] of Object.entries(rounded))
    expect([text, formatDecimal(roundDecimal(exact(text), 0))]).toEqual([text, whole]);
  expect(formatDecimal(roundDecimal(exact("1.005"), 2))).toBe("1.01");
  expect(truncateDecimal(exact("-7.9"))).toBe(-7n);
});

test("A quotient has twelve places; nothing is divided by zero", () => {
  expect(formatDecimal(divideDecimals(exact("2"), exact("3")) as Decimal)).toBe("0.666666666667");
  expect(formatDecimal(divideDecimals(exact("-1"), exact("0.3")) as Decimal)).toBe("-3.333333333333");
  expect(divideDecimals(exact("1"), exact("0.00"))).toBeUndefined();
});

test("A float becomes the shortest decimal that reads back as it", () => {
  expect(formatDecimal(decimalOfFloat(0.1) as Decimal)).toBe("0.1");
  expect(formatDecimal(decimalOfFloat(1e-7) as Decimal)).toBe("0.0000001");
  expect(formatDecimal(decimalOfFloat(1e21) as Decimal)).toBe("1000000000000000000000");
  expect([decimalOfFloat(Number.NaN), decimalOfFloat(Number.POSITIVE_INFINITY)]).toEqual([undefined, undefined]);
});

test("Money shows two places at least and keeps more", () => {
  expect([moneyText("12"), moneyText("12.5"), moneyText("12.55"), moneyText("0.125")]).toEqual([
    "12.00",
    "12.50",
    "12.55",
    "0.125",
  ]);
});
