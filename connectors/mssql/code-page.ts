/** Characters of the code pages with one byte per character that Windows has: the server's `varchar` knows no others. */
const known = new Map<number, ReadonlySet<string>>();

function charactersOf(page: number): ReadonlySet<string> {
  const before = known.get(page);
  if (before) return before;
  const all = new TextDecoder(`windows-${page}`).decode(Uint8Array.from({ length: 256 }, (_, byte) => byte));
  const characters = new Set(all);
  known.set(page, characters);
  return characters;
}

/**
 * The first character that a code page lacks: the server would write another one in its place, a `?` or what looks like it, without an error. Undefined
 * where all are there, and for pages that are not looked into (UTF-8, Asian ones, those of DOS).
 */
export function lackingIn(page: number | undefined, text: string): string | undefined {
  if (page === undefined || !((page >= 1250 && page <= 1258) || page === 874)) return undefined;
  const characters = charactersOf(page);
  for (const character of text) if (!characters.has(character)) return character;
  return undefined;
}
