/** One at a time: reads of one key never overlap, because all reads by key take turns. */
export type Turn = <T>(action: () => Promise<T>) => Promise<T>;

export function createTurn(): Turn {
  let last: Promise<unknown> = Promise.resolve();
  return (action) => {
    const mine = last.then(action, action);
    // Whoever comes next waits for the end, not for the success.
    last = mine.catch(() => undefined);
    return mine;
  };
}
