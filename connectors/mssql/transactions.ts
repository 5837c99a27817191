import type { Connection } from "tedious";

/** What the server tells of the session's transactions, beside the answers to statements. */
export interface Transactions {
  /** Which one the session is in, by the server's own number for it; empty without one. */
  readonly current: string;
  /** How many began. */
  readonly begun: number;
  /** How many were rolled back. */
  readonly rolledBack: number;
}

/**
 * Watches a session's transactions. The driver keeps their numbers and tells of rollbacks alone; where none was told and the transaction is gone it was
 * committed, by whoever, and that is what must be known of a procedure that fails afterwards.
 */
export function watchTransactions(connection: Connection): Transactions {
  const { transactionDescriptors: numbers } = connection as unknown as { transactionDescriptors: Buffer[] };
  let begun = 0;
  let rolledBack = 0;
  const push = numbers.push.bind(numbers);
  numbers.push = (...added) => {
    begun += added.length;
    return push(...added);
  };
  const onRollback = (): void => {
    rolledBack += 1;
  };
  connection.on("rollbackTransaction" as never, onRollback as never);
  return {
    get current() {
      return numbers.length > 1 ? (numbers.at(-1)?.toString("hex") ?? "") : "";
    },
    get begun() {
      return begun;
    },
    get rolledBack() {
      return rolledBack;
    },
  };
}

/** What became of a transaction that began as `at` tells. `ended`: committed, or at least another one stands in its place. */
export function fateOf(at: Transactions, now: Transactions): "open" | "rolled back" | "ended" {
  if (now.begun !== at.begun) return "ended";
  if (now.current === at.current) return "open";
  return now.rolledBack === at.rolledBack ? "ended" : "rolled back";
}
