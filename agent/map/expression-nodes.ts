/** The nodes of a checked expression as closures. Types were settled by the check, so that values alone decide here. */
import type { ASTNode } from "@marcbachmann/cel-js";
import type { Zone } from "./calendar.ts";
import { type CelValue, ExpressionFailure } from "./cel-values.ts";
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
import { functions, isEmpty } from "./expression-functions.ts";
import { methods, NotInLanguage, recordAccess, type Vocabulary } from "./language.ts";

export type Node<F> = (frame: F) => CelValue;

export function compileNode<F>(node: ASTNode, vocabulary: Vocabulary<F>): Node<F> {
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
    case "call": {
      const empty = emptyCall(node, inner);
      if (empty !== undefined) return (frame) => isEmpty(empty(frame));
      return callNode(node.args[0], node.args[1].map(inner), vocabulary.zone);
    }
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
      const empty = emptyCall(node.args, inner);
      if (empty !== undefined) return (frame) => !isEmpty(empty(frame));
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

/** The argument of `empty(x)`: the condition of most rows, so it goes without lists of arguments. */
function emptyCall<F>(node: ASTNode, inner: (child: ASTNode) => Node<F>): Node<F> | undefined {
  if (node.op !== "call" || node.args[0] !== "empty") return undefined;
  return inner(node.args[1][0] as ASTNode);
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
