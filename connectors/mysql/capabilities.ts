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
    {
      method: "feed: binlog",
      sees: { inserts: true, updates: true, deletes: true },
      latency: "at once after the commit",
      rights:
        "REPLICATION SLAVE, and BINLOG MONITOR (MySQL: REPLICATION CLIENT); binlog_format = ROW, binlog_row_metadata = FULL",
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
  unsupported: [],
  verified: [
    { product: "MariaDB 10.11", by: "contract suite" },
    { product: "MySQL 5.7, 8.0, 8.4", by: "not verified" },
  ],
};
