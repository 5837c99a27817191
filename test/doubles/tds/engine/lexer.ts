/** What a T-SQL text is made of. */
export interface Token {
  kind: "word" | "quoted" | "string" | "number" | "bytes" | "variable" | "system" | "blank" | "sign";
  /** As it stands in the text. */
  text: string;
  /** A word in capitals; what is within quotes; else the text. */
  value: string;
}

const rules: readonly [Token["kind"], RegExp][] = [
  ["blank", /(?:\s+|--[^\n]*|\/\*[\s\S]*?\*\/)+/y],
  ["string", /N?'(?:[^']|'')*'/y],
  ["quoted", /\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*"/y],
  ["bytes", /0x[0-9a-f]*/iy],
  ["number", /\d+(?:\.\d+)?(?:e[+-]?\d+)?/iy],
  ["system", /@@\w+/y],
  ["variable", /@\w+/y],
  ["word", /[\p{L}_#][\p{L}\p{N}_$#]*/uy],
  ["sign", /<=|>=|<>|!=|./sy],
];

export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const token = nextToken(text, at);
    tokens.push(token);
    at += token.text.length;
  }
  return tokens;
}

function nextToken(source: string, at: number): Token {
  for (const [kind, rule] of rules) {
    rule.lastIndex = at;
    const text = rule.exec(source)?.[0];
    if (text) return { kind, text, value: meaningOf(kind, text) };
  }
  throw new Error(`No token at ${at} of ${source}`);
}

function meaningOf(kind: Token["kind"], text: string): string {
  if (kind === "word" || kind === "system") return text.toUpperCase();
  if (kind === "string") return text.replace(/^N/, "").slice(1, -1).replaceAll("''", "'");
  if (kind === "quoted")
    return text.startsWith("[") ? text.slice(1, -1).replaceAll("]]", "]") : text.slice(1, -1).replaceAll('""', '"');
  return text;
}

/** The tokens without blanks and comments. */
export function meaningful(tokens: readonly Token[]): Token[] {
  return tokens.filter(({ kind }) => kind !== "blank");
}

/** Index of the bracket that closes the one at `open`. */
export function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    if (tokens[at]?.text === "(") depth += 1;
    if (tokens[at]?.text === ")") depth -= 1;
    if (depth === 0) return at;
  }
  throw new Error("A bracket is never closed");
}

/** Tokens between separators that stand in no bracket. */
export function splitAt(tokens: readonly Token[], isSeparator: (token: Token) => boolean): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.text === "(") depth += 1;
    if (token.text === ")") depth -= 1;
    if (depth === 0 && isSeparator(token)) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

export function textOf(tokens: readonly Token[]): string {
  return tokens.map(({ text }) => text).join("");
}
