/**
 * Whether a row that a poll brought along may still be taken: only while nothing else was read of its key since the poll was asked, neither by a read by
 * key nor by a compare. Otherwise an older state could follow a newer one.
 */

export interface Watch extends Disposable {
  /** Nothing was read of this key since. */
  isFresh(key: string): boolean;
}

export interface Watches {
  begin(source: string): Watch;
  /** What was read of these keys has taken effect. */
  settled(source: string, keys: readonly string[]): void;
  /** A compare takes rows of its own, of whichever keys. Returns what ends it. */
  compareBegins(): () => void;
}

export function createWatches(): Watches {
  const open = new Set<{ source: string; read: Set<string> }>();
  let compares = 0;
  let begun = 0;
  return {
    begin(source) {
      const one = { source, read: new Set<string>() };
      open.add(one);
      const before = begun;
      const disturbed = compares > 0;
      return {
        isFresh: (key) => !disturbed && begun === before && !one.read.has(key),
        [Symbol.dispose]: () => void open.delete(one),
      };
    },
    settled(source, keys) {
      for (const one of open) if (one.source === source) for (const key of keys) one.read.add(key);
    },
    compareBegins() {
      compares += 1;
      begun += 1;
      return () => {
        compares -= 1;
      };
    },
  };
}
