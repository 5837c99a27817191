/** What is fuzzed: makes a case of chance, carries it out, and says which promise it broke. */
import type { Chance } from "./chance.ts";

/** A promise of the product that a case broke. */
export class Broken extends Error {
  /** The promise, without anything of the case: two cases that break it show the same fault. */
  readonly promise: string;

  constructor(promise: string, seen: string) {
    super(`${promise}: ${seen}`);
    this.name = "Broken";
    this.promise = promise;
  }
}

export interface OpenTarget<Case> extends AsyncDisposable {
  make(chance: Chance): Case;
  /**
   * Carries a case out and returns how many executions it was (frames, texts, rows).
   * @throws Broken; any other error is a fault as well
   */
  run(made: Case): Promise<number>;
  /** The case for people: short, complete, printable. */
  show(made: Case): string;
}

export interface Target {
  readonly name: string;
  /** What one execution is. */
  readonly unit: string;
  open(): Promise<OpenTarget<unknown>>;
}
