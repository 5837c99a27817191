/** What the loader looks at in the SQL of the configuration. It is no parser: it knows strings, quoted names, comments and brackets. */

/** The SQL with everything that is not code (strings, quoted names, comments) blanked out, at unchanged positions. */
export function codeOf(sql: string): string {
  return sql.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]\n]*\]|--[^\n]*|\/\*[\s\S]*?\*\//g, (part) =>
    part.replace(/[^\n]/g, " "),
  );
}

/** Parameters `:origin.name` of the SQL, each once, in order. */
export function parametersOf(sql: string): string[] {
  const found = codeOf(sql).matchAll(/(?<![:\w]):([A-Za-z_][\w$]*(?:\.[\p{L}_][\p{L}\w$#]*)?)/gu);
  return [...new Set(Array.from(found, (match) => match[1] as string))];
}

/** Code outside of all brackets. */
function topLevel(code: string): string {
  let depth = 0;
  let out = "";
  for (const char of code) {
    if (char === "(") depth += 1;
    out += depth === 0 ? char : " ";
    if (char === ")") depth = Math.max(0, depth - 1);
  }
  return out;
}

/** True when the brackets of the SQL pair up. */
function balanced(code: string): boolean {
  let depth = 0;
  for (const char of code) {
    if (char === "(") depth += 1;
    else if (char === ")") depth -= 1;
    if (depth < 0) return false;
  }
  return depth === 0;
}

export interface SqlFault {
  message: string;
  remedy: string;
}

/** What every SQL text must keep to. */
export function statementFault(sql: string): SqlFault | undefined {
  const code = codeOf(sql);
  if (/;\s*\S/.test(code)) return { message: "holds more than one statement", remedy: "Write one statement, without `;`." };
  if (code.includes(";")) return { message: "ends with `;`", remedy: "Leave the semicolon out." };
  if (!balanced(code)) return { message: "has brackets that do not pair up", remedy: "Close every `(`." };
  return undefined;
}

/** What a text must keep to that is used inside another SELECT (mapping.md: "wrapped as a derived table: no ORDER BY, no WITH"). */
export function derivedTableFault(sql: string): SqlFault | undefined {
  const top = topLevel(codeOf(sql)).trim();
  if (/^WITH\b/i.test(top))
    return {
      message: "begins with WITH, and is used as a derived table",
      remedy: "Write the common table as a sub-select in FROM, or make a view of it.",
    };
  if (/\bORDER\s+BY\b/i.test(top))
    return {
      message: "ends with ORDER BY, and is used as a derived table",
      remedy: "Leave ORDER BY out: the agent orders by the key itself.",
    };
  return selectFault(sql);
}

/** A text that only reads. */
export function selectFault(sql: string): SqlFault | undefined {
  if (/^\s*\(*\s*SELECT\b/i.test(codeOf(sql))) return undefined;
  return { message: "is no SELECT", remedy: "Write a SELECT." };
}

/** A condition that is AND-ed with others. */
export function conditionFault(sql: string): SqlFault | undefined {
  const top = topLevel(codeOf(sql)).trim();
  if (/^WHERE\b/i.test(top)) return { message: "begins with WHERE", remedy: "Write the condition alone." };
  if (/^SELECT\b/i.test(top))
    return { message: "is a SELECT, not a condition", remedy: "Write the condition alone, or use `query`." };
  if (/\b(ORDER\s+BY|GROUP\s+BY|LIMIT)\b/i.test(top))
    return { message: "is more than a condition", remedy: "Write the condition alone, or use `query`." };
  return undefined;
}
