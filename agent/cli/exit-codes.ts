import { FuserError } from "../../base/errors.ts";

/** The one table of exit codes; docs/exit-codes.md is generated from it. */
export const exitCodes = {
  ok: { code: 0, meaning: "Done." },
  bug: { code: 1, meaning: "An error of ERP Fuser itself. Send the log to support." },
  usage: { code: 2, meaning: "The command line is not understood. See `erpfuser help`." },
  configuration: { code: 3, meaning: "The configuration has faults; all are listed." },
  erp: { code: 4, meaning: "The ERP database can't be reached, refuses the account, or lacks what the mapping needs." },
  portal: { code: 5, meaning: "The portal can't be reached, refuses this agent, or speaks another version." },
  state: { code: 6, meaning: "The state directory or its store can't be used: in use, not writable, disk full." },
  secrets: { code: 7, meaning: "A secret is missing, or the secrets file can't be opened." },
  findings: { code: 8, meaning: "The check found errors; each is listed with its remedy." },
  notFound: { code: 9, meaning: "What was asked for does not exist." },
  decision: { code: 10, meaning: "Refused because a person has to decide first; the message says how." },
  mismatch: { code: 11, meaning: "The demo's oracle found that ERP and portal differ." },
  interrupted: { code: 130, meaning: "Interrupted from the keyboard." },
} as const;

export type ExitName = keyof typeof exitCodes;

const prefixes: readonly [string, ExitName][] = [
  ["config", "configuration"],
  ["mapping", "configuration"],
  ["erp", "erp"],
  ["portal", "portal"],
  ["enrol", "portal"],
  ["tls", "portal"],
  ["proxy", "portal"],
  ["channel", "portal"],
  ["agent", "portal"],
  ["clock", "portal"],
  ["ca-file", "portal"],
  ["master-key", "secrets"],
  ["state", "state"],
  ["store", "state"],
  ["quality", "configuration"],
  ["secret", "secrets"],
  ["secrets", "secrets"],
  ["not-found", "notFound"],
  ["decision", "decision"],
  ["guard-unknown", "notFound"],
  ["command-unknown", "notFound"],
  ["command", "decision"],
  ["usage", "usage"],
];

/** Exit code of an error: by the first word of its documented code. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof FuserError)) return exitCodes.bug.code;
  const match = prefixes.find(([prefix]) => error.code === prefix || error.code.startsWith(`${prefix}-`));
  if (match) return exitCodes[match[1]].code;
  return error.kind === "config" ? exitCodes.configuration.code : exitCodes.bug.code;
}
