/** Mailboxes that everybody may look into, and that are gone after an hour: no letter of a landlord belongs there. */

/** A company's own ones stand in `quality.throwaway.domains`. */
export const knownThrowaways: readonly string[] = [
  ...["10minutemail.com", "10minutemail.net", "20minutemail.com", "anonbox.net", "byom.de", "cock.li", "discard.email"],
  ...["discardmail.com", "discardmail.de", "dispostable.com", "emailondeck.com", "einrot.com", "fakeinbox.com", "getairmail.com"],
  ...["getnada.com", "grr.la", "guerrillamail.biz", "guerrillamail.com", "guerrillamail.de", "guerrillamail.info"],
  ...["guerrillamail.net", "guerrillamail.org", "guerrillamailblock.com", "harakirimail.com", "inboxkitten.com", "jetable.org"],
  ...["mail-temporaire.fr", "mailcatch.com", "maildrop.cc", "mailinator.com", "mailinator.net", "mailnesia.com", "mailnull.com"],
  ...[
    "mailsac.com",
    "mintemail.com",
    "moakt.com",
    "mohmal.com",
    "muellmail.com",
    "mytemp.email",
    "nada.email",
    "sharklasers.com",
  ],
  ...[
    "spam4.me",
    "spambog.com",
    "spambog.de",
    "spamgourmet.com",
    "temp-mail.io",
    "temp-mail.org",
    "tempail.com",
    "tempinbox.com",
  ],
  ...["tempmail.de", "tempmail.net", "tempr.email", "throwaway.email", "throwawaymail.com", "trash-mail.com", "trash-mail.de"],
  ...["trashmail.com", "trashmail.de", "trashmail.net", "trbvm.com", "wegwerfemail.de", "wegwerfmail.de", "yopmail.com"],
  ...["yopmail.fr", "yopmail.net"],
];

/** @param domain in small letters; one below a known one counts as well */
export function throwawayTest(own: readonly string[]): (domain: string) => boolean {
  const known = new Set([...knownThrowaways, ...own]);
  return (domain) => {
    const parts = domain.split(".");
    return parts.some((_, at) => known.has(parts.slice(at).join(".")));
  };
}
