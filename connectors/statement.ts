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
  return join(pieces, "");
}

/** Statements with a separator between them. */
export function join(pieces: readonly (Statement | string)[], separator: string): Statement {
  const text: string[] = [""];
  const values: Value[] = [];
  // A read by key joins hundreds of pieces: no lists in between.
  for (let index = 0; index < pieces.length; index++) {
    const piece = pieces[index] as Statement | string;
    const isText = typeof piece === "string";
    text[text.length - 1] += (index === 0 ? "" : separator) + (isText ? piece : (piece.text[0] ?? ""));
    if (isText) continue;
    for (let part = 1; part < piece.text.length; part++) text.push(piece.text[part] as string);
    for (const value of piece.values) values.push(value);
  }
  return { text, values };
}

/** The text with a `?` for each value. */
export function withMarks(statement: Statement): string {
  return statement.text.join("?");
}
