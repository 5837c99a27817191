import { type Capabilities, compareMethod } from "../capabilities.ts";

export const postgresCapabilities: Capabilities = {
  title: "PostgreSQL",
  changes: [
    {
      method: "column: timestamp or sequence",
      sees: { inserts: true, updates: true, deletes: false },
      latency: "the poll's interval; a row that was committed out of order by the next compare",
      rights: "none",
    },
    {
      method: "feed: logical-replication",
      sees: { inserts: true, updates: true, deletes: true },
      latency: "at once after the commit",
      rights: "REPLICATION, wal_level = logical, and a publication by the tables' owner; the agent keeps a replication slot",
    },
    compareMethod,
  ],
  writes: ["insert (RETURNING)", "update", "number (counter FOR UPDATE, max)", "sql", "call (procedures and functions)"],
  idempotency: ["column", "ledger", "probe", "base"],
  unsupported: [],
  verified: [
    { product: "PostgreSQL 15 and 18", by: "contract suite" },
    { product: "PostgreSQL 12, 13, 14, 16, 17", by: "not verified" },
  ],
};
