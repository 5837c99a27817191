import { expect, test } from "vitest";
import { cleanSteps } from "../../../../agent/map/clean-steps.ts";
import { column, constant, faultsOf, from, list, mapOne, mappingOf, object, outcome, source } from "./sample.ts";

const clean = (step: string, text: string): unknown => cleanSteps[step]?.clean(text, () => undefined);

test("Each step of `do:` does what it says", () => {
  expect(clean("trim", " \t x y\n")).toBe("x y");
  expect(clean("lower", "ÄÖÜ X")).toBe("äöü x");
  expect(clean("upper", "äß")).toBe("ÄSS");
  expect([clean("empty-to-null", ""), clean("empty-to-null", " ")]).toEqual([null, " "]);
  expect(clean("collapse-spaces", "  a \n  b ")).toBe("a b");
  expect([clean("strip-zeros", "000120"), clean("strip-zeros", "000"), clean("strip-zeros", "")]).toEqual(["120", "0", ""]);
  expect(clean("one-line", "a \r\n\r\n b\nc")).toBe("a b c");
  expect(clean("html-to-text", "<p>K&uuml;che &amp; Bad &#252;<br/>nass</p><p>&lt;b&gt;</p>")).toBe(
    "K&uuml;che & Bad ü\nnass\n<b>",
  );
  expect([clean("repair-utf8", "MÃ¼ller â‚¬ ÃŸ"), clean("repair-utf8", "Müller"), clean("repair-utf8", "Ã¼ 中")]).toEqual([
    "Müller € ß",
    "Müller",
    "Ã¼ 中",
  ]);
  expect(clean("drop-control", "a\u0000b\u001fc\td\ne\u007f")).toBe("abc\td\ne");
  expect(clean("lines", "a\r\n\n  b ")).toEqual(["a", "b"]);
});

test("No step was added without saying what it does", () => {
  for (const [name, step] of Object.entries(cleanSteps)) expect([name, step.says.length > 10]).toEqual([name, true]);
});

test("E-mail addresses are taken out of whatever people type into one field", () => {
  const dropped: number[] = [];
  const emails = (text: string): unknown => cleanSteps["email-list"]?.clean(text, () => dropped.push(1));
  expect(emails("a@web.de; B@web.de,a@WEB.de")).toEqual([{ address: "a@web.de" }, { address: "B@web.de" }]);
  expect(emails('"Müller, Eva" <eva@web.de>')).toEqual([{ address: "eva@web.de" }]);
  expect(emails("mailto:x@y.de")).toEqual([{ address: "x@y.de" }]);
  expect(dropped).toHaveLength(0);
  expect(emails("keine, a@b, x@y.de")).toEqual([{ address: "x@y.de" }]);
  expect(dropped).toHaveLength(2);
});

test("Phone numbers are split and tidied; what holds no number is left out", () => {
  expect(clean("phone-list", "0341 / 12  34, +49 (0)170-555;;privat")).toEqual([
    { number: "0341 / 12 34" },
    { number: "+49 (0)170-555" },
  ]);
});

const person = (emails: Parameters<typeof source>[2]["fields"][string]) =>
  source("persons", "person", { key: ["P"], fields: { kind: constant("natural"), lastName: column("N"), emails } });
const columns = { P: "text", N: "text", E: "text" } as const;

test("An address that is none does not keep the person from the portal, and is noted", () => {
  const mapping = mappingOf(person(from("E", { do: ["trim", "lower", "empty-to-null", "email-list"] })), columns);
  expect(mapOne(mapping, { N: "x", E: " Eva@Web.de, Unsinn " })).toMatchObject({
    kind: "entity",
    fields: { emails: [{ address: "eva@web.de" }] },
    notes: [{ code: "value-dropped", field: "emails" }],
  });
  expect(outcome(mapOne(mapping, { N: "x", E: "  " }))).toMatchObject({ emails: null });
  expect(outcome(mapOne(mapping, { N: "x", E: null }))).toMatchObject({ emails: null });
});

test("An address taken unchecked that is none is refused by the model, without showing it", () => {
  const mapped = mapOne(mappingOf(person(list(object({ address: column("E") }))), columns), { N: "x", E: "Unsinn" });
  expect(outcome(mapped)).toEqual(["value-invalid emails.0.address"]);
  expect(JSON.stringify(mapped)).not.toContain("Unsinn");
});

test("Steps that can't follow each other, or clean no text, are faults at load", () => {
  expect(faultsOf(person(from("E", { do: ["email-list", "trim"] })), columns)[0]).toContain(
    "After a list there can be no step trim",
  );
  expect(faultsOf(person(from("E", { do: ["trim"] })), { ...columns, E: "integer" })[0]).toContain(
    "do: cleans texts, but column E is integer",
  );
  expect(faultsOf(person(from("E", { do: ["phone-list"] })), columns)[0]).toContain("phone-list gives a list of phone numbers");
});
