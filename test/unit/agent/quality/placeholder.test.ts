import { expect, test } from "vitest";
import { createQuality } from "../../../../agent/quality/engine.ts";
import type { FactLook } from "../../../../agent/quality/judged.ts";
import type { QualityConfig, RuleAction } from "../../../../config/config.ts";
import { parseConfig } from "../../../../config/load.ts";
import { entityText, fieldsOf } from "../../../../protocol/entity-text.ts";

const look: FactLook = {
  hash: () => 1n,
  selfOf: () => 1n,
  holders: () => [],
  spansOfUnit: () => [],
  spansOfPerson: () => [],
};
const defaults: QualityConfig = {
  rules: true,
  actions: { "email-placeholder": "send-without-field" },
  placeholder: { patterns: ["*@haus.example.de"], marked: ["hat.keine@*"] },
};
const sources = (() => {
  const text = `agent: { name: a, portal: "wss://p.example.com" }
erp: { connector: sqlite, timezone: UTC, file: x.db }
sources:
  persons: { type: person, table: P, key: [NR], changes: { compare: 15m }, fields: { kind: { value: natural }, lastName: NAME, emails: { from: MAIL, do: [email-list] } } }`;
  const loaded = parseConfig({ text, file: "/x.yaml" });
  expect(loaded.faults).toBeUndefined();
  return loaded.config?.sources ?? [];
})();

function judged(addresses: string[] | null, quality: QualityConfig = defaults) {
  const emails = addresses?.map((address) => ({ address })) ?? null;
  const subject = { source: "persons", type: "person", key: "1", parents: [], notes: [] } as const;
  const verdict = createQuality({ quality, sources })?.judge(
    { ...subject, text: entityText({ kind: "natural", lastName: "Ä", emails }) },
    look,
  );
  return verdict && { ...verdict, emails: fieldsOf(verdict.text).emails };
}
const withAction = (action: RuleAction): QualityConfig => ({
  ...defaults,
  actions: { ...defaults.actions, "email-placeholder": action },
});

test.each(["keine@email.de", "Keine@Email.DE", "noemail@web.de", "a@example.com", "xxx@xxx.de", "frei@haus.example.de"])(
  "%s is no address of a person: it is withheld and found fault with",
  (address) => {
    expect(judged([address])).toMatchObject({
      emails: null,
      withheld: ["emails"],
      hold: undefined,
      raised: [{ rule: "email-placeholder", source: "persons", key: "1", field: "emails" }],
    });
  },
);

test.each(["anna.keine@web.de", "keiner@web.de", "ohneland@gmx.de", "keinemann@keine-bange.de"])(
  "%s may be a person's",
  (address) => {
    expect(judged([address])).toMatchObject({ emails: [{ address }], withheld: [], raised: [] });
  },
);

test("Of several addresses the good ones are sent", () => {
  expect(judged(["keine@email.de", "a@web.de"])).toMatchObject({ emails: [{ address: "a@web.de" }], withheld: [], raised: [{}] });
});

test("Who is marked to have none is sent without one, and there is nothing to mend", () => {
  expect(judged(["hat.keine@web.de"])).toMatchObject({ emails: null, withheld: ["emails"], raised: [] });
});

test("The administrator may have it sent, or the person held", () => {
  expect(judged(["keine@email.de"], withAction("send"))).toMatchObject({
    emails: [{}],
    withheld: [],
    hold: undefined,
    raised: [{}],
  });
  expect(judged(["keine@email.de"], withAction("hold"))).toMatchObject({ hold: { rule: "email-placeholder", field: "emails" } });
});

test("No finding holds the address, and facts none but hashes", () => {
  expect(JSON.stringify(judged(["keine@email.de"])?.raised)).not.toContain("email.de");
});
