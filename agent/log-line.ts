/** A line of the log as people read it, on the console and by `erpfuser logs`. Pure. */

/** A log line for people, without its time: level, where, message, code and its further facts. */
export function humanLine(line: Readonly<Record<string, unknown>>): string {
  const { timestamp: _, level, message, part, source, code, hint, ...facts } = line;
  const where = [part, source].filter(Boolean).join("/");
  const rest = Object.entries(facts).filter(([, value]) => value !== undefined);
  const told = rest.length === 0 ? "" : ` (${rest.map(([name, value]) => `${name} ${value}`).join(", ")})`;
  const what = `${where ? `${where}: ` : ""}${message}${told}${code ? ` [${code}]` : ""}`;
  // An error's text brings its hint already.
  return `${String(level).padEnd(5)} ${what}${hint === undefined || String(message).includes(String(hint)) ? "" : `. ${hint}`}`;
}
