import { type Capabilities, compareMethod } from "../capabilities.ts";

export const oracleCapabilities: Capabilities = {
  title: "Oracle Database",
  changes: [
    {
      method: "column: timestamp or sequence",
      sees: { inserts: true, updates: true, deletes: false },
      latency: "the poll's interval; a row that was committed out of order by the next compare",
      rights: "none",
    },
    {
      method: "column: ORA_ROWSCN",
      sees: { inserts: true, updates: true, deletes: false },
      latency:
        "the poll's interval; no index has it, so that each poll reads the whole table: take it for small ones, and set `every` accordingly (`erpfuser check` says how)",
      rights: "none",
    },
    {
      method: "feed: flashback-versions",
      sees: { inserts: true, updates: true, deletes: true },
      latency:
        "1 s and ten times as long as the tables take to be read, 5 minutes at most: each round reads whole tables. Where deletes need not be seen at once, `ORA_ROWSCN` costs the same",
      rights: "FLASHBACK on the table, EXECUTE on DBMS_FLASHBACK (or SELECT on V_$DATABASE)",
    },
    compareMethod,
  ],
  writes: [
    "insert (RETURNING)",
    "update",
    "number (counter FOR UPDATE, max)",
    "sql",
    "call (procedures and functions, packages, OUT, IN OUT, the first ref cursor)",
  ],
  idempotency: ["column", "ledger", "probe", "base"],
  unsupported: [],
  verified: [
    { product: "Oracle Database 12.1 to 23ai, by the driver's own protocol", by: "double" },
    { product: "Oracle Database 11.2, with Oracle Instant Client", by: "not verified" },
  ],
};
