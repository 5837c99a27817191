/** What a connector can do and what stands behind that claim, as data: docs/databases.md is made of it, and the contract suite holds it against the connector. */

/**
 * A promise of the connector interface that not every database can keep: `changedSince`, sources by `query:`, child rows, `write`, plan steps `call`, `feed`.
 * A connector that lacks one says so here and refuses it with an error that names the way out (test/contract/connector-powers.test.ts).
 */
export type Power = "cursor" | "query" | "children" | "write" | "call" | "feed";

/** One way to notice changes. */
export interface ChangeMethod {
  /** As it stands under `changes:`. */
  method: string;
  sees: { inserts: boolean; updates: boolean; deletes: boolean };
  /** How long after the ERP's commit it is noticed. */
  latency: string;
  /** What the account needs beyond SELECT on the table; `none` where nothing. */
  rights: string;
}

/** A product and version, and how far it was tried. */
export interface Verified {
  product: string;
  /** `contract suite`: each test of it runs there in `.ci/run`; `double`: the real driver against a double of the server's protocol; `not verified`: nobody has. */
  by: "contract suite" | "double" | "not verified";
}

export interface Capabilities {
  /** For headings. */
  title: string;
  changes: readonly ChangeMethod[];
  /** Kinds of plan steps, and how the database gives back what it generated. */
  writes: readonly string[];
  idempotency: readonly string[];
  unsupported: readonly Power[];
  verified: readonly Verified[];
}

/** Ways that need nothing of the database but a table. */
export const compareMethod: ChangeMethod = {
  method: "compare",
  sees: { inserts: true, updates: true, deletes: true },
  latency: "the compare's interval and duration",
  rights: "none",
};
