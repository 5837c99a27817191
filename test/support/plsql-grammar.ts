/** A grammar of Oracle's SQL and PL/SQL (antlr4ts-sql): what it refuses, Oracle would refuse, but for the gaps below. */
import { CharStreams, CommonTokenStream } from "antlr4ts";
import { CaseChangingStream, PlSQLGrammar, PlSqlLexer } from "antlr4ts-sql";

/** What Oracle takes and the grammar does not know, with what is put in its place. */
const gaps: readonly [pattern: RegExp, instead: string][] = [
  // ALTER SESSION may set several parameters at once.
  [/^(ALTER SESSION SET \w+ = \w+) .*$/s, "$1"],
  // It has no REVOKE, which is written as the GRANT of whole rights is.
  [/^REVOKE ([\w ,]+(?: ON "[^"]+"(?:\."[^"]+")?)?) FROM ("[^"]+");?$/, "GRANT $1 TO $2"],
];

/** What the grammar takes, being laxer than Oracle here. */
const laxities: readonly [pattern: RegExp, fault: string][] = [
  // The interval is any expression to it.
  [/\bVERSIONS BETWEEN (?!(SCN|TIMESTAMP) \S+ AND \S)/, "VERSIONS BETWEEN wants SCN or TIMESTAMP, and two bounds"],
];

/** What the grammar has against a statement; undefined where it is well-formed. */
export function plsqlFault(text: string): string | undefined {
  const lax = laxities.find(([pattern]) => pattern.test(text));
  if (lax !== undefined) return lax[1];
  const known = gaps.reduce((written, [pattern, instead]) => written.replace(pattern, instead), text);
  const lexer = new PlSqlLexer(new CaseChangingStream(CharStreams.fromString(`${known.replace(/;\s*$/, "")};`), true));
  const parser = new PlSQLGrammar.PlSqlParser(new CommonTokenStream(lexer));
  let fault: string | undefined;
  parser.removeErrorListeners();
  parser.addErrorListener({
    syntaxError: (...[, , line, column, message]) => {
      fault ??= `${line}:${column} ${message.slice(0, 80)}`;
    },
  });
  parser.sql_script();
  return fault;
}
