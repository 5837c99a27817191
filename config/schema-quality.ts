/** `quality:` which rules look at what is sent, and what becomes of a value that one finds fault with. */
import { complaint } from "./fault-text.ts";
import { flag, keys, listOf, named, oneOf, schedule, text } from "./schema-values.ts";

const action = (says: string) => oneOf(["send", "send-without-field", "hold"]).prefault("send-without-field").describe(says);

const report = (says: string) => oneOf(["send", "off"]).prefault("send").describe(says);

const pattern = text
  .regex(
    /^[^\s@]*@[^\s@]*$/,
    complaint("is no pattern of an address", "Write an address in which `*` stands for anything, such as `keine@*`."),
  )
  .transform((written) => written.toLowerCase());

const domain = text
  .regex(/^[^\s@*]+\.[^\s@*]+$/, complaint("is no domain", "Write what stands behind the @, such as `hausverwaltung.example`."))
  .transform((written) => written.toLowerCase());

export const quality = keys({
  rules: flag.prefault("true").describe("Whether the rules look at what is read. `false`: everything is sent as it stands"),
  actions: keys({
    "email-placeholder": action("An address that stands for none, such as keine@email.de"),
    "email-throwaway": action("An address of a mailbox for an hour, such as mailinator.com"),
    "email-staff": action("An address of the landlord's own staff at a person"),
    "email-shared": action("One address at several persons; a household may share one, and its main participant keeps it"),
    "email-invalid": action("What stands where an address should, and is none: never sent; `hold` holds the person as well"),
    "phone-invalid": action("What stands where a phone number should, and is none, such as `auf Anfrage!`"),
    "person-lookalike": report("Two persons with the same name and date of birth, or the same name and address"),
    "person-without-period": report("A person who can be reached, but stands in no contract"),
    "person-future-only": report("A person whose contracts all begin in the future"),
    "period-overlap": report("Two contracts on one unit at the same time"),
    "period-open-predecessor": report("A contract without an end, although another one on the same unit began after it"),
    "period-no-start": report("A contract without a beginning"),
    "period-reversed": report("A contract that ends before it begins"),
    "code-defaulted": report("A code that reached the portal only through the default of its map"),
    moved: report("A unit that belongs to another building now, or a building to another estate"),
    "key-reused": report("A contract whose main tenant is another person now"),
  })
    .prefault({})
    .describe(
      "What becomes of a value by rule. `send`: it is sent and found fault with; `send-without-field`: the entity is sent without it; `hold`: the entity waits in quarantine; `off`: nobody looks for it",
    ),
  placeholder: keys({
    patterns: listOf(pattern)
      .optional()
      .describe("Addresses that stand for none, beside those that everybody uses; `*` stands for anything: `keine@*`"),
    marked: listOf(pattern)
      .optional()
      .describe("The same for a person who is known to have none: left out as well, but nothing to be mended"),
  }).prefault({}),
  throwaway: keys({
    domains: listOf(domain).optional().describe("Domains of mailboxes for an hour, beside those that are known"),
  }).prefault({}),
  staff: keys({
    domains: listOf(domain)
      .optional()
      .describe("The landlord's own domains, beside those of the team members' addresses (providers for everybody never count)"),
  }).prefault({}),
  deliver: keys({
    folder: text.describe("Folder for the lists, which must exist; beside the configuration unless it begins at the root"),
    schedule: schedule.prefault("0 5 * * *").describe("When they are written"),
    language: oneOf(["de", "en"]).prefault("de").describe("Their language"),
    team: keys({
      column: text.describe(
        "Column of the ERP that stands in the record's key, or in that of what it belongs to, a person to its contracts: `OBJNR`",
      ),
      teams: named(text).describe("Value of the column: the team that mends its records"),
    })
      .optional()
      .describe("Splits the list: one for each team"),
    otherwise: text.prefault("alle").describe("Name of the list for what belongs to no team"),
  })
    .optional()
    .describe("Writes the findings as worklists into a folder, a page and a CSV file for each team"),
})
  .prefault({})
  .describe("Rules that look at what is read, and protect persons from a wrong address (docs/quality.md)");
