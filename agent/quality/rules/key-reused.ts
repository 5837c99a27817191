/** A contract whose main tenants are all others now: its number was given to somebody new, whom the history of the former tenant does not concern. */
import type { Span } from "../judged.ts";

/** The main participant whose contract it was; undefined where it is the same one's still. */
export function formerMain(before: readonly Span[], now: readonly Span[]): bigint | undefined {
  const [was, is] = [before, now].map((spans) => spans.filter(({ role }) => role === "main").map(({ person }) => person));
  if (was === undefined || is === undefined || is.length === 0 || was.some((person) => is.includes(person))) return undefined;
  return was[0];
}
