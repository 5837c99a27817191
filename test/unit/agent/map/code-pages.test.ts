import fc from "fast-check";
import { expect, test } from "vitest";
import { fitCharacters } from "../../../../agent/map/code-pages.ts";
import { commandNamed, message, planOf, refusal, valuesOf } from "./sample-commands.ts";

const codePages = ["windows-1252", "iso-8859-1", "iso-8859-15", "ascii"] as const;
const inPage = (
  rule: "refuse" | "replace" | "transliterate",
  text: string,
  codePage: (typeof codePages)[number] = "windows-1252",
) => fitCharacters({ rule, codePage })(text, "title");

test("What the code page has stays as it is, letters with their dots apart included", () => {
  for (const rule of ["refuse", "replace", "transliterate"] as const) {
    expect(inPage(rule, "Größe „50 €“ – ‰")).toBe("Größe „50 €“ – ‰");
    expect(inPage(rule, "Gro\u0308ße")).toBe("Größe");
    expect(inPage(rule, "50 €", "iso-8859-15")).toBe("50 €");
  }
});

test("What it lacks is one mark for each character that people see, or letters that mean it", () => {
  expect(inPage("replace", "Łódź 🏠 👩‍👧 ½…")).toBe("?ód? ? ? ½…");
  expect(inPage("transliterate", "Łódź 🏠 👩‍👧 ½…")).toBe("Lódz ? ? ½…");
  expect(inPage("transliterate", "„Straße“ – 5 € … ①", "ascii")).toBe('"Strasse" - 5 EUR ... 1');
  expect(inPage("transliterate", "Äpfel\u200b, şık", "iso-8859-1")).toBe("Äpfel, sik");
  expect(() => inPage("refuse", "Heizung 🥶")).toThrow(expect.objectContaining({ code: "characters-unfit", field: "title" }));
});

test("Whatever the text, what is written is within the code page, and a second time the same", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", maxLength: 20 }),
      fc.constantFrom(...codePages),
      fc.constantFrom("replace" as const, "transliterate" as const),
      (text, codePage, rule) => {
        const written = inPage(rule, text, codePage);
        expect(inPage("refuse", written, codePage)).toBe(written);
      },
    ),
  );
});

const ruled =
  (rule: string) =>
  (yaml: string): string =>
    yaml.replace(
      "KURZTEXT: { from: title, max: 40, overflow: description }",
      `KURZTEXT: { from: title, max: 40, overflow: description, characters: ${rule} }`,
    );

test("A command is refused, or written with what the column has; a text that grows by it goes on where it may", () => {
  const sent = (title: string) => message("ticket.create", { values: { title, description: "Seit gestern." } });
  expect(refusal(commandNamed("ticket.create", { edit: ruled("refuse") }), sent("Heizung 🥶"))).toBe("characters-unfit title");
  const command = commandNamed("ticket.create", { edit: ruled("transliterate, codePage: ascii") });
  expect(valuesOf(planOf(command, sent("Größe 🥶")), 1).KURZTEXT).toBe("Groesse ?");
  const long = planOf(command, sent(`${"ß".repeat(15)} ${"ß".repeat(10)}`));
  expect([valuesOf(long, 1).KURZTEXT, valuesOf(long, 2).ZEILE]).toEqual(["s".repeat(30), `${"ß".repeat(10)}\nSeit gestern.`]);
});
