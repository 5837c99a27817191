import { FuserError } from "../../base/errors.ts";
import { bind, concat, type Statement } from "../statement.ts";
import type { Asked, Link } from "./link.ts";
import { declarationOf } from "./request-values.ts";
import { ask } from "./session.ts";
import { withParameters } from "./sql.ts";
import { type NativeType, nativeType } from "./types.ts";

export interface DescribedColumn {
  name: string;
  type: NativeType;
  nullable: boolean;
}

/**
 * Result columns of a SELECT, from the server's compiler: nothing is run.
 * @throws FuserError config when the server can't compile it
 */
export async function describeResult(link: Link, select: Statement, asked: Asked): Promise<DescribedColumn[]> {
  const { text, values } = withParameters(select);
  const declarations = values.map((value, index) => `@p${index} ${declarationOf(value)}`).join(", ");
  const rows = await ask(
    link,
    concat(
      "SELECT name, COALESCE(system_type_name, user_type_name) AS type, collation_name AS collation, COLLATIONPROPERTY(collation_name, 'CodePage') AS page, is_nullable AS nullable, error_number AS error, error_message AS message FROM sys.dm_exec_describe_first_result_set(",
      bind(text),
      ", ",
      bind(declarations),
      ", 0) WHERE COALESCE(is_hidden, 0) = 0 ORDER BY column_ordinal",
    ),
    asked,
  );
  const failed = rows.find(({ error }) => error !== null);
  if (failed) {
    // The statement itself says best what is wrong with it.
    await link.query(select, asked);
    throw notDescribed(failed.message, asked.operation);
  }
  return rows.map(({ name, type, collation, page, nullable }) => ({
    name: name ?? "",
    type: nativeType(type ?? "unknown", collation, page),
    nullable: nullable !== "0",
  }));
}

function notDescribed(message: string | null | undefined, operation: string): FuserError {
  return new FuserError("config", `The ERP can't tell the columns of the SQL text: ${message ?? "it gives no rows"}`, {
    code: "erp-sql-invalid",
    operation,
    hint: "Write one SELECT, without temporary tables.",
  });
}
