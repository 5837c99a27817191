import { FuserError } from "../../base/errors.ts";
import type { Finding } from "../../base/findings.ts";
import type { Connector } from "../connector.ts";

const code = "erp-read-only";
const hint = "Take `commands` out of the configuration, or give the agent an account on the ERP's database.";

/** Files only come from the ERP: there is no way back. */
export function readOnly(place: string): Pick<Connector, "write" | "lookup"> {
  const refuse = async (): Promise<never> => {
    throw new FuserError("config", "Commands can't be carried out: the ERP only writes CSV files, and reads none", {
      code,
      operation: "write to the ERP",
      place,
      hint,
    });
  };
  return { write: refuse, lookup: refuse };
}

export function writesRefused(place: string): Finding {
  return {
    severity: "error",
    code,
    place,
    message: "The configuration has commands, and an ERP that drops CSV files takes none",
    remedy: hint,
  };
}
