/** Configuration files of chance: from the schema, from the examples with damage, and noise; and trees of them for the rows target. */
import { readFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import { root } from "../support/run/child.ts";
import type { Chance } from "./chance.ts";
import { fromSchema, type Schema, someJson } from "./from-schema.ts";
import { mutated } from "./mutate.ts";
import { someText } from "./texts.ts";

export type Tree = Record<string, unknown>;

const read = (path: string): string => readFileSync(`${root}/${path}`, "utf8");
const examples = ["config/examples/housing-company.yaml", "config/examples/other-forms.yaml"].map(read);
/** Texts only, as the loader reads it. */
const trees = examples.map((text) => parse(text, { schema: "failsafe" }) as Tree);
const schema = JSON.parse(read("config/generated/erpfuser.schema.json")) as Schema;
const columns = ["ID", "NAME", "MANDANT", "OBJNR", "BEGINN", "STATUS", "toString", "x y", "Straße"];

export interface ConfigCase {
  text: string;
  /** Stands where a password does; undefined where none was put in. */
  secret: string | undefined;
}

export function makeConfigCase(chance: Chance): ConfigCase {
  switch (chance.below(10)) {
    case 0:
      return { text: noise(chance), secret: undefined };
    case 1:
      return { text: bomb(chance), secret: undefined };
    case 2:
    case 3:
      return { text: damaged(chance, chance.pick(examples)), secret: undefined };
    case 4:
    case 5:
      return written(chance, fromSchema(chance, schema, schema) as Tree);
    default: {
      let tree = exampleTree(chance);
      for (let left = chance.below(4); left > 0; left--) tree = mutated(chance, tree) as Tree;
      return written(chance, tree);
    }
  }
}

/** One of the examples, with some of its parts said in another way: most of these are valid. */
export function exampleTree(chance: Chance): Tree {
  const tree = structuredClone(chance.pick(trees));
  for (let left = chance.below(6); left > 0; left--) vary(chance, tree);
  return tree;
}

const reads: readonly ((chance: Chance, column: string) => unknown)[] = [
  (_, column) => column,
  (chance, column) => ({
    from: column,
    do: chance.some([
      "trim",
      "lower",
      "upper",
      "empty-to-null",
      "collapse-spaces",
      "strip-zeros",
      "one-line",
      "html-to-text",
      "repair-utf8",
      "drop-control",
    ]),
  }),
  (chance, column) => ({ from: column, as: chance.pick(["ymd", "hms", "german", "clock", "stamp"]) }),
  (chance, column) => ({ from: column, map: chance.pick(["orderKind", "orderStatus"]) }),
  (chance, column) => ({ from: column, default: someText(chance), currency: "EUR" }),
  (_, column) => ({ from: column, do: ["email-list"] }),
  (_, column) => ({ from: column, do: ["phone-list"] }),
  (_, column) => ({ from: column, do: ["lines"] }),
  (chance, column) =>
    `\${${chance.pick([`${column} + ''`, `string(${column})`, `upper(${column})`, `coalesce(${column}, '')`, `${column} == null`, `empty(${column}) ? '' : string(${column})`, `${column} > 0`])}}`,
  (chance) => ({ value: someText(chance) }),
  (chance, column) => ({
    ref: chance.pick(["units", "persons", "tickets", "buildings"]),
    key: [column],
    missing: chance.pick(["hold", "omit"]),
  }),
  (chance, column) => ({ when: `\${!empty(${column})}`, from: column, shift: chance.pick(["-1d", "1d", "99999d"]), as: "ymd" }),
  (_, column) => [{ number: column, when: `\${!empty(${column})}` }],
];

/** Says one field of one source in another way. */
function vary(chance: Chance, tree: Tree): void {
  const sources = Object.values((tree.sources ?? {}) as Record<string, { fields: Record<string, unknown>; key: unknown }>);
  const { fields } = chance.pick(sources);
  const others = sources.flatMap((source) =>
    Object.values(source.fields).filter((field): field is string => typeof field === "string" && /^[A-Z]+$/.test(field)),
  );
  const column = chance.pick([...others, ...others, ...columns]);
  const name = chance.oneIn(8)
    ? chance.pick(["number", "updatedAt", "description", "emails", "address", "locale", "floor", "constructor"])
    : chance.pick(Object.keys(fields));
  fields[name] = chance.pick(reads)(chance, column);
}

const secretText = "Geheim-4711!Wort";

/** The text of a tree, with a password in plain text where people put one. */
function written(chance: Chance, tree: Tree): ConfigCase {
  const secret = chance.oneIn(2) && hide(chance, tree) ? secretText : undefined;
  const style = chance.pick(["any", "block", "flow"] as const);
  const options = {
    collectionStyle: style,
    defaultStringType: chance.pick(["PLAIN", "QUOTE_DOUBLE"] as const),
    indent: chance.pick([1, 2, 7]),
    lineWidth: 0,
  };
  try {
    return { text: stringify(tree, { ...options, aliasDuplicateObjects: true }), secret };
  } catch {
    // What the writer can't say, the reader need not hear.
    return { text: JSON.stringify(tree), secret };
  }
}

/** True where there was a place for it. */
function hide(chance: Chance, tree: Tree): boolean {
  const forms = [
    secretText,
    [secretText],
    { value: secretText },
    { secret: { value: secretText } },
    { [secretText]: "" },
    { secret: `${secretText}\n` },
  ];
  const below = (name: string): Tree | undefined => {
    const found = Object.hasOwn(tree, name) ? tree[name] : undefined;
    return typeof found === "object" && found !== null && !Array.isArray(found) ? (found as Tree) : undefined;
  };
  const [erp, agent] = [below("erp"), below("agent")];
  switch (chance.below(4)) {
    case 0:
      if (agent === undefined) return false;
      agent.proxy = { url: "http://proxy:3128", user: "u", password: chance.pick(forms) };
      return true;
    case 1:
      if (agent === undefined) return false;
      agent.proxy = {
        url: chance.pick([`http://u:${secretText}@proxy:3128`, `u:${secretText}@proxy`, `http://u:${secretText}@`]),
      };
      return true;
    case 2:
      if (agent === undefined) return false;
      agent.portal = chance.pick([
        `wss://u:${secretText}@portal.example.com/agent`,
        `u:${secretText}@portal`,
        `https://u:${secretText}@x`,
      ]);
      return true;
    default:
      if (erp === undefined) return false;
      erp.password = chance.pick(forms);
      return true;
  }
}

const junk = [
  "",
  "x",
  ":",
  ": ",
  "{",
  "}",
  "[",
  "]",
  "\t",
  "- ",
  '"',
  "'",
  "${",
  "&a ",
  "*a",
  "!!int ",
  "!x ",
  "|",
  "|\n",
  ">",
  "\n",
  "\r",
  "\0",
  "%",
  "@",
  "? ",
  "<<: ",
  "---\n",
  "...\n",
  "#",
  "__proto__: {a: b}",
  "\ufeff",
  "😀",
  "\ud800",
  "\u2028",
  "\u0085",
];

function damaged(chance: Chance, example: string): string {
  let text = example;
  for (let left = chance.between(1, 5); left > 0; left--) {
    const at = chance.below(text.length + 1);
    if (chance.oneIn(3)) text = swapLines(chance, text);
    else text = text.slice(0, at) + chance.pick(junk) + text.slice(at + chance.below(4));
  }
  return text;
}

function swapLines(chance: Chance, text: string): string {
  const lines = text.split("\n");
  const [one, other] = [chance.below(lines.length), chance.below(lines.length)];
  const [moved = ""] = lines.splice(one, 1);
  if (!chance.oneIn(3)) lines.splice(other, 0, `${" ".repeat(chance.below(4))}${moved}`);
  return lines.join("\n");
}

function noise(chance: Chance): string {
  if (chance.oneIn(3)) return chance.bytes(chance.below(400)).toString(chance.pick(["utf8", "latin1", "utf16le"] as const));
  return Array.from({ length: chance.below(60) }, () => chance.pick([...junk, "agent", "sources", "erp", "a", " "])).join("");
}

/** Little that wants to become much. */
function bomb(chance: Chance): string {
  const depth = chance.pick([70, 1_000, 100_000]);
  const head = "agent: { name: x, portal: 'wss://x' }\nerp: { connector: sqlite, file: x, timezone: UTC }\n";
  const ways: readonly (() => string)[] = [
    () => {
      const levels = Array.from({ length: 30 }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level},`.repeat(9)}]`);
      return `a0: &a0 [x]\n${levels.join("\n")}\nvars: *a30\n`;
    },
    () => `a: &a { b: *a }\nvars: *a\n`,
    () => `${head}vars: ${"[".repeat(depth)}${"]".repeat(depth)}\n`,
    () => `${head}vars: ${"{a: ".repeat(depth)}x${"}".repeat(depth)}\n`,
    () =>
      `${head}sources:\n${Array.from({ length: Math.min(depth, 2_000) }, (_, level) => `${" ".repeat(level)}a:`).join("\n")}\n`,
    () =>
      `${head}sources: { ${Array.from({ length: Math.min(depth, 3_000) }, (_, n) => `s${n}: { type: property, table: T, key: K, fields: { name: N } }`).join(", ")} }\n`,
    () => `${head}vars: { a: ${"x".repeat(depth)} }\n`,
    () => `${head}vars: { ${"x".repeat(depth)}: a }\n`,
    () =>
      `${head}sources: { a: { type: property, table: T, key: K, fields: { name: "\${${"(".repeat(depth)}NAME${")".repeat(depth)}}" } } }\n`,
    () =>
      `${head}sources: { a: { type: property, table: T, key: K, fields: { name: "\${${"!".repeat(depth)}empty(N) ? 'a' : 'b'}" } } }\n`,
    () =>
      `${head}sources: { a: { type: property, query: "SELECT ${"(".repeat(depth)}1${")".repeat(depth)}", key: K, fields: { name: N } } }\n`,
    () =>
      `${head}sources: { a: { type: property, query: "SELECT '${"a' || '".repeat(Math.min(depth, 20_000))}'", key: K, fields: { name: N } } }\n`,
    () => `${head}types: { a: { text: "${"yyyy".repeat(depth)}" } }\n`,
    () => `${head}vars: { a: "${"\\x41".repeat(depth)}" }\n`,
    () => `${head}${"- ".repeat(depth)}x\n`,
    () => `${head}${"? ".repeat(depth)}x\n`,
    () => `${head}a: ${"!a ".repeat(Math.min(depth, 10_000))}x\n`,
    () => `${head}vars: { ${Array.from({ length: Math.min(depth, 3_000) }, (_, n) => `a: b${n}`).join(", ")} }\n`,
    () => JSON.stringify(someJson(chance)),
  ];
  return chance.pick(ways)();
}
