/**
 * What makes an ack true: the frames of one turn, of however many links, go into the journal in one durable transaction, together with their refusals and
 * each agent's last number; each link's part only while it is the agent's newest one and nothing is missing. So each number takes effect once, whatever died when.
 */
import type { Clock } from "../base/time.ts";
import { expandChanges } from "../protocol/changes.ts";
import type { Refusal } from "../protocol/messages.ts";
import { type Arrived, messageOf } from "./arrived.ts";
import type { Journal, Kept } from "./journal.ts";
import { judge, type RefuseHook } from "./judge.ts";
import type { Known, KnownOfLink } from "./known.ts";
import type { Refusals } from "./refusals.ts";
import type { Store } from "./store.ts";
import type { TablePlans } from "./table-plan.ts";

/** Which link speaks: the commit holds only while it is the newest. */
export interface Speaker {
  agentId: string;
  epoch: string;
  connection: number;
}

/** What one link has for the commit. */
export interface Offer {
  speaker: Speaker;
  /** The types that `welcome` named. */
  accepted: ReadonlySet<string>;
  plans: TablePlans;
  known: KnownOfLink;
  frames: readonly Arrived[];
}

export interface Committed {
  /**
   * `fenced`: another link or epoch took over. `gap`: a number is missing; what came before it is committed. `unsure`: the agent's journal must be applied
   * before the rest can be judged.
   */
  outcome: "ok" | "fenced" | "gap" | "unsure";
  /** How many of the frames are dealt with. */
  taken: number;
  /** Last number held durably before and now, 0 for none. */
  from: number;
  last: number;
  refused: Refusal[];
}

export interface CommitParts {
  store: Store;
  journal: Journal;
  refusals: Refusals;
  known: Known;
  clock: Clock;
  refuse?: RefuseHook | undefined;
}

/** Commits all offers, each to its own end; durable when it returns. When it throws nothing was committed. */
export function commit(parts: CommitParts, offers: readonly Offer[]): Committed[] {
  const { store, journal, known } = parts;
  const kept: Kept[] = [];
  const at = parts.clock.now();
  try {
    const done = store.transaction(() => offers.map((offer) => commitOne({ ...parts, offer, at, kept })));
    journal.keep(kept);
    return done;
  } catch (error) {
    // What was noted as known did not come true.
    known.clear();
    throw error;
  }
}

interface Work extends CommitParts {
  offer: Offer;
  at: number;
  kept: Kept[];
}

function commitOne(work: Work): Committed {
  const { store, journal, offer, kept } = work;
  const { speaker, frames, accepted, plans, known } = offer;
  const sql = "SELECT last FROM agent WHERE id = ? AND epoch = ? AND connection = ? AND revoked_at IS NULL";
  const row = store.get<{ last: number | null }>(sql, speaker.agentId, speaker.epoch, speaker.connection);
  if (row === undefined) return { outcome: "fenced", taken: 0, from: 0, last: 0, refused: [] };
  const from = row.last ?? 0;
  const done: Committed = { outcome: "ok", taken: 0, from, last: from, refused: [] };
  let tables = journal.tables(speaker.agentId);
  for (const frame of frames) {
    if (frame.from > done.last + 1) {
      done.outcome = "gap";
      break;
    }
    const last = frame.from + frame.items - 1;
    if (last > done.last) {
      const refused = judge({ accepted, plans, known, refuse: work.refuse, tables }, frame, done.last);
      if (refused === undefined) {
        done.outcome = "unsure";
        break;
      }
      noteRefusals(work, frame, done.last, refused);
      const numbers = refused.map((refusal) => refusal.seq);
      const { deletes, raw } = frame;
      const received = { agentId: speaker.agentId, epoch: speaker.epoch, first: done.last + 1, refused: numbers, frame: raw };
      kept.push(journal.write(received, { at: work.at, deletes }));
      if (tables !== "outdated") tables = deletes ? "outdated" : "behind";
      for (const refusal of refused) done.refused.push(refusal);
      done.last = last;
    }
    done.taken += 1;
  }
  if (done.last > from) move(work, done);
  return done;
}

/** The last number, on the same conditions once more: they must hold in the very commit. */
function move({ store, offer: { speaker }, at }: Work, { from, last }: Committed): void {
  const changed = store.run(
    "UPDATE agent SET last = ?, seen_at = ? WHERE id = ? AND epoch = ? AND connection = ? AND coalesce(last, 0) = ? AND revoked_at IS NULL",
    last,
    at,
    speaker.agentId,
    speaker.epoch,
    speaker.connection,
    from,
  );
  if (changed !== 1) throw new Error("The agent's row changed within a transaction.");
}

/** Only frames with refusals, and those of agents that have some, are looked at item by item. */
function noteRefusals(
  { refusals, offer: { speaker }, at }: Work,
  frame: Arrived,
  last: number,
  refused: readonly Refusal[],
): void {
  if (refused.length === 0 && !refusals.any(speaker)) return;
  const bySeq = new Map(refused.map((refusal) => [refusal.seq, refusal]));
  for (const item of expandChanges(messageOf(frame))) {
    if (item.seq <= last) continue;
    const refusal = bySeq.get(item.seq);
    if (refusal === undefined) refusals.remove(speaker.agentId, item);
    else refusals.add(speaker, item, refusal, at);
  }
}
