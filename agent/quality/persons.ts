/** A person's addresses and numbers, one by one: what is wrong with them, and what of them is sent. */
import type { QualityConfig } from "../../config/config.ts";
import { entityText, fieldsOf } from "../../protocol/entity-text.ts";
import type { Fields, Json } from "../../protocol/model.ts";
import { addressesOf, addressOf, domainOf, itemsOf, numberOf } from "./addresses.ts";
import type { EmailGroups, Objection } from "./email-groups.ts";
import type { Fact, FactLook, FactReads, Facts, Judged, Raised, Subject, WithholdingRule } from "./judged.ts";
import { patternTest } from "./patterns.ts";
import { knownPlaceholders } from "./rules/email-placeholder.ts";
import { throwawayTest } from "./rules/email-throwaway.ts";
import { lookOf } from "./rules/person-lookalike.ts";
import { isReachable } from "./rules/person-without-period.ts";
import { isCallable } from "./rules/phone-invalid.ts";

export interface Persons {
  gather(subject: Subject, look: FactReads): Facts;
  judge(subject: Subject, look: FactLook): Judged;
}

const phoneInvalid: Objection = { rule: "phone-invalid", silent: false };

type ListField = "emails" | "phones";

export function persons(quality: QualityConfig, groups: EmailGroups): Persons {
  const looks = looksOf(quality);
  const hashesOf = (address: string, look: FactReads) => ({
    hash: look.hash("email", address),
    domain: look.hash("domain", domainOf(address)),
  });
  const { actions } = quality;
  const areUsersJudged = actions["person-without-period"] === "send" || actions["person-future-only"] === "send";
  const whoIs = ({ source, key }: Subject, fields: Fields, look: FactReads): Fact[] => {
    const looks = actions["person-lookalike"] === "send" ? lookOf(fields) : undefined;
    const self = areUsersJudged && isReachable(fields) ? look.selfOf(source, key) : undefined;
    return [
      ...(looks === undefined ? [] : [{ kind: "look", hash: look.hash("look", looks), detail: 0n } as const]),
      ...(self === undefined ? [] : [{ kind: "reachable", hash: self, detail: 0n } as const]),
    ];
  };
  return {
    gather(subject, look) {
      const fields = fieldsOf(subject.text);
      const addresses = addressesOf(fields).filter((address) => looks(address) === undefined);
      const emails = addresses.map((address): Fact => {
        const { hash, domain } = hashesOf(address, look);
        return { kind: "email", hash, detail: domain };
      });
      return { facts: [...emails, ...whoIs(subject, fields, look)], spans: [] };
    },
    judge(subject, look) {
      const self = look.selfOf(subject.source, subject.key);
      const person = openPerson(subject, quality.actions);
      const held: { kind: "email"; hash: bigint; held: boolean }[] = [];
      person.dropped();
      person.keep("emails", (item) => {
        const address = addressOf(item);
        const objection = looks(address);
        if (objection !== undefined) return person.mayStay("emails", objection, "own");
        const hashes = hashesOf(address, look);
        const stays = person.mayStay("emails", groups.objection(self, hashes, look), "group");
        held.push({ kind: "email", hash: hashes.hash, held: !stays });
        return stays;
      });
      person.keep("phones", (item) => isCallable(numberOf(item)) || person.mayStay("phones", phoneInvalid, "own"));
      return { ...person.finish(), held };
    },
  };
}

/** What is wrong with an address (in small letters) by its looks alone. */
function looksOf({ placeholder, throwaway }: QualityConfig): (address: string) => Objection | undefined {
  const isMarked = patternTest(placeholder.marked);
  const isPlaceholder = patternTest([...knownPlaceholders, ...placeholder.patterns]);
  const isThrowaway = throwawayTest(throwaway.domains);
  return (address) => {
    if (isMarked(address)) return { rule: "email-placeholder", silent: true };
    if (isPlaceholder(address)) return { rule: "email-placeholder", silent: false };
    return isThrowaway(domainOf(address)) ? { rule: "email-throwaway", silent: false } : undefined;
  };
}

function openPerson({ source, key, text, notes }: Subject, actions: QualityConfig["actions"]) {
  const before = fieldsOf(text);
  let fields: Fields = before;
  const withheld: ListField[] = [];
  const raised = new Map<WithholdingRule, Raised>();
  let hold: Judged["hold"];
  const object = (field: ListField, rule: WithholdingRule, of: "own" | "group"): void => {
    // What a group's rule finds is found of the whole group.
    if (of === "own") raised.set(rule, { rule, source, key, field, other: "", params: {} });
    if (actions[rule] === "hold") hold ??= { rule, field };
  };
  return {
    /** Whether the value is sent. */
    mayStay(field: ListField, objection: Objection | undefined, of: "own" | "group"): boolean {
      if (objection === undefined) return true;
      if (!objection.silent) object(field, objection.rule, of);
      return actions[objection.rule] === "send";
    },
    keep(field: ListField, stays: (item: Json) => boolean): void {
      const items = itemsOf(before[field]);
      const left = items.filter(stays);
      if (left.length === items.length) return;
      fields = { ...fields, [field]: left.length === 0 ? null : left };
      if (left.length === 0) withheld.push(field);
    },
    /** What the mapping has left out already, for it is no address or number. */
    dropped(): void {
      for (const { code, field } of notes) {
        if (code !== "value-dropped") continue;
        if (field === "emails") object(field, "email-invalid", "own");
        if (field === "phones") object(field, "phone-invalid", "own");
      }
    },
    finish(): Omit<Judged, "held"> {
      return { text: fields === before ? text : entityText(fields), withheld, hold, raised: [...raised.values()] };
    },
  };
}
