/**
 * An address of the landlord's own staff at a person: where there was none, a clerk wrote an own one. It counts by the address of a team member, by the domain of
 * one, and by the domains that the configuration names; where everybody can have an address the domain says nothing.
 */
import { domainOf } from "../addresses.ts";
import type { Fact, FactReads } from "../judged.ts";

/** Providers at which everybody may have an address, whatever stands behind the last dot. */
const publicNames = new Set([
  ...[
    "gmx",
    "web",
    "gmail",
    "googlemail",
    "google",
    "t-online",
    "outlook",
    "hotmail",
    "live",
    "msn",
    "yahoo",
    "ymail",
    "rocketmail",
  ],
  ...["icloud", "me", "mac", "aol", "freenet", "arcor", "posteo", "mailbox", "proton", "protonmail", "pm", "tutanota", "tuta"],
  ...[
    "1und1",
    "online",
    "email",
    "mail",
    "kabelmail",
    "vodafone",
    "vodafonemail",
    "o2online",
    "o2mail",
    "unitybox",
    "netcologne",
  ],
  ...[
    "ewetel",
    "ewe",
    "osnanet",
    "htp-tel",
    "alice-dsl",
    "alice",
    "versanet",
    "t-mobile",
    "telekom",
    "magenta",
    "firemail",
    "gmxpro",
  ],
  ...[
    "bluewin",
    "sunrise",
    "hispeed",
    "hin",
    "aon",
    "chello",
    "a1",
    "drei",
    "utanet",
    "yandex",
    "rambler",
    "bk",
    "inbox",
    "list",
  ],
  ...[
    "ukr",
    "wp",
    "o2",
    "onet",
    "interia",
    "op",
    "seznam",
    "centrum",
    "libero",
    "tiscali",
    "virgilio",
    "orange",
    "free",
    "laposte",
  ],
  ...[
    "wanadoo",
    "sfr",
    "hushmail",
    "fastmail",
    "zoho",
    "mein",
    "lycos",
    "gmx-topmail",
    "directbox",
    "smart-mail",
    "posta",
    "abv",
  ],
]);

const isPublic = (domain: string): boolean => publicNames.has(domain.split(".").at(-2) ?? domain);

/** Of a team member's address, in small letters. */
export function staffFacts(address: string, look: FactReads): readonly Fact[] {
  if (!address.includes("@")) return [];
  const own: Fact = { kind: "staff", hash: look.hash("email", address), detail: 0n };
  const domain = domainOf(address);
  return isPublic(domain) ? [own] : [own, { kind: "staff-domain", hash: look.hash("domain", domain), detail: 0n }];
}
