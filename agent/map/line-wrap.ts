/**
 * A long text as the rows of a table of lines. Nothing is lost and nothing is trimmed: between two lines there was a line break, one blank, or, within a word
 * that is longer than a line, nothing.
 */

/** @param width most characters of a line, an emoji counted as one; at least 1 */
export function wrapped(text: string, width: number): string[] {
  return text.split(/\r\n|\n|\r/).flatMap((paragraph) => wrappedParagraph([...paragraph], width));
}

function wrappedParagraph(characters: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let at = 0;
  while (characters.length - at > width) {
    const blank = characters.lastIndexOf(" ", at + width);
    const end = blank >= at ? blank : at + width;
    lines.push(characters.slice(at, end).join(""));
    at = end === blank ? end + 1 : end;
  }
  return [...lines, characters.slice(at).join("")];
}
