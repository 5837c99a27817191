import type { Value } from "./connector.ts";

/** An SQL text with values between its parts: `text[0] value[0] text[1] …`, so that no value is ever part of a text by accident. */
export interface Statement {
  readonly text: readonly string[];
  readonly values: readonly Value[];
}

/** A bare SQL text. */
export function sql(text: string): Statement {
  return { text: [text], values: [] };
}

/** One bound value. */
export function bind(value: Value): Statement {
  return { text: ["", ""], values: [value] };
}

/** Statements and texts one after the other. */
export function concat(...pieces: readonly (Statement | string)[]): Statement {
  const text: string[] = [""];
  const values: Value[] = [];
  for (const piece of pieces) {
    const parts = typeof piece === "string" ? [piece] : piece.text;
    text[text.length - 1] += parts[0] ?? "";
    for (let i = 1; i < parts.length; i++) text.push(parts[i] as string);
    if (typeof piece !== "string") values.push(...piece.values);
  }
  return { text, values };
}

/** Statements with a separator between them. */
export function join(pieces: readonly (Statement | string)[], separator: string): Statement {
  return concat(...pieces.flatMap((piece, index) => (index === 0 ? [piece] : [separator, piece])));
}

/** The text with a `?` for each value. */
export function withMarks(statement: Statement): string {
  return statement.text.join("?");
}
