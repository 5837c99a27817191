/** The rules of quality under one configuration. */
import { createHash } from "node:crypto";
import type { Config } from "../../config/config.ts";
import { fieldsOf } from "../../protocol/entity-text.ts";
import type { TypeName } from "../../protocol/model.ts";
import { emailGroups } from "./email-groups.ts";
import { formerOf } from "./former.ts";
import type { Fact, FactReads, Facts, FindingName, Judged, Quality, RuleName, SourceRole, Subject } from "./judged.ts";
import { nameFacts } from "./person-name.ts";
import { persons } from "./persons.ts";
import { defaultedCodes } from "./rules/code-defaulted.ts";
import { staffFacts } from "./rules/email-staff.ts";
import { foundOfAwaiting, foundOfHeld } from "./rules/held.ts";
import { lookalikes } from "./rules/person-lookalike.ts";
import { spansOf } from "./spans.ts";
import { judgePerson, judgeUnit } from "./users.ts";

/** Raised by whoever changes what a rule makes of an entity, or which facts are kept of it. */
const codeVersion = 3;

/** Undefined where no rule is to look at anything. */
export function createQuality({
  quality,
  sources,
  persons: asked,
}: Pick<Config, "quality" | "sources" | "persons">): Quality | undefined {
  if (!quality.rules) return undefined;
  const roles = new Map<string, SourceRole>();
  const types = new Map<string, TypeName>();
  for (const { name, type, fields } of sources) {
    roles.set(name, roleOf(type, Object.keys(fields)));
    types.set(name, type);
  }
  // Without addresses there is nobody to protect by them.
  const areProtected = [...types].some(([name, type]) => type === "person" && roles.get(name) === "protects");
  const hasPeriods = [...types.values()].includes("utilisationPeriod");
  const groups = emailGroups(quality.actions, quality.staff.domains);
  const people = persons(quality, groups);
  const isLookedFor = (rule: FindingName): boolean => quality.actions[rule as RuleName] !== "off";
  return {
    fingerprint: createHash("sha256")
      .update(JSON.stringify([codeVersion, quality, ...(asked.match ? ["names"] : [])]))
      .digest("hex"),
    roleOf: (source) => (areProtected || types.get(source) !== "teamMember" ? roles.get(source) : "watches"),
    judgeHeld: foundOfHeld,
    judgeAwaiting: foundOfAwaiting,
    hasSpans: (source) => types.get(source) === "utilisationPeriod",
    gather(subject, look) {
      const { facts, spans } = subject.type === "person" ? people.gather(subject, look) : factsOf(subject, look);
      const names = asked.match && subject.type === "person" ? nameFacts(subject, look) : [];
      const codes = isLookedFor("code-defaulted") ? defaultedCodes(subject, look) : [];
      const former = formerOf(subject, { look, typeOf: (source) => types.get(source), isLookedFor, spans });
      const all = [...facts, ...names, ...codes.map(({ hash }): Fact => ({ kind: "code", hash, detail: 0n })), ...former.facts];
      return { facts: all, spans, codes, ...(former.moved === undefined ? {} : { moved: former.moved }) };
    },
    judge: (subject, look) => (subject.type === "person" ? people.judge(subject, look) : asItIs(subject)),
    judgeEmail: groups.judge,
    judgeGroup({ kind, hash }, look) {
      if (kind === "look") return lookalikes(hash, look);
      const raised = kind === "unit" ? judgeUnit(hash, look) : hasPeriods ? judgePerson(hash, look) : [];
      return raised.filter(({ rule }) => isLookedFor(rule));
    },
  };
}

function roleOf(type: TypeName, fields: readonly string[]): SourceRole {
  if (type === "person") return fields.includes("emails") || fields.includes("phones") ? "protects" : "reports";
  if (type === "teamMember") return fields.includes("email") ? "protects" : "watches";
  return type === "utilisationPeriod" ? "reports" : "watches";
}

const nothing: Facts = { facts: [], spans: [] };

function factsOf(subject: Subject, look: FactReads): Facts {
  if (subject.type === "utilisationPeriod") return { facts: [], spans: spansOf(subject, look) };
  if (subject.type !== "teamMember") return nothing;
  const { email } = fieldsOf(subject.text);
  return { facts: typeof email === "string" ? staffFacts(email.trim().toLowerCase(), look) : [], spans: [] };
}

const asItIs = ({ text }: Subject): Judged => ({ text, withheld: [], hold: undefined, held: [], raised: [] });
