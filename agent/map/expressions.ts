/**
 * Expressions `${...}`: CEL, parsed and type-checked by @marcbachmann/cel-js when the configuration is loaded, then compiled to closures.
 *
 * Null flows as in SQL, because every column may be null: an operator or function on null gives null, `&&` and `||` know three values, and a
 * condition that comes out as null is not met. So `NAME2 == ''`, `NAME2 != ''` and `!(NAME2 == '')` are all false where NAME2 is null. `empty(x)`,
 * `coalesce(x, y)`, `x == null` and `x != null` look at null itself.
 */
import type { ASTNode, Environment } from "@marcbachmann/cel-js";
import { didYouMean } from "../../base/nearest.ts";
import type { Expression, Fault } from "../../config/config.ts";
import { celTypeOf, checkerNames, ExpressionFailure } from "./cel-values.ts";
import { functions, literalFault } from "./expression-functions.ts";
import { compileNode } from "./expression-nodes.ts";
import { type Compiled, language, methods, NotInLanguage, recordAccess, type Vocabulary, visit } from "./language.ts";

/** An environment for one vocabulary: made once per source or command, used for all of its expressions. */
export function openLanguage<F>(vocabulary: Vocabulary<F>): (expression: Expression) => Compiled<F> | Fault {
  const environment = language.clone();
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
  const isCondition = type === "boolean";
  return {
    type,
    evaluate(frame) {
      try {
        const value = node(frame);
        return isCondition ? value === true : value;
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
