import { type Capabilities, compareMethod } from "../capabilities.ts";

export const sqliteCapabilities: Capabilities = {
  title: "SQLite",
  changes: [
    {
      method: "column: timestamp or sequence",
      sees: { inserts: true, updates: true, deletes: false },
      latency: "the poll's interval",
      rights: "none",
    },
    compareMethod,
  ],
  writes: ["insert (AUTOINCREMENT read back)", "update", "number (counter, max)", "sql"],
  idempotency: ["column", "ledger", "probe", "base"],
  unsupported: ["call", "feed"],
  verified: [{ product: "SQLite, the version within Node, with and without a write-ahead log", by: "contract suite" }],
};
