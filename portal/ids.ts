/** Identifiers that the portal makes. */
import { randomInt } from "node:crypto";
import type { Clock, Random } from "../base/time.ts";

/** Crockford's base 32: no I, L, O, U, so that nobody misreads one. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * A command's id: 20 characters, ten of the time in milliseconds and ten random ones (50 bits), so that they sort by time and fit in short
 * columns of an ERP.
 */
export function newCommandId(clock: Clock, random: Random): string {
  let time = clock.now();
  let stamp = "";
  for (let index = 0; index < 10; index++) {
    stamp = alphabet[time % 32] + stamp;
    time = Math.floor(time / 32);
  }
  let tail = "";
  for (let index = 0; index < 10; index++) tail += alphabet[Math.floor(random() * 32)];
  return stamp + tail;
}

/** A one-time enrolment code such as `7KQ2-M4ZT-P9XB`: 60 bits that nobody can foretell. */
export function newEnrolmentCode(): string {
  const group = (): string => Array.from({ length: 4 }, () => alphabet[randomInt(32)]).join("");
  return `${group()}-${group()}-${group()}`;
}

/** An agent's id. */
export function newAgentId(): string {
  return `agent-${Array.from({ length: 12 }, () => alphabet[randomInt(32)])
    .join("")
    .toLowerCase()}`;
}
