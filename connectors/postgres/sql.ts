/** A string literal, of the type that its place wants: safe because the session has standard_conforming_strings and speaks UTF-8. */
export function textLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
