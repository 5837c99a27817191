/** What the checks of server, rights and tables share. */
import type { Severity } from "../../base/findings.ts";
import type { CheckNeeds } from "../connector.ts";
import type { Access } from "./connect.ts";
import type { Link } from "./link.ts";

export interface Problem {
  severity: Severity;
  code: string;
  place?: string;
  message: string;
  remedy: string;
}

export interface Inspection {
  access: Access;
  link: Link;
  needs: CheckNeeds;
  signal: AbortSignal;
}
