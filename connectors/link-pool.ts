/** A connection as the pool sees it. */
export interface PooledLink {
  /** False once it was lost or given up. */
  readonly usable: boolean;
  /** Whether the next work should get it. */
  readonly reusable: boolean;
  close(): Promise<void>;
}

interface PoolOptions<Link> {
  open(signal: AbortSignal): Promise<Link>;
  /** Whether the connection is gone with this error. */
  isLost(error: unknown): boolean;
  size: number;
}

/**
 * A few connections for short reads, opened when first wanted and kept. Reads may be repeated, so a connection that died while it lay idle is
 * replaced once without a word.
 */
export class LinkPool<Link extends PooledLink> implements AsyncDisposable {
  readonly #options: PoolOptions<Link>;
  readonly #idle: Link[] = [];
  readonly #waiting: (() => void)[] = [];
  #open = 0;
  #closed = false;

  constructor(options: PoolOptions<Link>) {
    this.#options = options;
  }

  /** Runs reads on a connection of their own. @throws what `work` throws; FuserError when none can be opened */
  async use<T>(signal: AbortSignal, work: (link: Link) => Promise<T>): Promise<T> {
    const { link, reused } = await this.#take(signal);
    try {
      return await work(link);
    } catch (error) {
      if (!reused || !this.#options.isLost(error)) throw error;
    } finally {
      this.#give(link);
    }
    return this.use(signal, work);
  }

  async #take(signal: AbortSignal): Promise<{ link: Link; reused: boolean }> {
    for (;;) {
      signal.throwIfAborted();
      const idle = this.#idle.pop();
      if (idle?.reusable) return { link: idle, reused: true };
      if (idle) {
        // While it lay idle it was lost, or another server took over.
        this.#open -= 1;
        if (idle.usable) void idle.close();
      } else if (this.#open < this.#options.size) break;
      else await this.#turn(signal);
    }
    this.#open += 1;
    try {
      return { link: await this.#options.open(signal), reused: false };
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
