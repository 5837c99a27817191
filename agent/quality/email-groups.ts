/** The addresses that several entities may have: whose is one, and who is not sent with it. */
import type { QualityConfig } from "../../config/config.ts";
import type { FactLook, GroupVerdict, Holder, Raised, WithholdingRule } from "./judged.ts";
import { judgeShared, mostHolders } from "./rules/email-shared.ts";
import { areAlike } from "./rules/person-lookalike.ts";

/** Why a holder is not to be sent with the address. */
export interface Objection {
  rule: WithholdingRule;
  /** There is nothing to mend: no finding, and nobody is held for it. */
  silent: boolean;
}

export interface EmailGroups {
  /** Why this holder is not to be sent with it; undefined where it is. */
  objection(self: bigint, address: { hash: bigint; domain: bigint }, look: FactLook): Objection | undefined;
  judge(hash: bigint, look: FactLook): GroupVerdict;
}

/** Of a crowd none is sent with its address, but where a shared one may be: then all of them are to be read again once it is the staff's. */
const mostSent = 10_000;

/** @param ownDomains of the landlord, in small letters */
export function emailGroups(actions: QualityConfig["actions"], ownDomains: readonly string[]): EmailGroups {
  const isStaff = (hash: bigint, domain: bigint, look: FactLook): boolean =>
    look.holders("staff", hash, 1).length > 0 ||
    look.holders("staff-domain", domain, 1).length > 0 ||
    ownDomains.some((own) => look.hash("domain", own) === domain);
  /** What is said of an address before it can be known whose it is. */
  const unvouched: Objection = { rule: actions["email-shared"] === "send" ? "email-staff" : "email-shared", silent: true };
  /** Good for all holders of an address. */
  const objections = (
    { hash, domain }: { hash: bigint; domain: bigint },
    holders: readonly Holder[],
    look: FactLook,
  ): ((self: bigint) => Objection | undefined) => {
    if (!look.addressesKnown) return () => unvouched;
    if (isStaff(hash, domain, look)) return () => ({ rule: "email-staff", silent: false });
    if (holders.length < 2) return () => undefined;
    if (holders.length > mostHolders) return () => ({ rule: "email-shared", silent: false });
    const { keeper, isHousehold } = judgeShared(holders, look);
    // Who shares it as a household is nobody's mistake; nor is it known to be one before the periods are.
    const silent = isHousehold || !look.spansKnown;
    return (self) => (self === keeper ? undefined : { rule: "email-shared", silent });
  };
  const isSent = (objection: Objection | undefined): boolean => objection === undefined || actions[objection.rule] === "send";
  return {
    objection: (self, address, look) => objections(address, look.holders("email", address.hash, mostHolders + 1), look)(self),
    judge(hash, look) {
      const holders = look.holders("email", hash, mostHolders + 1);
      const domain = holders[0]?.detail;
      if (domain === undefined) return { raised: [], otherwise: [] };
      const of = objections({ hash, domain }, holders, look);
      const isCrowd = holders.length > mostHolders;
      // Of a crowd one finding is enough, and whoever is sent with the address may stand anywhere.
      const judged = isCrowd ? look.holdersSent("email", hash, mostSent) : holders;
      // Then it is one person with two records, which is what is to be mended.
      const isOnePerson = !isCrowd && holders.length > 1 && areAlike(holders, look);
      const found = isOnePerson ? [] : isCrowd ? holders.slice(0, 1) : holders;
      const count = isCrowd ? `more than ${mostHolders}` : holders.length;
      return {
        raised: found.flatMap((holder) => raisedOf(holder, of(holder.self), count)),
        otherwise: judged.filter(({ self, held }) => held !== undefined && held === isSent(of(self))),
      };
    },
  };
}

function raisedOf({ source, key }: Holder, objection: Objection | undefined, count: number | string): Raised[] {
  if (objection === undefined || objection.silent) return [];
  const { rule } = objection;
  return [{ rule, source, key, field: "emails", other: "", params: rule === "email-shared" ? { count } : {} }];
}
