/** What expressions may name, and the language's own environment: CEL with our types, operators and functions. */
import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import type { Zone } from "./calendar.ts";
import type { CelType, CelValue } from "./cel-values.ts";
import { comparable, functions } from "./expression-functions.ts";

/** A name that expressions may use, and where its value is in a frame `F` (a row, a command). */
export interface Variable<F> {
  type: CelType;
  read(frame: F): CelValue;
}

/** What an expression may name. */
export interface Vocabulary<F> {
  variables: ReadonlyMap<string, Variable<F>>;
  /** Records with named texts: `vars`, `command`. */
  records: ReadonlyMap<string, ReadonlyMap<string, Variable<F>>>;
  /** `key(id).COLUMN`, when writing: gives the reader of a part, or says why there is none. */
  keyPart?: (field: string, column: string) => Variable<F> | string;
  /** Further names that a misspelt one may have meant. */
  nearby: readonly string[];
  zone: Zone;
}

export interface Compiled<F> {
  type: CelType;
  /** Throws ExpressionFailure, and nothing else. A boolean is never null. */
  evaluate(frame: F): CelValue;
}

/** An expression that is faulty as it is written. */
export class NotInLanguage extends Error {
  readonly remedy: string;

  constructor(message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, options);
    this.remedy = options.remedy ?? "See the reference page of expressions.";
  }
}

export const language = languageOf();

/** CEL's own environment with our types, operators and functions. Their handlers never run: the closures of expression-nodes.ts do. */
function languageOf(): Environment {
  const unused = (): never => {
    throw new Error("expressions are evaluated by agent/map/expression-nodes.ts");
  };
  const environment = new Environment({ limits: { maxAstNodes: 2_000, maxDepth: 60 } });
  for (const name of ["Decimal", "Date", "Time", "DateTime", "Instant"]) {
    environment.registerType(name, { ctor: class {}, fields: {} });
  }
  const order = ["<", "<=", ">", ">="];
  for (const type of ["Date", "Time", "DateTime", "Instant"])
    for (const op of ["==", ...order]) environment.registerOperator(`${type} ${op} ${type}`, unused);
  for (const other of ["Decimal", "int", "double"]) {
    for (const op of ["==", ...order]) {
      environment.registerOperator(`Decimal ${op} ${other}`, unused);
      // CEL registers `a == b` for both orders.
      if (other !== "Decimal" && op !== "==") environment.registerOperator(`${other} ${op} Decimal`, unused);
    }
    for (const op of ["+", "-", "*", "/"]) {
      environment.registerOperator(`Decimal ${op} ${other}: Decimal`, unused);
      if (other !== "Decimal") environment.registerOperator(`${other} ${op} Decimal: Decimal`, unused);
    }
  }
  environment.registerOperator("-Decimal", unused);
  for (const type of comparable) environment.registerOperator(`${type} == null`, unused);
  for (const rule of Object.values(functions))
    for (const signature of rule.signatures) environment.registerFunction(signature, unused);
  environment.registerFunction("key(string): map<string, string>", unused);
  return environment;
}

/** Free names of an expression, in order of appearance; undefined when it does not parse. Names of records are among them. */
export function namesIn(cel: string): string[] | undefined {
  try {
    const names = new Set<string>();
    visit(language.parse(cel).ast, (node) => {
      if (node.op === "id") names.add(node.args);
      const record = recordAccess(node);
      if (record?.name === "row") names.add(record.field);
    });
    names.delete("row");
    return [...names];
  } catch {
    return undefined;
  }
}

/** Fields that `key(field)` is called with. */
export function keyFieldsIn(cel: string): string[] {
  const fields: string[] = [];
  visit(language.parse(cel).ast, (node) => {
    if (node.op === "call" && node.args[0] === "key" && node.args[1][0]?.op === "id") fields.push(node.args[1][0].args);
  });
  return fields;
}

/** Looks at every node of an expression, from the top. */
export function visit(node: ASTNode, look: (node: ASTNode) => void): void {
  look(node);
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const inner of value) walk(inner);
    else if (typeof value === "object" && value !== null && "op" in value && "args" in value) visit(value as ASTNode, look);
  };
  walk(node.args);
}

/** `vars.mandant`, `row.NAME` and `row["name"]`. */
export function recordAccess(node: ASTNode): { name: string; field: string } | undefined {
  if (node.op === "." && node.args[0].op === "id") return { name: node.args[0].args, field: node.args[1] };
  if (node.op === "[]" && node.args[0].op === "id" && typeof node.args[1].args === "string")
    return { name: node.args[0].args, field: node.args[1].args };
  return undefined;
}

/** Methods of CEL that are functions of ours by another spelling: `NAME.startsWith('x')`. */
export const methods: Readonly<Record<string, string>> = {
  contains: "contains",
  startsWith: "startsWith",
  endsWith: "endsWith",
  matches: "matches",
  size: "size",
  trim: "trim",
  split: "split",
  join: "join",
  substring: "substring",
};
