/** The rules of quality under one configuration, in their order: the first that finds fault with a value decides what becomes of it. */
import { createHash } from "node:crypto";
import type { Config } from "../../config/config.ts";
import { entityText, fieldsOf } from "../../protocol/entity-text.ts";
import type { Fields, Json } from "../../protocol/model.ts";
import type { Judged, Quality, Raised, RuleName, Subject } from "./judged.ts";
import { patternTest } from "./patterns.ts";
import { knownPlaceholders } from "./rules/email-placeholder.ts";

/** Raised by whoever changes what a rule makes of an entity, or which facts are kept of it. */
const codeVersion = 1;

/** What is wrong with a value; without a rule it is left out in silence. */
interface Objection {
  rule: RuleName | undefined;
}

/** Undefined where no rule is to look at anything. */
export function createQuality({ quality, sources }: Pick<Config, "quality" | "sources">): Quality | undefined {
  if (!quality.rules) return undefined;
  const isMarked = patternTest(quality.placeholder.marked);
  const isPlaceholder = patternTest([...knownPlaceholders, ...quality.placeholder.patterns]);
  const protectedSources = new Set(
    sources.filter(({ type, fields }) => type === "person" && "emails" in fields).map(({ name }) => name),
  );
  const objectTo = (address: string): Objection | undefined => {
    if (isMarked(address)) return { rule: undefined };
    return isPlaceholder(address) ? { rule: "email-placeholder" } : undefined;
  };
  return {
    fingerprint: createHash("sha256")
      .update(JSON.stringify([codeVersion, quality]))
      .digest("hex"),
    roleOf: (source) => (protectedSources.has(source) ? "protects" : undefined),
    gather(subject, look) {
      const addresses = addressesOf(fieldsOf(subject.text)).filter((address) => objectTo(address) === undefined);
      const facts = [...new Set(addresses)].map((address) => ({
        kind: "email" as const,
        hash: look.hash("email", address),
        detail: look.hash("domain", domainOf(address)),
      }));
      return { facts, spans: [] };
    },
    judge: (subject) => judgePerson(subject, { objectTo, actions: quality.actions }),
  };
}

interface Judging {
  objectTo: (address: string) => Objection | undefined;
  actions: Config["quality"]["actions"];
}

function judgePerson(subject: Subject, { objectTo, actions }: Judging): Judged {
  const { text, source, key } = subject;
  const fields = fieldsOf(text);
  const raised = new Map<RuleName, Raised>();
  let hold: Judged["hold"];
  const stays = (item: Json): boolean => {
    const objection = objectTo(addressOf(item));
    if (objection === undefined) return true;
    const { rule } = objection;
    if (rule === undefined) return false;
    raised.set(rule, { rule, source, key, field: "emails", other: "", params: {} });
    const action = actions[rule];
    if (action === "hold") hold ??= { rule, field: "emails" };
    return action === "send";
  };
  const emails = itemsOf(fields.emails);
  const left = emails.filter(stays);
  if (left.length === emails.length) return { text, withheld: [], hold, raised: [...raised.values()] };
  const kept = left.length === 0 ? null : left;
  return {
    text: entityText({ ...fields, emails: kept }),
    withheld: kept === null ? ["emails"] : [],
    hold,
    raised: [...raised.values()],
  };
}

const itemsOf = (list: Json | undefined): readonly Json[] => (Array.isArray(list) ? list : []);
const addressOf = (item: Json): string => String((item as { address?: Json }).address ?? "").toLowerCase();
const addressesOf = (fields: Fields): string[] => itemsOf(fields.emails).map(addressOf);
const domainOf = (address: string): string => address.slice(address.lastIndexOf("@") + 1);
