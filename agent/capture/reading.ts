import type { Row, RowBatch } from "../../connectors/connector.ts";
import type { Mapped, Parent, RowFault } from "../map/mapped.ts";
import type { EntityState, PendingKey } from "../store/store.ts";
import type { ParkReason } from "./park.ts";
import type { CapturedSource } from "./source.ts";

/** What was read of one key. */
export interface Reading {
  key: string;
  /** The key's digest, where it is at hand. */
  keyDigest?: bigint | undefined;
  /** As it was when the read began; undefined for a row that a scan may take directly. */
  pending: PendingKey | undefined;
  /** undefined: no row. */
  row: ReadRow | undefined;
  /** A command of ours has just written it. */
  own?: boolean;
  /** The entity's state as read in this turn of the event loop; not given: read again. */
  state?: EntityState | "none";
}

export interface ReadRow {
  digest: bigint;
  mapped: Mapped;
  /** As of what it was mapped (`Mapping.asOf`). */
  generation?: number | undefined;
  /** Maps the row once more, without references to the parents that are absent. */
  remap: (isAbsent: (parent: Parent) => boolean) => Mapped;
}

/** A row of a batch, mapped. */
export function readRow({ mapping }: CapturedSource, batch: RowBatch, place: { index: number; key: string }): ReadRow {
  const digest = batch.digests[place.index] as bigint;
  let row: Row;
  try {
    row = batch.row(place.index);
  } catch {
    // One row that can't be decoded must not take its whole source down. What the error says may hold the row's values.
    const message = "The database driver can't decode this row";
    const fault: RowFault = { code: "row-unreadable", field: "", column: undefined, message };
    const mapped: Mapped = { kind: "faulty", id: mapping.idOf(place.key), faults: [fault] };
    return { digest, mapped, generation: mapping.asOf?.(), remap: () => mapped };
  }
  const generation = mapping.asOf?.();
  return { digest, mapped: mapping.map(row, place.key), generation, remap: (isAbsent) => mapping.map(row, place.key, isAbsent) };
}

/** Why a row is held that can't be sent as it stands. */
export function reasonOf({ faults: [fault] }: Mapped & { kind: "faulty" }): ParkReason {
  const { code = "row-unreadable", field, message = "The row can't be read" } = fault ?? {};
  return { code, field, message, digest: undefined, waitsFor: undefined };
}
