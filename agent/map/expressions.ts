/**
 * Expressions `${...}`: CEL, parsed and type-checked by @marcbachmann/cel-js when the configuration is loaded, then compiled to closures.
 *
 * Null flows as in SQL, because every column may be null: an operator or function on null gives null, `&&` and `||` know three values, and a
 * condition that comes out as null is not met. So `NAME2 == ''`, `NAME2 != ''` and `!(NAME2 == '')` are all false where NAME2 is null. `empty(x)`,
 * `coalesce(x, y)`, `x == null` and `x != null` look at null itself.
 */
import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import type { Expression, Fault } from "../../config/config.ts";
import type { Zone } from "./calendar.ts";
import { type CelType, type CelValue, celTypeOf, checkerNames, ExpressionFailure } from "./cel-values.ts";
import {
  addDecimals,
  compareDecimals,
  type Decimal,
  decimalOfInteger,
  divideDecimals,
  multiplyDecimals,
  negateDecimal,
  parseDecimal,
} from "./decimal.ts";
import { comparable, functions, literalFault } from "./expression-functions.ts";
import { didYouMean } from "./nearest.ts";

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

type Node<F> = (frame: F) => CelValue;

class NotInLanguage extends Error {
  readonly remedy: string;

  constructor(message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, options);
    this.remedy = options.remedy ?? "See the reference page of expressions.";
  }
}

const base = languageOf();

