import { type Capabilities, compareMethod } from "../capabilities.ts";

export const mysqlCapabilities: Capabilities = {
  title: "MariaDB, MySQL",
  changes: [
    {
      method: "column: timestamp or sequence",
      sees: { inserts: true, updates: true, deletes: false },
      latency: "the poll's interval; a row that was committed out of order by the next compare",
      rights: "none",
    },
    compareMethod,
  ],
  writes: [
    "insert (AUTO_INCREMENT read back)",
    "update",
    "number (counter FOR UPDATE, max)",
    "sql",
    "call (procedures with OUT, INOUT and result sets, functions)",
  ],
  idempotency: ["column", "ledger", "probe", "base"],
  unsupported: ["feed"],
  verified: [
    { product: "MariaDB 10.11", by: "contract suite" },
    { product: "MySQL 5.7, 8.0, 8.4", by: "not verified" },
  ],
};
