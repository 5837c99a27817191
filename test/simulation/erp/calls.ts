import { FuserError } from "../../../base/errors.ts";

/** A trouble of the ERP that passes by itself. */
export function transient(code: string, message: string): FuserError {
  return new FuserError("transient", message, { code, operation: "work with the ERP", hint: "It is tried again." });
}
