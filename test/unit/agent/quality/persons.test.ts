import { expect, test } from "vitest";
import { judgedPerson, rulesOf } from "./rules.ts";

const own = `{ rules: true, placeholder: { patterns: ["*@Haus.example.de"], marked: ["hat.keine@*"] }, throwaway: { domains: [weg.example.de] } }`;
const rules = rulesOf(own);
const list = (...addresses: string[]) => ({ emails: addresses.map((address) => ({ address })) });

test.each([
  ["keine@email.de", "email-placeholder"],
  ["Keine@Email.DE", "email-placeholder"],
  ["noemail@web.de", "email-placeholder"],
  ["a@example.com", "email-placeholder"],
  ["xxx@xxx.de", "email-placeholder"],
  ["frei@haus.example.de", "email-placeholder"],
  ["anna@mailinator.com", "email-throwaway"],
  ["anna@post.trashmail.de", "email-throwaway"],
  ["anna@weg.example.de", "email-throwaway"],
])("%s is no address to write to: it is withheld, and %s says so", (address, rule) => {
  const verdict = judgedPerson(rules, list(address));
  expect(verdict).toMatchObject({ emails: null, withheld: ["emails"], hold: undefined });
  expect(verdict.raised).toEqual([{ rule, source: "persons", key: "1", field: "emails", other: "", params: {} }]);
});

test.each(["anna.keine@web.de", "keiner@web.de", "ohneland@gmx.de", "keinemann@keine-bange.de", "anna@nicht-mailinator.com"])(
  "%s may be a person's",
  (address) => {
    expect(judgedPerson(rules, list(address))).toMatchObject({ emails: [{ address }], withheld: [], raised: [] });
  },
);

test("Of several addresses and numbers the good ones are sent", () => {
  expect(judgedPerson(rules, list("keine@email.de", "a@web.de"))).toMatchObject({
    emails: [{ address: "a@web.de" }],
    withheld: [],
    found: ["email-placeholder"],
  });
  const phones = [{ number: "auf Anfrage!" }, { number: "030 / 12345 (abends)" }];
  expect(judgedPerson(rules, { phones })).toMatchObject({ phones: [phones[1]], withheld: [], found: ["phone-invalid"] });
});

test("A number that nobody can call is withheld", () => {
  expect(judgedPerson(rules, { phones: [{ number: "auf Anfrage!" }] })).toMatchObject({ phones: null, withheld: ["phones"] });
});

test("Who is marked to have none is sent without one, and there is nothing to mend, whatever the action", () => {
  for (const found of [rules, rulesOf(`${own.slice(0, -2)}, actions: { email-placeholder: hold } }`)])
    expect(judgedPerson(found, list("hat.keine@web.de"))).toMatchObject({
      emails: null,
      withheld: ["emails"],
      raised: [],
      hold: undefined,
    });
});

test("What the mapping left out as no address is found fault with, and holds the person where it is to", () => {
  const notes = [{ code: "value-dropped", field: "emails" }] as const;
  expect(judgedPerson(rules, { emails: [] }, notes)).toMatchObject({ emails: [], withheld: [], found: ["email-invalid"] });
  const holding = rulesOf("{ rules: true, actions: { email-invalid: hold } }");
  expect(judgedPerson(holding, { emails: [] }, notes)).toMatchObject({ hold: { rule: "email-invalid", field: "emails" } });
});

test("The administrator may have a value sent, or the person held", () => {
  const action = (word: string) => rulesOf(`{ rules: true, actions: { email-placeholder: ${word} } }`);
  expect(judgedPerson(action("send"), list("keine@email.de"))).toMatchObject({
    emails: [{}],
    withheld: [],
    found: ["email-placeholder"],
  });
  expect(judgedPerson(action("hold"), list("keine@email.de"))).toMatchObject({
    hold: { rule: "email-placeholder", field: "emails" },
  });
});

test("No finding holds a value of the person", () => {
  expect(JSON.stringify(judgedPerson(rules, list("keine@email.de")).raised)).not.toContain("email.de");
});

test("An entity that nothing is wrong with keeps its text as it is", () => {
  expect(judgedPerson(rules, { emails: null })).toMatchObject({ withheld: [], raised: [], emails: null });
});
