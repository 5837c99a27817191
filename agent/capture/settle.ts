/**
 * The one transaction in which a read takes effect: entities, digests, cleared keys, quarantine and outbox frames together. A key is cleared only here,
 * and only if no signal came while it was read.
 */
import { fieldsOf } from "../../protocol/entity-text.ts";
import type { Mapped, Parent } from "../map/mapped.ts";
import type { EntityPlace, EntityState } from "../store/store.ts";
import { takeAbsent } from "./absent.ts";
import { keptCode } from "./decisions.ts";
import { type Deletion, deleteItem, forgetEntity, sortDeletions } from "./deletes.ts";
import { filledOf, formOf, lackingBits } from "./filled.ts";
import { standsAsSent } from "./fingerprint.ts";
import { heldBy, type SourceJudge } from "./judging.ts";
import { asOfNow, noteLookups } from "./lookup-uses.ts";
import { withinScope } from "./out-of-scope.ts";
import { createParentStates, type ParentStates } from "./parent-states.ts";
import { type ParkReason, park } from "./park.ts";
import type { Room } from "./parts.ts";
import { type Reading, type ReadRow, reasonOf } from "./reading.ts";
import { endFormer, inItsPlace, isReused, mayBeReused, noteBearer, tellEnded } from "./reuses.ts";
import { createSendOrder, type SendOrder } from "./send-order.ts";
import { noteSettled, type Settled, type SettleOptions } from "./settled.ts";
import type { CapturedSource } from "./source.ts";
import { afterSending, owedOf, successorOf } from "./successions.ts";
import { createSuspects, type Suspects } from "./suspects.ts";
import type { Upsert } from "./upsert.ts";
import { presentVerdict } from "./verdict.ts";
import { wakeAwaiting, wakeDependents, wakeParents } from "./wake.ts";

/** Takes the readings of one source into the store. */
export function settle(room: Room, source: CapturedSource, given: readonly Reading[], options: SettleOptions): Settled {
  return room.store.transaction(() => {
    const readings = withinScope(room, source, asOfNow(source, given));
    const work = new Settling(room, source, options);
    work.expect(readings);
    for (const reading of readings) work.take(reading);
    return work.finish();
  }, options.name);
}

/** One transaction's work: what goes together, in which order. Lives no longer than the transaction. */
class Settling {
  readonly #room: Room;
  readonly #source: CapturedSource;
  readonly #options: SettleOptions;
  readonly #name: string;
  readonly #judge: SourceJudge | undefined;
  readonly #bits: { form: number; lacking: number };
  readonly #suspects: Suspects;
  readonly #deletions: Deletion[] = [];
  readonly #order: SendOrder;
  readonly #upserts: Upsert[] = [];
  readonly #expected = new Set<string>();
  readonly #parents: ParentStates;
  readonly #cancelled = new Map<string, bigint>();
  readonly #counts = { sent: 0, deleted: 0, quarantined: 0, unchanged: 0 };
  #newlyHeld = 0;
  #held: boolean | undefined;
  readonly #seqs = new Map<string, number>();

