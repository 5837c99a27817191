import type { Severity } from "../../base/findings.ts";
import type { CheckNeeds } from "../connector.ts";
import type { Access } from "./connect.ts";
import type { Link } from "./link.ts";
import { postgresSyntax, textLiteral } from "./sql.ts";

/** A finding whose place is the server where it names none. */
export interface Problem {
  severity: Severity;
  code: string;
  place?: string;
  message: string;
  remedy: string;
}

/** What every check uses. */
export interface Inspection {
  access: Access;
  link: Link;
  needs: CheckNeeds;
  signal: AbortSignal;
}

export const operation = "check the ERP's database";

/** Id of a table of the configuration, as an expression; NULL where there is none. */
export const idOf = (table: string): string => `to_regclass(${textLiteral(postgresSyntax.quote(table))})::oid`;