/** CEL's own environment with our types, operators and functions. Their handlers never run: closures of this file do. */
function languageOf(): Environment {
  const unused = (): never => {
    throw new Error("expressions are evaluated by agent/map/expressions.ts");
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
    visit(base.parse(cel).ast, (node) => {
      if (node.op === "id") names.add(node.args);
      if (node.op === "[]" && node.args[0].op === "id" && node.args[0].args === "row" && typeof node.args[1].args === "string")
        names.add(node.args[1].args);
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
  visit(base.parse(cel).ast, (node) => {
    if (node.op === "call" && node.args[0] === "key" && node.args[1][0]?.op === "id") fields.push(node.args[1][0].args);
  });
  return fields;
}

function visit(node: ASTNode, look: (node: ASTNode) => void): void {
  look(node);
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const inner of value) walk(inner);
    else if (typeof value === "object" && value !== null && "op" in value && "args" in value) visit(value as ASTNode, look);
  };
  walk(node.args);
}

/** An environment for one vocabulary: made once per source or command, used for all of its expressions. */
export function openLanguage<F>(vocabulary: Vocabulary<F>): (expression: Expression) => Compiled<F> | Fault {
  const environment = base.clone();
  const declare = (name: string, type: string): void => {
    try {
      environment.registerVariable(name, type);
    } catch {
      // A reserved word of CEL: such a column is reached as row["name"].
    }
  };
  for (const [name, variable] of vocabulary.variables) declare(name, checkerNames[variable.type]);
  for (const [name, fields] of vocabulary.records) {
    const types = Object.fromEntries([...fields].map(([field, variable]) => [field, checkerNames[variable.type]]));
    environment.registerType(`Record.${name}`, { ctor: class {}, fields: types });
    declare(name, `Record.${name}`);
  }
  return (expression) => {
    try {
      return compile(expression, environment, vocabulary);
    } catch (error) {
      if (!(error instanceof NotInLanguage)) throw error;
      return { ...expression.at, message: `\${${expression.cel}}: ${error.message}`, remedy: error.remedy };
    }
  };
}

function compile<F>(expression: Expression, environment: Environment, vocabulary: Vocabulary<F>): Compiled<F> {
  let ast: ASTNode;
  try {
    ast = environment.parse(expression.cel).ast;
  } catch (error) {
    throw new NotInLanguage(summaryOf(error), { cause: error });
  }
  checkNames(ast, vocabulary);
  const checked = environment.check(expression.cel);
  if (!checked.valid) throw new NotInLanguage(summaryOf(checked.error), remedyOf(checked.error));
  const type = celTypeOf(checked.type as string);
  if (type === undefined) throw new NotInLanguage(`it gives a ${checked.type}, which no field or column can take`);
  const node = compileNode(ast, vocabulary);
  const run: Node<F> = type === "boolean" ? (frame) => node(frame) === true : node;
  return {
    type,
    evaluate(frame) {
      try {
        return run(frame);
      } catch (error) {
        if (error instanceof ExpressionFailure) throw error;
        // Range errors of BigInt and the like: the row is at fault, not the program; no value may get into the text.
        throw new ExpressionFailure("it can't be computed", { cause: error });
      }
    },
  };
}

function summaryOf(error: unknown): string {
  const summary = (error as { summary?: string }).summary ?? (error as Error).message;
  const operator = /^no such overload: (\S+) (\S+) (\S+)$/.exec(summary);
  return operator ? `${operator[2]} between ${nameOf(operator[1])} and ${nameOf(operator[3])}` : summary;
}

function nameOf(checkerName: string | undefined): string {
  return celTypeOf(checkerName ?? "") ?? String(checkerName);
}

function remedyOf(error: unknown): { remedy?: string } {
  return summaryOf(error).includes(" between ")
    ? { remedy: "Bring both sides to one type with string(), int(), decimal() or date()." }
    : {};
}

/** Names first: CEL's own message for an unknown one has no neighbour. */
function checkNames<F>(ast: ASTNode, vocabulary: Vocabulary<F>): void {
  const known = (): string[] => [
    ...new Set([...vocabulary.variables.keys(), ...vocabulary.nearby, ...vocabulary.records.keys()]),
  ];
  visit(ast, (node) => {
    if (node.op === "id" && !vocabulary.variables.has(node.args) && !vocabulary.records.has(node.args)) {
      if (node.args === "now")
        throw new NotInLanguage("now does not exist when reading: a row must map to the same entity at any time");
      throw new NotInLanguage(`${node.args} is not known here`, { remedy: didYouMean(node.args, known()) });
    }
    if (node.op === "call" && !Object.hasOwn(functions, node.args[0]) && !(node.args[0] === "key" && vocabulary.keyPart)) {
      throw new NotInLanguage(`there is no function ${node.args[0]}()`, {
        remedy: didYouMean(node.args[0], Object.keys(functions)),
      });
    }
    if (node.op === "rcall" && !Object.hasOwn(methods, node.args[0])) {
      throw new NotInLanguage(`there is no method .${node.args[0]}()`, {
        remedy: didYouMean(node.args[0], Object.keys(methods)),
      });
    }
    const called = node.op === "call" ? node.args[1][1] : node.op === "rcall" ? node.args[2][0] : undefined;
    if ((node.op === "call" || node.op === "rcall") && called?.op === "value" && typeof called.args === "string") {
      const wrong = literalFault(node.args[0], called.args);
      if (wrong !== undefined) throw new NotInLanguage(wrong);
    }
    const record = recordAccess(node);
    const fields = record && vocabulary.records.get(record.name);
    if (record && fields && !fields.has(record.field)) {
      throw new NotInLanguage(`${record.name}.${record.field} is not known`, {
        remedy: didYouMean(record.field, [...fields.keys()]),
      });
    }
  });
}

function recordAccess(node: ASTNode): { name: string; field: string } | undefined {
  if (node.op === "." && node.args[0].op === "id") return { name: node.args[0].args, field: node.args[1] };
  if (node.op === "[]" && node.args[0].op === "id" && typeof node.args[1].args === "string")
    return { name: node.args[0].args, field: node.args[1].args };
  return undefined;
}

/** Methods of CEL that are functions of ours by another spelling: `NAME.startsWith('x')`. */
const methods: Readonly<Record<string, string>> = {
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

function compileNode<F>(node: ASTNode, vocabulary: Vocabulary<F>): Node<F> {
  const inner = (child: ASTNode): Node<F> => compileNode(child, vocabulary);
  switch (node.op) {
    case "value": {
      const literal = literalOf(node);
      return () => literal;
    }
    case "id": {
      const variable = vocabulary.variables.get(node.args);
      if (variable === undefined) throw new NotInLanguage(`${node.args} must be followed by a name: ${node.args}.name`);
      return (frame) => variable.read(frame);
    }
    case ".":
    case "[]":
      return accessNode(node, vocabulary);
    case "call":
      return callNode(node.args[0], node.args[1].map(inner), vocabulary.zone);
    case "rcall":
      return callNode(methods[node.args[0]] as string, [node.args[1], ...node.args[2]].map(inner), vocabulary.zone);
    case "list": {
      const items = node.args.map(inner);
      return (frame) => items.map((item) => item(frame)).filter((item) => item !== null) as string[];
    }
    case "?:": {
      const [condition, met, unmet] = node.args.map(inner) as [Node<F>, Node<F>, Node<F>];
      return (frame) => (condition(frame) === true ? met(frame) : unmet(frame));
    }
    case "&&":
    case "||":
      return logicNode(node.op === "||", inner(node.args[0]), inner(node.args[1]));
    case "!_": {
      const operand = inner(node.args);
      return (frame) => {
        const value = operand(frame);
        return value === null ? null : !value;
      };
    }
    case "-_": {
      const operand = inner(node.args);
      return (frame) => {
        const value = operand(frame);
        return value === null ? null : typeof value === "bigint" ? -value : negateDecimal(value as Decimal);
      };
    }
    case "in": {
      const [item, list] = node.args.map(inner) as [Node<F>, Node<F>];
      return (frame) => {
        const wanted = item(frame);
        return wanted === null ? null : (list(frame) as readonly string[]).some((value) => compareValues(value, wanted) === 0);
      };
    }
    default:
      return binaryNode(node, inner);
  }
}

function literalOf(node: ASTNode & { op: "value" }): CelValue {
  const value = node.args;
  if (typeof value === "number") {
    const exact = parseDecimal(node.input.slice(node.start, node.end).replace(/^\+/, ""));
    if (exact === undefined) throw new NotInLanguage("a number is not written as a plain decimal");
    return exact;
  }
  if (typeof value === "object" && value !== null)
    throw new NotInLanguage("bytes and unsigned numbers are not part of the language");
  return value;
}

function accessNode<F>(node: ASTNode, vocabulary: Vocabulary<F>): Node<F> {
  const record = recordAccess(node);
  const variable = record && vocabulary.records.get(record.name)?.get(record.field);
  if (variable) return (frame) => variable.read(frame);
  const [target, part] = node.args as [ASTNode, string | ASTNode];
  const column = typeof part === "string" ? part : part.op === "value" ? part.args : undefined;
  if (target.op === "call" && target.args[0] === "key" && typeof column === "string" && vocabulary.keyPart) {
    const id = target.args[1][0] as ASTNode;
    if (id.op !== "id") throw new NotInLanguage("key() takes the name of a field");
    const found = vocabulary.keyPart(id.args, column);
    if (typeof found === "string") throw new NotInLanguage(found);
    return (frame) => found.read(frame);
  }
  if (node.op === "[]" && target.op !== "id") {
    const list = compileNode(target, vocabulary);
    const index = compileNode(part as ASTNode, vocabulary);
    return (frame) => {
      const [items, at] = [list(frame), index(frame)];
      return items === null || at === null ? null : ((items as readonly string[])[Number(at)] ?? null);
    };
  }
  throw new NotInLanguage("only records and lists have parts");
}

function callNode<F>(name: string, args: readonly Node<F>[], zone: Zone): Node<F> {
  const rule = functions[name];
  if (rule === undefined) throw new NotInLanguage(`${name}() must be followed by a part: ${name}(field).COLUMN`);
  if (rule.takesNull)
    return (frame) =>
      rule.run(
        args.map((arg) => arg(frame)),
        zone,
      );
  return (frame) => {
    const values: CelValue[] = [];
    for (const arg of args) {
      const value = arg(frame);
      if (value === null) return null;
      values.push(value);
    }
    return rule.run(values, zone);
  };
}

/** Kleene's logic: `decisive` (true for ||) settles it whatever the other side is; else null stays null. */
function logicNode<F>(decisive: boolean, left: Node<F>, right: Node<F>): Node<F> {
  return (frame) => {
    const first = left(frame);
    if (first === decisive) return decisive;
    const second = right(frame);
    if (second === decisive) return decisive;
    return first === null || second === null ? null : !decisive;
  };
}

const isNull = (node: ASTNode): boolean => node.op === "value" && node.args === null;

function binaryNode<F>(node: ASTNode, inner: (child: ASTNode) => Node<F>): Node<F> {
  const operate = operators[node.op];
  if (operate === undefined) throw new NotInLanguage(`${node.op} is not part of the language`);
  const [leftNode, rightNode] = node.args as [ASTNode, ASTNode];
  const [left, right] = [inner(leftNode), inner(rightNode)];
  if (isNull(leftNode) || isNull(rightNode)) {
    const other = isNull(leftNode) ? right : left;
    return node.op === "==" ? (frame) => other(frame) === null : (frame) => other(frame) !== null;
  }
  return (frame) => {
    const a = left(frame);
    if (a === null) return null;
    const b = right(frame);
    return b === null ? null : operate(a, b);
  };
}

type Known = Exclude<CelValue, null>;

/** Order of two values of one type; a decimal and an integer are compared as numbers. */
function compareValues(a: Known, b: Known): number {
  if (typeof a === "object" || typeof b === "object") {
    if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, index) => item === b[index]) ? 0 : 1;
    return compareDecimals(asDecimal(a), asDecimal(b));
  }
  return a === b ? 0 : a < b ? -1 : 1;
}

