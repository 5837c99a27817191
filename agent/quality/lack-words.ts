/** What a schema lacks, in the language of the list: the agent's own sentences (agent/compile.ts, agent/map/query.ts) are known, a database's stay as they are. */
import type { Language } from "./texts.ts";

const known: readonly { sentence: RegExp; de: (...names: string[]) => string }[] = [
  { sentence: /^Table (\S+) has no column (\S+)$/, de: (table, column) => `Die Tabelle ${table} hat keine Spalte ${column}.` },
  {
    sentence: /^Table (\S+) is not there, or the account may not see it$/,
    de: (table) => `Die Tabelle ${table} gibt es nicht, oder das Konto darf sie nicht sehen.`,
  },
];

export function lackWords(message: string, language: Language): string {
  if (language === "en") return message;
  for (const { sentence, de } of known) {
    const found = sentence.exec(message);
    if (found !== null) return de(...found.slice(1));
  }
  return message;
}
