// The rules under a configuration, and persons for them to judge.
import { createQuality } from "../../../../agent/quality/engine.ts";
import type { FactLook, Judged, Quality, Subject } from "../../../../agent/quality/judged.ts";
import type { Config } from "../../../../config/config.ts";
import { parseConfig } from "../../../../config/load.ts";
import { entityText, fieldsOf } from "../../../../protocol/entity-text.ts";
import type { Json } from "../../../../protocol/model.ts";

/** @param quality what stands under `quality:`, on one line */
export function configured(quality = "{ rules: true }"): Config {
  const text = `agent: { name: a, portal: "wss://p.example.com" }
erp: { connector: sqlite, timezone: UTC, file: x.db }
quality: ${quality}
sources:
  units: { type: unit, table: U, key: [NR], changes: { compare: 15m }, fields: { propertyId: { ref: properties, key: [NR] }, name: NAME, objectType: { value: flat } } }
  properties: { type: property, table: O, key: [NR], changes: { compare: 15m }, fields: { name: NAME } }
  persons: { type: person, table: P, key: [NR], changes: { compare: 15m }, fields: { kind: { value: natural }, lastName: NAME, emails: { from: MAIL, do: [email-list] } } }
  team: { type: teamMember, table: T, key: [NR], changes: { compare: 15m }, fields: { name: NAME, email: MAIL, roles: [ { value: clerk } ] } }
  periods:
    type: utilisationPeriod
    table: V
    key: [NR]
    changes: { compare: 15m }
    fields: { unitId: { ref: units, key: [NR] }, kind: { value: tenant }, startDate: VON, endDate: BIS, participants: [ { personId: { ref: persons, key: [NR] }, role: { value: main } } ] }`;
  const loaded = parseConfig({ text, file: "/x.yaml" });
  if (loaded.config === undefined) throw new Error(JSON.stringify(loaded.faults));
  return loaded.config;
}

export const rulesOf = (quality?: string): Quality => createQuality(configured(quality)) as Quality;

export interface Verdict extends Judged {
  emails: Json | undefined;
  phones: Json | undefined;
  found: readonly string[];
}

/** What becomes of a person with these fields, whom nobody shares anything with. */
export function judgedPerson(rules: Quality, fields: { emails?: Json; phones?: Json }, notes: Subject["notes"] = []): Verdict {
  const subject = { source: "persons", type: "person", key: "1", parents: [], notes, former: () => [] } as const;
  const verdict = rules.judge({ ...subject, text: entityText({ kind: "natural", lastName: "Ä", ...fields }) }, alone);
  const { emails, phones } = fieldsOf(verdict.text);
  return { ...verdict, emails, phones, found: verdict.raised.map(({ rule }) => rule) };
}

/** Everything is known, and nobody else has anything. */
const alone: FactLook = {
  hash: () => 1n,
  selfOf: () => 1n,
  holders: () => [],
  holdersSent: () => [],
  groupsOf: () => [],
  spansOf: () => [],
  spansOfUnit: () => [],
  spansOfPerson: () => [],
  addressesKnown: true,
  spansKnown: true,
  today: 20_000,
};
