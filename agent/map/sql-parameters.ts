/** Names of the `:origin.name` parameters of an SQL text of the configuration; those in literals, quoted names and comments don't count. */
export function sqlParameters(sql: string): string[] {
  const skipped = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|\/\*[\s\S]*?\*\/|::/g;
  const bare = sql.replace(skipped, " ");
  const names = [...bare.matchAll(/:([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_\u0080-\uffff][\w\u0080-\uffff$#]*)*)/g)].map(
    (match) => match[1] as string,
  );
  return [...new Set(names)];
}
