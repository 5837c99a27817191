/** The rules of quality under one configuration. */
import { createHash } from "node:crypto";
import type { Config } from "../../config/config.ts";
import { fieldsOf } from "../../protocol/entity-text.ts";
import type { TypeName } from "../../protocol/model.ts";
import { emailGroups } from "./email-groups.ts";
import type { FactReads, Facts, Judged, Quality, SourceRole, Subject } from "./judged.ts";
import { nameFacts } from "./person-name.ts";
import { persons } from "./persons.ts";
import { staffFacts } from "./rules/email-staff.ts";
import { spansOf } from "./spans.ts";

/** Raised by whoever changes what a rule makes of an entity, or which facts are kept of it. */
const codeVersion = 1;

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
    // Who is looked for by the name must be known by it.
    const role = roleOf(type, Object.keys(fields)) ?? (asked.match && type === "person" ? "reports" : undefined);
    if (role !== undefined) roles.set(name, role);
    types.set(name, type);
  }
  // Without addresses there is nobody to protect by them.
  const isOfUse = [...types].some(([name, type]) => type === "person" && roles.has(name));
  const groups = emailGroups(quality.actions, quality.staff.domains);
  const people = persons(quality, groups);
  return {
    fingerprint: createHash("sha256")
      .update(JSON.stringify([codeVersion, quality, ...(asked.match ? ["names"] : [])]))
      .digest("hex"),
    roleOf: (source) => (isOfUse ? roles.get(source) : undefined),
    hasSpans: (source) => types.get(source) === "utilisationPeriod",
    gather(subject, look) {
      if (subject.type !== "person") return factsOf(subject, look);
      const { facts, spans } = people.gather(subject, look);
      return { facts: asked.match ? [...facts, ...nameFacts(subject, look)] : facts, spans };
    },
    judge: (subject, look) => (subject.type === "person" ? people.judge(subject, look) : asItIs(subject)),
    judgeEmail: groups.judge,
  };
}

function roleOf(type: TypeName, fields: readonly string[]): SourceRole | undefined {
  if (type === "person") return fields.includes("emails") || fields.includes("phones") ? "protects" : undefined;
  if (type === "teamMember") return fields.includes("email") ? "protects" : undefined;
  return type === "utilisationPeriod" ? "reports" : undefined;
}

function factsOf(subject: Subject, look: FactReads): Facts {
  if (subject.type === "utilisationPeriod") return { facts: [], spans: spansOf(subject, look) };
  const { email } = fieldsOf(subject.text);
  return { facts: typeof email === "string" ? staffFacts(email.trim().toLowerCase(), look) : [], spans: [] };
}

const asItIs = ({ text }: Subject): Judged => ({ text, withheld: [], hold: undefined, held: [], raised: [] });
