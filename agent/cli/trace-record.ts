/** Where one record stands on its way from the ERP to the portal, and why it stands there. */
import { entityIdOf } from "../../base/key.ts";
import type { Source } from "../../config/config.ts";
import type { RuleName } from "../quality/judged.ts";
import { findingTexts } from "../quality/texts.ts";
import type { EntityPlace, Guard, Why } from "../store/store.ts";
import { type JournalLine, journalOf, type Look } from "./trace-look.ts";

/** The first that holds. */
export type Where =
  | "in-quarantine"
  | "held-by-guard"
  | "in-grace"
  | "suspected"
  | "approved"
  | "to-be-confirmed"
  | "to-be-read"
  /** Sent, not yet acknowledged. */
  | "in-outbox"
  | "at-portal"
  /** The row is there, and counts as none by `deletes: flag`. */
  | "cancelled"
  | "deleted"
  | "unknown";

export interface RecordTrace {
  source: string;
  key: string;
  id: string;
  where: Where;
  /** The portal holds it, or will once the outbox is sent. */
  known: boolean;
  pending: { stage: string; since: string; notBefore: string; guard: number | null } | null;
  /** Why it is suspected, held or approved, where that is not that it is absent. */
  suspicion: Why | null;
  guard: Pick<Guard, "id" | "kind" | "count" | "of" | "fields"> | null;
  quarantine: { code: string; field: string | null; message: string; since: string; waitsFor: string | null } | null;
  /** What it waits for, what that waits for, and so on, each with why it is not at the portal itself. */
  waitsFor: readonly { source: string; key: string; where: Where; why: string }[];
  /** Others in quarantine that wait for it. */
  dependents: number;
  /** References that it was sent without, for what they point at is not at the portal. */
  awaits: readonly EntityPlace[];
  /** Its newest state that is not yet acked: the sequence number. */
  unacked: number | null;
  unackedOp: "upsert" | "delete" | null;
  /** Ids that it had before, and the one under which it goes on (`replaces`). */
  before: readonly string[];
  next: string | null;
  /** The command that last made or changed it. */
  command: string | null;
  /** What the rules of quality find fault with. */
  findings: readonly { finding: number; rule: string; title: string; field: string; since: string; accepted: string | null }[];
  /** Fields of which the rules leave out what they find fault with, or what is another's. */
  withheld: readonly string[];
  /** Others with one of its addresses; `sent`: which of them is sent with it. */
  sharedWith: readonly (EntityPlace & { sent: boolean })[];
  /** What the ERP's schema does not offer of its source, and what that stops. */
  lacks: readonly { stops: string; name: string; what: string }[];
  /** Of its source: the end of the last full compare, and of the last read that went well. */
  comparedAt: string | null;
  readAt: string | null;
  /** What the running agent says of the source; null where it does not run. */
  sourceState: { state: string; reason: string | null } | null;
  /** When its state was last sent by itself, as far as the journal names it; one of many that were sent together is not named. */
  sentAt: string | null;
  /** What the journal tells of it, newest first. */
  journal: readonly JournalLine[];
}

/** A parent of a parent of …: the chain of model types is not longer. */
const mostSteps = 8;
const mostSharers = 5;

export const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | undefined): string | null => (ms === undefined ? null : iso(ms));

function nextId({ state }: Look, { name, prefix }: Source, key: string): string | null {
  const next = state.successions.of(name, key)?.next;
  return next === undefined ? null : entityIdOf(prefix, next);
}

