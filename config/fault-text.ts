/** A schema's complaint and its remedy travel through zod in one text, and a refused key brings what is known beside it. */

export interface Known {
  known: readonly string[];
  /** Keys that a later version brings, each with what to do until then. */
  later: Readonly<Record<string, string>>;
}

export function complaint(message: string, remedy: string): string {
  return `${message}\n${remedy}`;
}

/** Message and remedy of a complaint; another library's text gets a general remedy. */
export function readComplaint(text: string): { message: string; remedy: string } {
  const cut = text.indexOf("\n");
  if (cut < 0) return { message: "is not what is expected here", remedy: "Compare it with docs/configuration.md." };
  return { message: text.slice(0, cut), remedy: text.slice(cut + 1) };
}

export function knownKeys(known: Known): string {
  return JSON.stringify(known);
}

export function readKnownKeys(text: string): Known {
  return JSON.parse(text) as Known;
}
