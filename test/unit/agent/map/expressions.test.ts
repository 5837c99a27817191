import { expect, test } from "vitest";
import { openZone } from "../../../../agent/map/calendar.ts";
import { type CelType, type CelValue, celText, ExpressionFailure } from "../../../../agent/map/cel-values.ts";
import { shortId } from "../../../../agent/map/expression-functions.ts";
import { openLanguage } from "../../../../agent/map/expressions.ts";
import { namesIn } from "../../../../agent/map/language.ts";

type Frame = Readonly<Record<string, CelValue>>;
const types: Record<string, CelType> = {
  TEXT: "text",
  NR: "integer",
  SUM: "decimal",
  DAY: "date",
  AT: "datetime",
  MOMENT: "instant",
  FLAG: "boolean",
  CLOCK: "time",
  type: "text",
};
const variables = new Map(
  Object.entries(types).map(([name, type]) => [name, { type, read: (frame: Frame) => frame[name] ?? null }]),
);
const language = openLanguage<Frame>({
  variables,
  records: new Map([
    ["vars", new Map([["mandant", { type: "text" as const, read: () => "001" }]])],
    ["row", variables],
  ]),
  nearby: ["OTHER"],
  zone: openZone("Europe/Berlin"),
});

function fault(cel: string): string {
  const compiled = language({ cel, at: { path: "x", line: 1 } });
  return "message" in compiled ? `${compiled.message}. ${compiled.remedy}` : "";
}

function run(cel: string, frame: Frame = {}): unknown {
  const compiled = language({ cel, at: { path: "x", line: 1 } });
  if ("message" in compiled) throw new Error(compiled.message);
  const value = compiled.evaluate(frame);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? celText(value) : value;
}

test("A condition on null is not met, whichever way it is put", () => {
  for (const cel of [
    "TEXT == ''",
    "TEXT != ''",
    "!(TEXT == '')",
    "NR > 0",
    "NR <= 0",
    "TEXT in ['']",
    "FLAG",
    "!FLAG",
    "TEXT.startsWith('')",
  ]) {
    expect([cel, run(cel)]).toEqual([cel, false]);
  }
  expect(run("TEXT == 'x' ? 'yes' : 'no'")).toBe("no");
});

test("Null is told apart by empty(), coalesce() and comparison with null", () => {
  expect([run("empty(TEXT)"), run("empty(TEXT)", { TEXT: "" }), run("empty(TEXT)", { TEXT: " " })]).toEqual([true, true, false]);
  expect([run("TEXT == null"), run("null != TEXT"), run("TEXT != null", { TEXT: "" })]).toEqual([true, false, true]);
  expect([run("coalesce(TEXT, 'x')"), run("coalesce(NR, 7)", { NR: 1n })]).toEqual(["x", 1n]);
  expect([run("nullIf(TEXT, '-')", { TEXT: "-" }), run("nullIf(TEXT, '-')", { TEXT: "a" })]).toEqual([null, "a"]);
});

test("One side that decides a logical operator decides it although the other is null", () => {
  expect([run("TEXT == 'x' || NR == 1", { NR: 1n }), run("NR == 1 || TEXT == 'x'", { NR: 1n })]).toEqual([true, true]);
  expect([run("!(TEXT == 'x' && NR == 1)", { NR: 2n }), run("!(TEXT == 'x' && NR == 1)", { NR: 1n })]).toEqual([true, false]);
});

test("Any operator or function on null gives null", () => {
  for (const cel of [
    "TEXT + 'x'",
    "SUM * 2",
    "-NR",
    "pad(NR, 8, '0')",
    "format(DAY, 'yyyy')",
    "split(TEXT, ',')[0]",
    "string(SUM)",
  ])
    expect(run(cel)).toBeNull();
});

test("Decimals are exact at 38 digits, compare by value and meet integers without a float", () => {
  const huge = { SUM: { unscaled: 12345678901234567890123456789012345678n, scale: 10 } };
  expect(run("SUM + 0.1", huge)).toBe("1234567890123456789012345679.0012345678");
  expect(run("0.1 + 0.2")).toBe("0.3");
  expect([
    run("SUM == 12.5", { SUM: { unscaled: 12500n, scale: 3 } }),
    run("SUM > 5", { SUM: { unscaled: 1250n, scale: 2 } }),
    run("NR < 4.5", { NR: 4n }),
  ]).toEqual([true, true, true]);
  expect(run("round(SUM / 3, 2)", { SUM: { unscaled: 1000n, scale: 2 } })).toBe("3.33");
  expect(run("round(2.5, 0) == 3 && round(-2.5, 0) == -3")).toBe(true);
});

test("Comparing or joining different types is a fault at load, with both types named", () => {
  expect(fault("TEXT == 1")).toBe(
    "${TEXT == 1}: == between text and integer. Bring both sides to one type with string(), int(), decimal() or date().",
  );
  for (const cel of [
    "DAY == '2026-01-01'",
    "TEXT + 1",
    "SUM == '12.50'",
    "NR in ['1']",
    "DAY < AT",
    "FLAG == 1",
    "TEXT && FLAG",
    "coalesce(TEXT, 1)",
  ])
    expect(fault(cel)).not.toBe("");
});

