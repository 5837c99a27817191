import type { Access, LinkKind } from "./connect.ts";
import { isLost } from "./errors.ts";
import { type Link, openLink } from "./link.ts";

/**
 * A few connections for short reads, opened when first wanted and kept. Reads may be repeated, so a connection that died while it lay idle is
 * replaced once without a word.
 */
export class Pool implements AsyncDisposable {
  readonly #access: Access;
  readonly #kind: LinkKind;
  readonly #size: number;
  readonly #idle: Link[] = [];
  readonly #waiting: (() => void)[] = [];
  #open = 0;
  #closed = false;

  constructor(access: Access, kind: LinkKind, size: number) {
    this.#access = access;
    this.#kind = kind;
    this.#size = size;
  }

  /** Runs reads on a connection of their own. @throws what `work` throws; FuserError when none can be opened */
  async use<T>(signal: AbortSignal, work: (link: Link) => Promise<T>): Promise<T> {
    const { link, reused } = await this.#take(signal);
    try {
      return await work(link);
    } catch (error) {
      if (!reused || !isLost(error)) throw error;
    } finally {
      this.#give(link);
    }
    return this.use(signal, work);
  }

  async #take(signal: AbortSignal): Promise<{ link: Link; reused: boolean }> {
    for (;;) {
      signal.throwIfAborted();
      const idle = this.#idle.pop();
      if (idle?.usable) return { link: idle, reused: true };
      if (idle) this.#open -= 1;
      else if (this.#open < this.#size) break;
      else await this.#turn(signal);
    }
    this.#open += 1;
    try {
      return { link: await openLink(this.#access, this.#kind, signal), reused: false };
    } catch (error) {
      this.#open -= 1;
      this.#waiting.shift()?.();
      throw error;
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        signal.removeEventListener("abort", go);
        const index = this.#waiting.indexOf(go);
        if (index >= 0) this.#waiting.splice(index, 1);
        resolve();
      };
      signal.addEventListener("abort", go, { once: true });
      this.#waiting.push(go);
    });
  }

  #give(link: Link): void {
    if (link.reusable && !this.#closed) this.#idle.push(link);
    else {
      this.#open -= 1;
      void link.close();
    }
    this.#waiting.shift()?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#idle.splice(0).map((link) => link.close()));
  }
}
