import { FuserError } from "../../../base/errors.ts";
import type { TableName } from "./schema.ts";
import type { ErpServer } from "./server.ts";

/** A trouble of the ERP that passes by itself. */
export function transient(code: string, message: string): FuserError {
  return new FuserError("transient", message, { code, operation: "work with the ERP", hint: "It is tried again." });
}

/** Said of each table that a statement names. @throws FuserError config, as connectors do */
export function requireTable({ away }: ErpServer, table: TableName): void {
  if (!away.has(table)) return;
  const details = { code: "erp-object-missing", operation: "work with the ERP", hint: "Correct the name in the configuration." };
  throw new FuserError("config", `The ERP has no such table: ${table}`, details);
}
