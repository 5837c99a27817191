/** Makes the choices of a failing case fewer and smaller while it goes on to fail. */

export interface Shrinking {
  choices: readonly number[];
  /** Whether these choices still show the same fault. */
  fails: (choices: readonly number[]) => Promise<boolean>;
  /** Monotonic milliseconds. */
  now: () => number;
  /** The best so far is returned after so many milliseconds. */
  withinMs: number;
}

/** The simplest choices found: chunks are left out, then set to zero, then halved, until nothing of it helps any more. */
export async function shrink({ choices, fails, now, withinMs }: Shrinking): Promise<readonly number[]> {
  const deadline = now() + withinMs;
  let best = choices;
  const tryIt = async (candidate: readonly number[]): Promise<boolean> => {
    if (now() > deadline || same(candidate, best) || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  for (let improved = true; improved && now() < deadline; ) {
    improved = false;
    for (let size = 2 ** Math.floor(Math.log2(Math.max(1, best.length))); size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at < best.length && now() < deadline; ) {
        if (await tryIt(best.toSpliced(at, size))) improved = true;
        else at += size;
      }
    }
    for (let at = 0; at < best.length && now() < deadline; at++) {
      for (let value = 0; value < (best[at] as number); value += Math.ceil(((best[at] as number) - value) / 2)) {
        if (await tryIt(best.with(at, value))) {
          improved = true;
          break;
        }
      }
    }
  }
  return best;
}

function same(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}
