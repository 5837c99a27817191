import { type Capabilities, compareMethod } from "../capabilities.ts";

export const mssqlCapabilities: Capabilities = {
  title: "SQL Server",
  changes: [
    {
      method: "feed: change-tracking",
      sees: { inserts: true, updates: true, deletes: true },
      latency: "a quarter of a second",
      rights: "VIEW CHANGE TRACKING",
    },
    {
      method: "column: timestamp or sequence",
      sees: { inserts: true, updates: true, deletes: false },
      latency: "the poll's interval; a row that was committed out of order by the next compare",
      rights: "none",
    },
    {
      method: "column: rowversion",
      sees: { inserts: true, updates: true, deletes: false },
      latency: "the poll's interval, and no longer than the oldest open transaction of the database",
      rights: "none",
    },
    compareMethod,
  ],
  writes: [
    "insert (IDENTITY and defaults read back)",
    "update",
    "number (counter WITH (UPDLOCK), max)",
    "sql",
    "call (procedures with OUTPUT, RETURN and result sets, functions)",
  ],
  idempotency: ["column", "ledger", "probe", "base"],
  unsupported: [],
  verified: [{ product: "SQL Server 2012 to 2022", by: "double" }],
};
