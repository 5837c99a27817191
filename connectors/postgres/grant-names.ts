import type { PostgresSettings } from "./config.ts";
import { postgresSyntax } from "./sql.ts";

/** The schema of names that have none: the first of the configuration's, else the one that every database has. */
export function usualSchema({ schema }: Pick<PostgresSettings, "schema">): string {
  return (Array.isArray(schema) ? schema[0] : schema) ?? "public";
}

/** A name with dots of its own is one part here. */
export const part = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const quoted = (path: readonly string[]): string => path.map((one) => postgresSyntax.quote(one)).join(".");
