import { declaredType, typeText } from "../declared-type.ts";
import { closing, splitAt, type Token, textOf } from "./lexer.ts";
import { unknown } from "./sql-error.ts";

/** What a statement's text depends on besides itself. */
export interface Scope {
  /** `@@NAME` as a literal of the engine. */
  system: (name: string) => string;
  /** The engine's name for a table variable; undefined for any other variable. */
  tableOf: (variable: string) => string | undefined;
  /** What stands in place of `CHANGETABLE(CHANGES table, version)`. */
  changes: (table: string, since: string) => string;
  /** Leaves out every WHERE, to see what a SELECT gives whatever its parameters are. */
  withoutWhere?: boolean;
}

const hints = new Set(["UPDLOCK", "ROWLOCK", "HOLDLOCK", "READCOMMITTEDLOCK", "FORCESEEK"]);
const renamed: Readonly<Record<string, string>> = { ISNULL: "IFNULL", COUNT_BIG: "COUNT", LEN: "LENGTH", GETDATE: "tsql_now" };
const endOfWhere = new Set(["GROUP", "ORDER", "HAVING", "UNION", "FOR"]);
const afterSchema = new Set(["DBO", "SYS"]);

/** A SELECT, condition or expression of T-SQL as the engine writes it. Only shapes that the connector and its suites use; others fail in the engine. */
export function translate(tokens: readonly Token[], scope: Scope): string {
  const limits: (string | undefined)[] = [undefined];
  let out = "";
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] as Token;
    const next = nextOf(tokens, at);
    if (token.text === "(") limits.push(undefined);
    if (token.text === ")") out += limitOf(limits.pop());
    if (token.kind === "word" && token.value === "TOP" && tokens[next]?.text === "(") {
      const end = closing(tokens, next);
      limits[limits.length - 1] = translate(tokens.slice(next + 1, end), scope);
      at = end;
    } else if (token.kind === "word" && /^(TRY_)?(CAST|CONVERT)$/.test(token.value) && tokens[next]?.text === "(") {
      const end = closing(tokens, next);
      out += conversion(token.value, tokens.slice(next + 1, end), scope);
      at = end;
    } else if (token.value === "CHANGETABLE") {
      const end = closing(tokens, next);
      out += changeTable(tokens.slice(next + 1, end), scope);
      at = end;
    } else if (token.kind === "word" && token.value === "NEXT" && tokens[next]?.value === "VALUE") {
      at = nextOf(tokens, nextOf(tokens, next));
      while (tokens[nextOf(tokens, at)]?.text === ".") at = nextOf(tokens, nextOf(tokens, at));
      // Whoever only looks at the types draws none.
      out += scope.withoutWhere ? "1" : `tsql_next_value('${tokens[at]?.value}')`;
    } else if (token.kind === "word" && token.value === "COLLATE") at = next;
    else if (token.value === "WITH" && tokens[next]?.text === "(" && hints.has(tokens[nextOf(tokens, next)]?.value ?? "")) {
      at = closing(tokens, next);
    } else if (scope.withoutWhere && token.kind === "word" && token.value === "WHERE") at = endOf(tokens, at) - 1;
    else if (isSchema(token) && tokens[next]?.text === ".") {
      const name = nextOf(tokens, next);
      const object = tokens[name] as Token;
      const owned =
        token.value.toUpperCase() === "SYS" ? `sys.${object.text.replace(/^\[|\]$/g, "").toLowerCase()}` : object.value;
      out += token.value.toUpperCase() === "SYS" ? `"${owned}"` : piece(object, scope);
      at = name;
    } else if (token.kind === "word" && renamed[token.value] && tokens[next]?.text === "(") out += renamed[token.value];
    else out += piece(token, scope);
  }
  return out + limitOf(limits.pop());
}

const limitOf = (limit: string | undefined): string => (limit === undefined ? "" : ` LIMIT ${limit}`);

function isSchema({ kind, value }: Token): boolean {
  return (kind === "word" || kind === "quoted") && afterSchema.has(value.toUpperCase());
}

function nextOf(tokens: readonly Token[], at: number): number {
  let next = at + 1;
  while (tokens[next]?.kind === "blank") next += 1;
  return next;
}

function piece(token: Token, { system, tableOf }: Scope): string {
  switch (token.kind) {
    case "quoted":
      return `"${token.value.replaceAll('"', '""')}"`;
    case "string":
      return `'${token.value.replaceAll("'", "''")}'`;
    case "bytes":
      return `X'${token.text.slice(2)}'`;
    case "system":
      return system(token.value);
    case "variable":
      return tableOf(token.text) ?? token.text;
    default:
      return token.text;
  }
}

/** First token behind a WHERE's condition. */
function endOf(tokens: readonly Token[], where: number): number {
  let depth = 0;
  for (let at = where + 1; at < tokens.length; at++) {
    const token = tokens[at] as Token;
    if (token.text === "(") depth += 1;
    if (token.text === ")" && depth === 0) return at;
    if (token.text === ")") depth -= 1;
    if (depth === 0 && token.kind === "word" && endOfWhere.has(token.value)) return at;
  }
  return tokens.length;
}

function conversion(word: string, inner: readonly Token[], scope: Scope): string {
  const way = word.startsWith("TRY_") ? "try" : "cast";
  if (word.endsWith("CAST")) {
    const as = inner.findLastIndex(({ kind, value }) => kind === "word" && value === "AS");
    return converted(textOf(inner.slice(as + 1)), inner.slice(0, as), { way, scope });
  }
  const [type = [], expression = []] = splitAt(inner, ({ text }) => text === ",");
  return converted(textOf(type), expression, { way, scope });
}

function converted(type: string, expression: readonly Token[], { way, scope }: { way: string; scope: Scope }): string {
  return `tsql_convert('${typeText(declaredType(type))}', ${translate(expression, scope)}, '${way}')`;
}

function changeTable(inner: readonly Token[], scope: Scope): string {
  const [changes = [], since = []] = splitAt(inner, ({ text }) => text === ",");
  const table = changes.filter(({ kind }) => kind === "word" || kind === "quoted").at(-1);
  if (!table || !/^\s*CHANGES\b/i.test(textOf(changes))) throw unknown(`CHANGETABLE(${textOf(inner)})`);
  return scope.changes(table.value, translate(since, scope));
}