test("A misspelt name is a fault that names its neighbour; now does not exist when reading", () => {
  expect(fault("TEXTT == ''")).toContain("TEXTT is not known here. Did you mean `TEXT`? Known: TEXT, NR, ");
  expect(fault("OTHR == ''")).toContain("Did you mean `OTHER`?");
  expect(fault("vars.mandat")).toContain("vars.mandat is not known. Did you mean `mandant`? Known: mandant.");
  expect(fault("emptyy(TEXT)")).toContain("Did you mean `empty`?");
  expect(fault("TEXT.startWith('a')")).toContain("Did you mean `startsWith`?");
  expect(fault("format(now, 'yyyy')")).toContain("now does not exist when reading");
});

test("What is not part of the language is refused at load: untyped values, loops, bytes, foreign conversions", () => {
  for (const cel of [
    "dyn(TEXT) == 1",
    "['a'].exists(x, x == TEXT)",
    "b'abc' == b'abc'",
    "timestamp('2026-01-01T00:00:00Z')",
    "TEXT ==",
    "{'a': 1}",
    "vars",
    "1u == 1u",
    "has(row.TEXT)",
  ]) {
    expect([cel, fault(cel) !== ""]).toEqual([cel, true]);
  }
});

test("A pattern that can't work is a fault at load", () => {
  expect(fault("format(DAY, 'YYYY')")).toContain("the pattern of format() does not know YYYY");
  expect(fault("TEXT.matches('(')")).toContain("a regular expression is not valid");
  expect(fault("capture(TEXT, '[')")).toContain("a regular expression is not valid");
});

test("Texts are worked on by whole characters", () => {
  expect([run("substring('😀äb', 1, 2)"), run("substring('ab', 1)"), run("substring('ab', 5, 9)"), run("size('😀ä')")]).toEqual([
    "ä",
    "b",
    "",
    2n,
  ]);
  expect([run("pad(NR, 8, '0')", { NR: 42n }), run("pad('123456789', 8, '0')")]).toEqual(["00000042", "123456789"]);
  expect([run("upper('straße')"), run("lower('ÄÖ')"), run("trim('  x ')"), run("replace('a-b-$&', '-', '$&')")]).toEqual([
    "STRASSE",
    "äö",
    "x",
    "a$&b$&$&",
  ]);
  expect([
    run("split('a,b', ',')[1]"),
    run("split('a', ',')[1]"),
    run("join(split('a,b', ','), ' ')"),
    run("size(split('a,b', ','))"),
  ]).toEqual(["b", null, "a b", 2n]);
  expect([
    run("capture('Whg. 12 links', '(\\\\d+)')"),
    run("capture('x', '(\\\\d+)')"),
    run("'AB'.matches('^[A-Z]+$')"),
    run("contains('abc', 'b') && endsWith('abc', 'c')"),
  ]).toEqual(["12", null, true, true]);
});

test("Dates and instants are formatted in the ERP's time zone", () => {
  const moment = { MOMENT: Date.UTC(2026, 2, 28, 23, 30, 5) };
  expect([run("format(MOMENT, 'yyyyMMddHHmmss')", moment), run("date(MOMENT) == date('2026-03-29')", moment)]).toEqual([
    "20260329003005",
    true,
  ]);
  expect([
    run("format(DAY, \"dd.MM.yy 'um'\")", { DAY: "2026-03-09" }),
    run("format(CLOCK, 'HHmm')", { CLOCK: "07:05:00" }),
    run("format(AT, 'd.M.yyyy H:mm')", { AT: "2026-03-09T07:05:00" }),
    run("format(DAY, 'yyyy') + format(DAY, 'M')", { DAY: "2026-03-09" }),
  ]).toEqual(["09.03.26 um", "0705", "9.3.2026 7:05", "20263"]);
  expect([
    run("string(addDays(DAY, -1))", { DAY: "2028-03-01" }),
    run("DAY < date('2026-10-01')", { DAY: "2026-09-30" }),
  ]).toEqual(["2028-02-29", true]);
});

test("What fails for one row fails as that row's expression, and its message holds nothing of the row", () => {
  const secret = "geheim";
  for (const cel of [
    "int(TEXT)",
    "decimal(TEXT)",
    "date(TEXT)",
    "matches('x', TEXT + '(')",
    "1 / (size(TEXT) - size(TEXT))",
    "short(TEXT, 2)",
    "format(DAY, 'HH')",
    "pad(TEXT, 999999999999, 'x')",
  ]) {
    let error: unknown;
    try {
      run(cel, { TEXT: secret, DAY: "2026-01-01" });
    } catch (caught) {
      error = caught;
    }
    expect([cel, error instanceof ExpressionFailure]).toEqual([cel, true]);
    expect((error as Error).message).not.toContain(secret);
  }
});

test("A column whose name is a word of the language is reached through row", () => {
  expect(run("row['type'] + row.TEXT", { type: "a", TEXT: "b" })).toBe("ab");
  expect(namesIn("row['type'] == '' && !empty(TEXT) && vars.mandant == ''")).toEqual(["type", "TEXT", "vars"]);
});

test("A short id is the id itself while it fits, else a stable hash that no id can be mistaken for", () => {
  expect(shortId("abcdefgh", 20)).toBe("abcdefgh");
  const long = "0123456789012345678901234567890123456789";
  // SHA-256 in base32 (RFC 4648), made with Python's hashlib and base64.
  expect(shortId(long, 20)).toBe("~7NJGZVFNB3EXRQNJ46H");
  expect(shortId(`${long}x`, 20)).not.toBe(shortId(long, 20));
  expect(shortId(long, 20)).toMatch(/^~[A-Z2-7]{19}$/);
});