  constructor(room: Room, source: CapturedSource, options: SettleOptions) {
    this.#room = room;
    this.#source = source;
    this.#options = options;
    this.#name = source.mapping.source;
    this.#judge = room.judging?.of(source);
    this.#bits = { form: formOf(room.store, source), lacking: lackingBits(source) };
    this.#suspects = createSuspects(room, source, { ...options, form: this.#bits.form });
    this.#order = createSendOrder(this.#name, (parent, { before }) => {
      const isNew = before === "none" || before.entityDigest === undefined;
      return isNew && mayBeReused(room, parent) ? undefined : this.#parentState(parent);
    });
    this.#parents = options.parents ?? createParentStates(room.store.entities);
  }

  /** Entities of this transaction, which may be each other's parents. */
  expect(readings: readonly Reading[]): void {
    for (const { key, row } of readings) {
      if (row?.mapped.kind !== "entity") continue;
      this.#expected.add(key);
      this.#judge?.gather(key, row.mapped);
    }
  }

  take(given: Reading): void {
    if (given.row === undefined) {
      const deletion = takeAbsent(this.#room, this.#source, given, this.#options.now);
      if (deletion !== undefined) this.#deletions.push(deletion);
      return;
    }
    const { reading, row } = inItsPlace(this.#room, this.#source, { ...given, row: given.row });
    const { digest } = row;
    const { mapped, awaited } = this.#withoutAbsent(row);
    noteLookups(this.#room, this.#source, reading.key, mapped);
    switch (mapped.kind) {
      case "cancelled":
        return this.#takeCancelled(reading, digest, mapped.reason ?? "cancelled");
      case "faulty":
        this.#park(reading.key, reasonOf(mapped), digest);
        return this.#done(reading);
      case "entity": {
        const judged = this.#judge?.judge(reading.key, mapped);
        if (judged?.hold === undefined) return this.#takeEntity(reading, digest, { ...mapped, awaited, ...judged });
        this.#park(reading.key, heldBy(judged.hold), digest);
        return this.#done(reading);
      }
      default:
        return mapped satisfies never;
    }
  }

  /** References that may be left out are, where their parent is not there or about to go. */
  #withoutAbsent({ mapped, remap }: ReadRow): { mapped: Mapped; awaited: readonly Parent[] } {
    if (mapped.kind !== "entity") return { mapped, awaited: [] };
    const awaited = mapped.parents.filter((parent) => parent.missing === "omit" && this.#isAbsent(parent));
    if (awaited.length === 0) return { mapped, awaited };
    const isAbsent = (parent: Parent): boolean =>
      awaited.some(({ source, key }) => source === parent.source && key === parent.key);
    const without = remap(isAbsent);
    // What the row says is told by all of it.
    return { mapped: without.kind === "entity" ? { ...without, filled: mapped.filled } : without, awaited };
  }

  #isAbsent(parent: Parent): boolean {
    const { source, key } = parent;
    if (source === this.#name && this.#expected.has(key)) return false;
    const { quarantine } = this.#room.store;
    return this.#parentState(parent)?.entityDigest === undefined || quarantine.get(source, key)?.code === "has-dependents";
  }

  /** Sends what may go and returns what was done. */
  finish(): Settled {
    for (const upsert of this.#suspects.passing()) this.#order.add(upsert);
    this.#orderUpserts();
    const deletions = this.#passingDeletions();
    const { store } = this.#room;
    endFormer(this.#room, this.#source, this.#upserts, this.#options);
    const items = [
      ...this.#upserts.map(({ item }) => item),
      ...deletions.map((one) => deleteItem(this.#source, one, this.#options.at)),
    ];
    const seqs = store.outbox.append(items, { bulk: this.#options.bulk });
    for (const [index, upsert] of this.#upserts.entries()) this.#afterUpsert(upsert, seqs[index] as number | "too-large");
    for (const deletion of deletions) this.#afterDelete(deletion);
    this.#counts.deleted = deletions.length;
    this.#room.judging?.flush();
    const keys = { sent: [...this.#seqs.keys()], gone: deletions.map(({ key }) => key) };
    const expected = deletions.filter(({ reason }) => reason === "renumbered" || reason === "merged").length;
    noteSettled(store, this.#name, { ...this.#options, counts: this.#counts, keys, expected });
    return { ...this.#counts, newlyHeld: this.#newlyHeld, seqs: this.#seqs };
  }

  #takeCancelled(reading: Reading, rowDigest: bigint, reason: Deletion["reason"]): void {
    const { store } = this.#room;
    const { key } = reading;
    if (!store.entities.known(this.#name, key)) {
      store.entities.put(this.#name, key, { rowDigest, entityDigest: undefined, parents: [] });
      store.quarantine.remove(this.#name, key);
      this.#judge?.gone(key);
      return this.#done(reading);
    }
    if (store.quarantine.get(this.#name, key)?.code === keptCode) {
      const entityDigest = store.entities.get(this.#name, key)?.entityDigest;
      store.entities.put(this.#name, key, { rowDigest, entityDigest });
      return this.#done(reading);
    }
    // A delete may have to wait, so it always goes through a pending key.
    const pending = this.#suspects.flagged(reading, rowDigest);
    if (pending === undefined) return;
    this.#cancelled.set(key, rowDigest);
    const successor = successorOf(this.#room, this.#name, key);
    const approved = pending.stage === "approved" || successor !== undefined;
    this.#deletions.push({ key, pending, reason: successor?.reason ?? reason, approved });
  }

  #takeEntity(
    reading: Reading,
    rowDigest: bigint,
    mapped: Mapped & { kind: "entity" } & { awaited: readonly Parent[]; withheld?: readonly string[] },
  ): void {
    const { store, digest } = this.#room;
    const { key, keyDigest, state: given } = reading;
    const before = given ?? store.entities.get(this.#name, key) ?? "none";
    const state = before === "none" ? undefined : before;
    const refused = store.quarantine.get(this.#name, key);
    const byScan = this.#options.name === "scan" && standsAsSent(this.#source, state);
    const stands = refused === undefined && (byScan || standsAsSent(this.#source, state, rowDigest));
    const entityDigest = (stands ? state?.entityDigest : undefined) ?? digest(mapped.text);
    const filled = filledOf(store, { ...this.#bits, before: state }, mapped.filled);
    const replaces = owedOf(this.#room, this.#source, { key, parents: mapped.parents, now: this.#options.now });
    const reused = isReused(this.#room, this.#source, key, mapped);
    if (state?.entityDigest === entityDigest && replaces === undefined && !reused) {
      noteBearer(this.#room, this.#source, key, mapped);
      if (this.#source.mapping.isReused) wakeDependents(store, this.#placeOf(key), this.#options.now);
      store.entities.put(this.#name, key, { rowDigest, entityDigest, parents: this.#numbered(mapped.parents), before, filled });
      store.entities.setAwaited(this.#name, key, mapped.awaited);
      if (refused !== undefined) store.quarantine.remove(this.#name, key);
      if (refused?.code === "has-dependents") wakeAwaiting(store, this.#placeOf(key), this.#options.now);
      // What is told of an ended one is something new.
      if (tellEnded(this.#room, this.#source, key, this.#options) === 0) this.#counts.unchanged += 1;
      return this.#done(reading);
    }
    if (refused?.digest === entityDigest && !reused) {
      store.entities.put(this.#name, key, { rowDigest, entityDigest: state?.entityDigest, before });
      this.#counts.unchanged += 1;
      return this.#done(reading);
    }
    const { type } = this.#source.mapping;
    const item: Upsert["item"] = { op: "upsert", type, id: mapped.id, time: this.#options.at, text: mapped.text };
    const cause = mapped.cause ?? store.inbox.causeOf(this.#name, key);
    if (cause !== undefined) item.cause = cause;
    if (mapped.withheld !== undefined) item.withheld = mapped.withheld;
    if (replaces !== undefined) item.replaces = this.#source.mapping.idOf(replaces);
    const { parents, awaited, bearer } = mapped;
    const kept = { parents, awaited, before, replaces, reused, bearer };
    const upsert: Upsert = { key, keyDigest, rowDigest, entityDigest, filled, ...kept, item };
    if (this.#suspects.take(reading, upsert)) return;
    this.#order.add(upsert);
    this.#done(reading);
  }

  /** The read of a row has taken effect: the key goes, or is confirmed by a second read. */
  #done({ key, pending }: Reading): void {
    if (pending === undefined) return;
    const { store } = this.#room;
    if (presentVerdict(pending) === "clear") store.pending.clear(this.#name, key, pending.mark);
    else
      store.pending.advance(this.#name, key, pending.mark, {
        stage: "confirm",
        notBefore: this.#options.now + this.#room.confirmAfterMs,
      });
  }

  /** Parents before their children; a child without its parent is parked. */
  #orderUpserts(): void {
    const { going, orphans } = this.#order.sorted();
    this.#upserts.push(...going);
    for (const { upsert, missing } of orphans) {
      const message = `Its parent in ${missing.source} (${missing.type}) is not at the portal`;
      const reason = { code: "parent-missing", field: undefined, message, digest: undefined, waitsFor: missing };
      this.#park(upsert.key, reason, upsert.rowDigest);
    }
  }

  /** State of a parent; in another source it does not change within this transaction. */
  #parentState({ source, key }: Parent): EntityState | undefined {
    return source === this.#name ? this.#room.store.entities.get(source, key) : this.#parents.of(source, key);
  }

  #numbered(parents: readonly Parent[]): (EntityPlace & { no: number | undefined })[] {
    return parents.map((parent) => ({ source: parent.source, key: parent.key, no: this.#parentState(parent)?.no }));
  }

  #passingDeletions(): Deletion[] {
    if (this.#deletions.length === 0) return [];
    return sortDeletions(this.#room, this.#source, this.#deletions, this.#options.now);
  }

  #afterUpsert(upsert: Upsert, seq: number | "too-large"): void {
    const { key, keyDigest, rowDigest, entityDigest, filled, parents, awaited, before, replaces, item } = upsert;
    const { store } = this.#room;
    if (seq === "too-large") {
      const bytes = Buffer.byteLength(JSON.stringify(fieldsOf(item.text)));
      const message = `The entity has ${bytes} bytes, more than the portal takes in one frame`;
      this.#park(key, { code: "too-large", field: undefined, message, digest: entityDigest, waitsFor: undefined }, rowDigest);
      return;
    }
    const former = before === "none" || !this.#anyHeld() ? [] : store.entities.parentsOf(this.#name, key);
    store.entities.put(this.#name, key, { rowDigest, entityDigest, parents: this.#numbered(parents), before, keyDigest, filled });
    const left = former.filter((one) => !parents.some((parent) => parent.source === one.source && parent.key === one.key));
    wakeParents(store, left, this.#options.now);
    store.quarantine.remove(this.#name, key);
    wakeDependents(store, this.#placeOf(key), this.#options.now);
    store.entities.setAwaited(this.#name, key, awaited);
    wakeAwaiting(store, this.#placeOf(key), this.#options.now);
    const wasKnown = before !== "none" && before.entityDigest !== undefined;
    afterSending(this.#room, this.#source, { key, replaces, wasKnown, now: this.#options.now });
    noteBearer(this.#room, this.#source, key, { ...item, bearer: upsert.bearer });
    this.#seqs.set(key, seq);
    this.#counts.sent += 1;
  }

  /** Parents that wait for their children stand in the quarantine, which is empty as a rule. */
  #anyHeld(): boolean {
    this.#held ??= this.#room.store.quarantine.count() > 0;
    return this.#held;
  }

  #afterDelete({ key, pending }: Deletion): void {
    const { store } = this.#room;
    const cancelled = this.#cancelled.get(key);
    forgetEntity(this.#room, this.#source, key, this.#options.now);
    // The row is still there: its digest spares the next compare the mapping.
    if (cancelled !== undefined)
      store.entities.put(this.#name, key, { rowDigest: cancelled, entityDigest: undefined, parents: [] });
    store.pending.clear(this.#name, key, pending.mark);
  }

  #park(key: string, reason: ParkReason, rowDigest: bigint): void {
    if (park(this.#room, this.#source, { key, reason, rowDigest, now: this.#options.now }) === "news") this.#newlyHeld += 1;
    this.#counts.quarantined += 1;
  }

  #placeOf(key: string): EntityPlace {
    return { source: this.#name, key };
  }
}
