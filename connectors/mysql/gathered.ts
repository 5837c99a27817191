import type { Clock } from "../../base/time.ts";
import type { LinkPool } from "../link-pool.ts";
import type { Link, ResultSet } from "./link.ts";

interface Asked {
  text: string;
  operation: string;
  signal: AbortSignal;
  resolve: (result: ResultSet) => void;
  reject: (error: unknown) => void;
}

/** Short reads that are asked for in the same turn of the event loop go to the server in one text: ten polls are one round trip. */
export class Gathered {
  readonly #pool: LinkPool<Link>;
  readonly #clock: Clock;
  #asked: Asked[] = [];

  /** @param pool of `batch` links */
  constructor(pool: LinkPool<Link>, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  ask(text: string, signal: AbortSignal, operation: string): Promise<ResultSet> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ text, signal, operation, resolve, reject });
      if (this.#asked.length === 1) this.#clock.after(0, () => void this.#run(this.#asked.splice(0)));
    });
  }

  async #run(all: readonly Asked[]): Promise<void> {
    if (all.length > 1 && (await this.#together(all))) return;
    // One that fails ends the whole text: alone each has its own result, and its own error.
    for (const one of all) {
      const { text, signal, operation } = one;
      await this.#pool
        .use(signal, (link) => link.query(text, signal, operation))
        .then(([result]) => one.resolve(result as ResultSet), one.reject);
    }
  }

  async #together(all: readonly Asked[]): Promise<boolean> {
    const signal = AbortSignal.any(all.map((one) => one.signal));
    const text = all.map((one) => one.text).join(";\n");
    try {
      const results = await this.#pool.use(signal, (link) => link.query(text, signal, "look for changes"));
      if (results.length !== all.length) return false;
      for (const [index, one] of all.entries()) one.resolve(results[index] as ResultSet);
      return true;
    } catch {
      return false;
    }
  }
}
