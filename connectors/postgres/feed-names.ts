import { createHash } from "node:crypto";

/** Longest name that PostgreSQL does not cut off (NAMEDATALEN). */
const longest = 63;

/**
 * Name of the agent's slot, and of the publication that it wants. Slots are known to the whole server and may hold nothing but small letters, digits and `_`:
 * the end tells apart what that makes alike.
 */
export function feedName(sessionName: string, database: string): string {
  const digest = createHash("sha256").update(`${sessionName}\0${database}`).digest("hex").slice(0, 8);
  const words = `${sessionName}_${database}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, "_");
  return `${words.slice(0, longest - digest.length - 1).replaceAll(/^_+|_+$/g, "")}_${digest}`;
}
