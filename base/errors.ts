import type { Finding } from "./findings.ts";

/** The five kinds of error, one reaction each (docs/architecture: "Errors"). */
export type ErrorKind =
  /** Stop this part and tell the admin: only a person can mend it. */
  | "config"
  /** Back off and retry. */
  | "transient"
  /** The source's history is gone or another one: compare in full, never skip. */
  | "history-lost"
  /** Quarantine the row or refuse the command, and carry on. */
  | "rejected"
  /** Our own fault: crash with a report. */
  | "bug";

export interface ErrorDetails {
  /** Stable, documented code in kebab-case, e.g. `erp-login-refused`. */
  code: string;
  /** What was being done, e.g. `connect to the ERP`. */
  operation: string;
  /** Where: source, table, file, URL without credentials. */
  place?: string;
  /** What the admin should do next, as a sentence. */
  hint?: string;
  /** Where one error stands for several problems: all of them, each with its remedy. */
  findings?: readonly Finding[];
  cause?: unknown;
}

/** An error that a person or a loop can act upon: kind decides the reaction, code the documentation, hint the remedy. */
export class FuserError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly operation: string;
  readonly place: string | undefined;
  readonly hint: string | undefined;
  readonly findings: readonly Finding[];

  constructor(kind: ErrorKind, message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "FuserError";
    this.kind = kind;
    this.code = details.code;
    this.operation = details.operation;
    this.place = details.place;
    this.hint = details.hint;
    this.findings = details.findings ?? [];
  }
}

/** Kind of any thrown value: a foreign error is a bug until a connector or library edge has classified it. */
export function kindOf(error: unknown): ErrorKind {
  return error instanceof FuserError ? error.kind : "bug";
}

/** True for the error that an aborted AbortSignal raises. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || (error as { code?: string }).code === "ABORT_ERR");
}

/** One line for people: message, place and hint; never a stack. */
export function describeError(error: unknown): string {
  if (!(error instanceof FuserError)) return error instanceof Error ? error.message : String(error);
  const place = error.place ? ` (${error.place})` : "";
  return `${error.message}${place}${error.hint ? `. ${error.hint}` : ""}`;
}
