/**
 * Lets the verdicts of quality take effect: facts are kept with the read that brings them, what is withheld never enters the outbox, and findings are
 * raised and closed in the same transaction.
 */
import type { Mapped } from "../map/mapped.ts";
import type { Judged, Quality, Subject } from "../quality/judged.ts";
import type { QuarantineEntry } from "../store/store.ts";
import type { Room } from "./parts.ts";
import type { CapturedSource } from "./source.ts";

export interface Judging {
  /** Undefined: no rule looks at the source. Ask once for a scan or a transaction. */
  of(source: CapturedSource): SourceJudge | undefined;
}

type Entity = Extract<Mapped, { kind: "entity" }>;

/** For the entities of one source, within the transaction under way. */
export interface SourceJudge {
  /** Keeps the facts of an entity. What is read together is gathered before the first of it is judged. */
  gather(key: string, mapped: Entity): void;
  /** What is to be sent of an entity whose facts are kept. */
  judge(key: string, mapped: Entity): Omit<Judged, "raised">;
  /** The entity is gone. */
  gone(key: string): void;
}

/** Why an entity stands in quarantine. */
export function heldBy({
  rule,
  field,
}: NonNullable<Judged["hold"]>): Omit<QuarantineEntry, "source" | "key" | "type" | "id" | "since"> {
  const message = `The rule ${rule} holds it until it is mended in the ERP`;
  return { code: "quality", field, message, digest: undefined, waitsFor: undefined };
}

export function createJudging({ store, clock }: Pick<Room, "store" | "clock">, quality: Quality): Judging {
  const { facts, findings } = store;
  return {
    of({ mapping }) {
      const { source, type, lacks = [] } = mapping;
      if (quality.roleOf(source) === undefined) return undefined;
      // What the ERP lacks for now says nothing: facts that protect somebody, and what was found, stay until everything is mapped anew.
      const stays = (key: string): boolean => lacks.length > 0 && store.entities.known(source, key);
      const subjectOf = (key: string, { text, parents, notes }: Entity): Subject => ({ source, type, key, text, parents, notes });
      return {
        gather(key, mapped) {
          if (!stays(key)) facts.put({ source, key }, quality.gather(subjectOf(key, mapped), facts));
        },
        judge(key, mapped) {
          const { raised, ...judged } = quality.judge(subjectOf(key, mapped), facts);
          if (!stays(key)) findings.replace(facts.selfOf(source, key), raised, clock.now());
          return judged;
        },
        gone(key) {
          facts.remove({ source, key });
          findings.replace(facts.selfOf(source, key), [], clock.now());
        },
      };
    },
  };
}
