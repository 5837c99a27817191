/** Questions to the portal that wait for their answer: what it holds of a type, page by page. */
import { FuserError } from "../../base/errors.ts";
import type { Clock } from "../../base/time.ts";
import type { Answer, Inventory } from "../../protocol/messages.ts";

/** An entity that the portal holds. */
export interface HeldId {
  id: string;
  digest: bigint;
}

/** A run of entities that the portal holds, in the byte order of their ids. */
export interface HeldRange {
  first: string;
  last: string;
  count: number;
  /** Sum of the shares of its entities (protocol/digest.ts). */
  digest: bigint;
}

export interface InventoryBounds {
  /** Exclusive lower bound. */
  after?: string | undefined;
  /** Inclusive upper bound. */
  until?: string | undefined;
}

interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
  cancelTimer: () => void;
}

export interface Questions {
  /** Asks and waits for the answer. */
  ask(question: Omit<Inventory, "type" | "id">, signal: AbortSignal): Promise<Answer>;
  /** Brings an answer home; false when nobody asked. */
  answered(answer: Answer): boolean;
  /** The link is gone: whoever waits is told. */
  end(error: FuserError): void;
}

export interface QuestionParts {
  clock: Clock;
  newId: () => string;
  send: (question: Inventory) => void;
  timeoutMs: number;
}

export function createQuestions(parts: QuestionParts): Questions {
  const waiting = new Map<string, Waiting>();
  let ended: FuserError | undefined;
  const take = (id: string): Waiting | undefined => {
    const found = waiting.get(id);
    waiting.delete(id);
    found?.cancelTimer();
    return found;
  };
  return {
    async ask(question, signal) {
      if (ended) throw ended;
      signal.throwIfAborted();
      const id = parts.newId();
      const onAbort = (): void => take(id)?.reject(signal.reason);
      try {
        return await new Promise<Answer>((resolve, reject) => {
          const cancelTimer = parts.clock.after(parts.timeoutMs, () => take(id)?.reject(unanswered(question.entity)));
          waiting.set(id, { resolve, reject, cancelTimer });
          signal.addEventListener("abort", onAbort, { once: true });
          parts.send({ type: "inventory", id, ...question });
        });
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
    },
    answered(answer) {
      const found = take(answer.id);
      found?.resolve(answer);
      return found !== undefined;
    },
    end(error) {
      ended = error;
      for (const id of [...waiting.keys()]) take(id)?.reject(error);
    },
  };
}

function unanswered(type: string): FuserError {
  return new FuserError("transient", "The portal did not answer what it holds", {
    code: "inventory-unanswered",
    operation: "compare with the portal's inventory",
    place: type,
    hint: "It is asked again.",
  });
}

/** Ids and digests of what the portal holds of `type`, one bounded page at a time; the next page is asked for when this one was used. */
export async function* heldIds(
  questions: Questions,
  type: string,
  bounds: InventoryBounds & { limit: number },
  signal: AbortSignal,
) {
  for await (const answer of pages(questions, { entity: type, level: "ids", ...bounds }, signal)) {
    yield (answer.ids ?? []).map(([id, digest]): HeldId => ({ id, digest: BigInt(`0x${digest}`) }));
  }
}

/** Ranges of `limit` ids each with their digests, to find where both sides differ without naming every id. */
export async function* heldRanges(
  questions: Questions,
  type: string,
  bounds: InventoryBounds & { limit: number },
  signal: AbortSignal,
) {
  for await (const answer of pages(questions, { entity: type, level: "ranges", ...bounds }, signal)) {
    yield (answer.ranges ?? []).map((range): HeldRange => ({ ...range, digest: BigInt(`0x${range.digest}`) }));
  }
}

async function* pages(
  questions: Questions,
  question: Omit<Inventory, "type" | "id">,
  signal: AbortSignal,
): AsyncGenerator<Answer> {
  let after = question.after;
  for (;;) {
    const answer = await questions.ask(withoutUndefined({ ...question, after }), signal);
    if (answer.outcome === "refused") throw refused(question.entity, answer.reason);
    yield answer;
    const last = question.level === "ids" ? answer.ids?.at(-1)?.[0] : answer.ranges?.at(-1)?.last;
    if (answer.complete !== false) return;
    if (last === undefined || last === after) throw refused(question.entity, "it says that more follows, but names nothing new");
    after = last;
  }
}

/** JSON drops undefined, but the type of a message does not know it. */
function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as T;
}

function refused(type: string, reason: string | undefined): FuserError {
  return new FuserError("transient", `The portal does not tell what it holds: ${reason ?? "no reason given"}`, {
    code: "inventory-refused",
    operation: "compare with the portal's inventory",
    place: type,
    hint: "Ask the portal's operator.",
  });
}
