import type { Severity } from "../../base/findings.ts";
import type { CheckNeeds } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import type { Statement } from "../statement.ts";
import type { Access } from "./connect.ts";
import type { Link } from "./link.ts";

/** What a part of `check` found. */
export interface Problem {
  severity: Severity;
  code: string;
  place?: string;
  message: string;
  remedy: string;
}

/** What the parts of `check` look with. */
export interface Inspection {
  access: Access;
  link: Link;
  needs: CheckNeeds;
  signal: AbortSignal;
}

const operation = "check the ERP's database";

/** @throws FuserError */
export async function ask({ link, signal }: Pick<Inspection, "link" | "signal">, statement: Statement): Promise<RawValue[][]> {
  return (await link.execute(statement, signal, { operation })).rows;
}
