import type { RowWriter, WrittenEntity } from "../map/mapped.ts";
import type { KeyBytes } from "../store/entities/key-bytes.ts";
import type { EntityAdder } from "../store/store.ts";
import type { Room } from "./parts.ts";

/** Longer keys are not compared with the one before. */
const longestCompared = 128;

/** The parent that the row before named in some place. */
interface Last {
  no: number;
  target: number;
  length: number;
  key: Uint8Array;
}

/** Finds the numbers of parents by the bytes of their keys. Rows that stand side by side often share a parent in the same place. */
export class WrittenParents {
  /** Of the entity looked at last: each number once, and the index of its source among the writer's targets. */
  numbers = new Uint32Array(16);
  targets = new Int32Array(16);
  count = 0;
  readonly #room: Room;
  readonly #writer: RowWriter;
  readonly #last: Last[] = [];
  #adder: EntityAdder | undefined;
  /** Whether a parent of this target counts as absent while quarantine holds it (settle.ts), and may be held there. */
  #mayBeLeftOut: readonly boolean[] = [];

  constructor(room: Room, writer: RowWriter) {
    this.#room = room;
    this.#writer = writer;
  }

  /** What was looked up before may have changed. */
  begin(adder: EntityAdder): void {
    const { quarantine } = this.#room.store;
    this.#adder = adder;
    this.#mayBeLeftOut = this.#writer.targets.map(({ source, missing }) => missing === "omit" && quarantine.mayConcern(source));
    for (const last of this.#last) last.no = 0;
  }

  /** False where one is not at the portal, or not for sure. `key`: looks at the entity's bytes. */
  find(entity: WrittenEntity, key: KeyBytes): boolean {
    this.count = 0;
    if (entity.parentCount > this.numbers.length) {
      this.numbers = new Uint32Array(entity.parentCount);
      this.targets = new Int32Array(entity.parentCount);
    }
    const { numbers, targets } = this;
    for (let place = 0; place < entity.parentCount; place++) {
      const target = entity.parentTargets[place] as number;
      key.start = entity.parentStarts[place] as number;
      key.end = entity.parentEnds[place] as number;
      const no = this.#numberOf(place, target, key);
      if (no === 0) return false;
      if (this.#has(no)) continue;
      numbers[this.count] = no;
      targets[this.count] = target;
      this.count += 1;
    }
    return true;
  }

  #has(no: number): boolean {
    for (let at = 0; at < this.count; at++) if (this.numbers[at] === no) return true;
    return false;
  }

  #numberOf(place: number, target: number, key: KeyBytes): number {
    const last = this.#last[place] ?? this.#place(place);
    if (last.no !== 0 && last.target === target && isSame(last, key)) return last.no;
    const no = (this.#adder as EntityAdder).known(target, key);
    if (no === 0 || (this.#mayBeLeftOut[target] === true && this.#isHeld(target, key))) return 0;
    const length = key.end - key.start;
    if (length > longestCompared) return no;
    for (let at = 0; at < length; at++) last.key[at] = key.bytes[key.start + at] as number;
    last.length = length;
    last.target = target;
    last.no = no;
    return no;
  }

  #place(place: number): Last {
    const made = { no: 0, target: 0, length: 0, key: new Uint8Array(longestCompared) };
    this.#last[place] = made;
    return made;
  }

  #isHeld(target: number, { bytes, start, end }: KeyBytes): boolean {
    const { source } = this.#writer.targets[target] as RowWriter["targets"][number];
    return this.#room.store.quarantine.get(source, Buffer.from(bytes.subarray(start, end)).toString("latin1")) !== undefined;
  }
}

function isSame(last: Last, { bytes, start, end }: KeyBytes): boolean {
  if (end - start !== last.length) return false;
  for (let at = 0; at < last.length; at++) if (last.key[at] !== bytes[start + at]) return false;
  return true;
}