export function traceRecord(look: Look, source: Source, key: string): RecordTrace {
  const { state, config, agent } = look;
  const { name, type } = source;
  const id = entityIdOf(source.prefix, key, state.reuses.generationOf(name, key));
  const pending = state.pending.get(name, key);
  const held = state.quarantine.get(name, key);
  const guard = pending?.guard === undefined ? undefined : state.guards.get(pending.guard);
  const unacked = state.outbox.seqOf(type, id);
  const findings = state.findings.list({ source: name, key });
  const sharers = state.facts.sharersOf({ source: name, key }, mostSharers);
  const journal = journalOf(look, [key, id], name);
  const { comparedAt, lastSuccessAt } = state.sources.get(name);
  const said = agent.sources.find((one) => one.source === name);
  const isWithheld = ({ rule, field }: (typeof findings)[number]): boolean =>
    field !== "" && config.quality.actions[rule as RuleName] === "send-without-field";
  const shared = sharers.some((one) => one.held) ? ["emails"] : [];
  return {
    ...{ source: name, key, id },
    where: whereOf(look, { source: name, key }, { unacked, journal }),
    known: state.entities.known(name, key),
    pending: pending
      ? { stage: pending.stage, since: iso(pending.since), notBefore: iso(pending.notBefore), guard: pending.guard ?? null }
      : null,
    suspicion: pending?.suspicion?.why ?? null,
    guard: guard ? { id: guard.id, kind: guard.kind, count: guard.count, of: guard.of, fields: guard.fields } : null,
    quarantine: held
      ? {
          code: held.code,
          field: held.field ?? null,
          message: held.message,
          since: iso(held.since),
          waitsFor: held.waitsFor ? `${held.waitsFor.source} ${held.waitsFor.key}` : null,
        }
      : null,
    waitsFor: chainOf(look, held?.waitsFor),
    dependents: state.quarantine.dependents(name, key).length,
    awaits: state.entities.awaitedBy({ source: name, key }),
    unacked: unacked ?? null,
    unackedOp: unacked === undefined ? null : (state.outbox.itemAt(unacked)?.op ?? null),
    before: state.successions.before(name, key).map(({ old }) => entityIdOf(source.prefix, old)),
    next: nextId(look, source, key),
    command: state.inbox.causeOf(name, key) ?? null,
    findings: findings.map(({ id: finding, rule, field, since, accepted }) => ({
      ...{ finding, rule, title: findingTexts[rule].title.en, field },
      ...{ since: iso(since), accepted: accepted?.reason ?? null },
    })),
    withheld: [...new Set([...findings.filter(isWithheld).map(({ field }) => field), ...shared])],
    sharedWith: sharers.flatMap(({ others }) =>
      others.map((one) => ({ source: one.source, key: one.key, sent: one.held === false })),
    ),
    lacks: state.findings
      .list({ source: name, rule: "schema-missing" })
      .map(({ field, other, params }) => ({ stops: String(params.stops), name: field || other, what: String(params.what) })),
    comparedAt: isoOrNull(comparedAt),
    readAt: isoOrNull(lastSuccessAt),
    sourceState: said ? { state: said.state, reason: said.reason ?? null } : null,
    sentAt: journal.find(({ done }) => done !== undefined)?.at ?? null,
    journal,
  };
}

interface Known {
  unacked: number | undefined;
  journal: readonly JournalLine[];
}

function whereOf({ state }: Look, { source, key }: EntityPlace, { unacked, journal }: Known): Where {
  const pending = state.pending.get(source, key);
  switch (pending?.stage) {
    case "held":
      return "held-by-guard";
    case "approved":
      return "approved";
    case "suspect":
      return "suspected";
    // What can't be sent waits in quarantine, however often it is read again.
    case "grace":
      if (state.quarantine.get(source, key) === undefined) return "in-grace";
      break;
  }
  if (state.quarantine.get(source, key) !== undefined) return "in-quarantine";
  if (pending?.stage === "confirm") return "to-be-confirmed";
  if (pending !== undefined) return "to-be-read";
  if (unacked !== undefined) return "in-outbox";
  if (state.entities.known(source, key)) return "at-portal";
  if (state.entities.get(source, key) !== undefined) return "cancelled";
  return journal.find(({ done }) => done !== undefined)?.done === "deleted" ? "deleted" : "unknown";
}

/** From parent to parent, until one is reached that stands in nobody's quarantine. */
function chainOf(look: Look, first: EntityPlace | undefined): RecordTrace["waitsFor"] {
  const { state, config } = look;
  const chain: { source: string; key: string; where: Where; why: string }[] = [];
  for (let place = first; place !== undefined && chain.length < mostSteps; ) {
    const { source, key } = place;
    const held = state.quarantine.get(source, key);
    const of = config.sources.find(({ name }) => name === source);
    const unacked = of && state.outbox.seqOf(of.type, entityIdOf(of.prefix, key));
    const where = whereOf(look, place, { unacked, journal: journalOf(look, [key], source) });
    const why = held === undefined ? whereText[where] : `${held.code}${held.field ? ` in ${held.field}` : ""}: ${held.message}`;
    chain.push({ source, key, where, why });
    place = held?.waitsFor;
  }
  return chain;
}

/** What each place means. */
export const whereText: Readonly<Record<Where, string>> = {
  "in-quarantine": "It waits in quarantine",
  "held-by-guard": "It waits for a person, with others",
  "in-grace": "It is no longer in the ERP; its delete waits for the grace time",
  suspected: "It is read again, to count how many others are like it",
  approved: "A person has approved it; it is read once more before",
  "to-be-confirmed": "It was read, or not found; it is read again to be sure",
  "to-be-read": "A change was signalled; it will be read",
  "in-outbox": "It lies in the outbox",
  "at-portal": "The portal has acknowledged its last state",
  cancelled: "The row is there and counts as cancelled (`deletes: flag`): the portal does not hold it",
  deleted: "It was deleted at the portal, as it is no longer in the ERP",
  unknown: "Nothing is known of it: it is not in the source (filter, scope), was deleted, or was not seen yet",
};
