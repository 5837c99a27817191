/** A grammar of T-SQL (antlr4ts-sql): what it refuses, SQL Server would refuse, but for the gaps below. */
import { CharStreams, CommonTokenStream } from "antlr4ts";
import { CaseChangingStream, TSQLGrammar, TSqlLexer } from "antlr4ts-sql";

/** What SQL Server takes and the grammar does not know, with what is put in its place. */
const gaps: readonly [pattern: RegExp, instead: string][] = [
  // A collation within a CAST.
  [/ COLLATE \w+(?= AS )/g, ""],
  // TRY_CONVERT is newer than the grammar.
  [/\bTRY_CONVERT\b/g, "CONVERT"],
  [/\bMIN_ACTIVE_ROWVERSION\(\)/g, "@@DBTS"],
];

/** What the grammar has against a batch; undefined where it is well-formed. */
export function tsqlFault(text: string): string | undefined {
  const known = gaps.reduce((written, [pattern, instead]) => written.replace(pattern, instead), text);
  const lexer = new TSqlLexer(new CaseChangingStream(CharStreams.fromString(known), true));
  const parser = new TSQLGrammar.TSqlParser(new CommonTokenStream(lexer));
  let fault: string | undefined;
  parser.removeErrorListeners();
  parser.addErrorListener({
    syntaxError: (...[, , line, column, message]) => {
      fault ??= `${line}:${column} ${message}`;
    },
  });
  parser.tsql_file();
  return fault;
}