function asDecimal(value: Known): Decimal {
  return typeof value === "bigint" ? decimalOfInteger(value) : (value as Decimal);
}

const bothIntegers = (a: Known, b: Known): boolean => typeof a === "bigint" && typeof b === "bigint";

const operators: Readonly<Record<string, (a: Known, b: Known) => CelValue>> = {
  "==": (a, b) => compareValues(a, b) === 0,
  "!=": (a, b) => compareValues(a, b) !== 0,
  "<": (a, b) => compareValues(a, b) < 0,
  "<=": (a, b) => compareValues(a, b) <= 0,
  ">": (a, b) => compareValues(a, b) > 0,
  ">=": (a, b) => compareValues(a, b) >= 0,
  "+": (a, b) => {
    if (typeof a === "string") return a + (b as string);
    if (bothIntegers(a, b)) return (a as bigint) + (b as bigint);
    if (Array.isArray(a)) return [...a, ...(b as readonly string[])];
    return addDecimals(asDecimal(a), asDecimal(b));
  },
  "-": (a, b) => (bothIntegers(a, b) ? (a as bigint) - (b as bigint) : addDecimals(asDecimal(a), negateDecimal(asDecimal(b)))),
  "*": (a, b) => (bothIntegers(a, b) ? (a as bigint) * (b as bigint) : multiplyDecimals(asDecimal(a), asDecimal(b))),
  "/": (a, b) => {
    const quotient = bothIntegers(a, b)
      ? b === 0n
        ? undefined
        : (a as bigint) / (b as bigint)
      : divideDecimals(asDecimal(a), asDecimal(b));
    if (quotient === undefined) throw new ExpressionFailure("division by zero");
    return quotient;
  },
  "%": (a, b) => {
    if (b === 0n) throw new ExpressionFailure("division by zero");
    return (a as bigint) % (b as bigint);
  },
};
