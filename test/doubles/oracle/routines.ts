// Procedures and functions of the double: what CREATE PROCEDURE says of them goes into the dictionary, their bodies are run by blocks.ts.
import type { DatabaseSync } from "node:sqlite";
import { OracleError } from "../tns/database.ts";
import { splitList } from "./catalogue.ts";

export interface Routine {
  name: string;
  parameters: readonly { name: string; mode: "IN" | "OUT" | "IN/OUT"; type: string; fallback: string | undefined }[];
  /** Type of what a function gives. */
  returns: string | undefined;
  /** Statements between BEGIN and END. */
  body: string;
}

/** Carries out `CREATE [OR REPLACE] PROCEDURE name (parameters) IS BEGIN … END;` and the same of a function. */
export function createRoutine(database: DatabaseSync, owner: string, text: string): Routine {
  const match =
    /^CREATE (?:OR REPLACE )?(PROCEDURE|FUNCTION) (\w+)\s*(?:\((.*?)\))?(?:\s+RETURN (\w+))?\s+(?:IS|AS)\s+BEGIN\s+(.*)\bEND;\s*$/is.exec(
      text,
    );
  if (!match) throw new OracleError(900, `the double does not know this DDL: ${text}`);
  const [, kind = "", called = "", list, returns, body = ""] = match;
  const name = called.toUpperCase();
  const parameters = (list === undefined ? [] : splitList(list)).map((part) => {
    const [, of = "", mode, type = "", fallback] =
      /^(\w+)(?:\s+(IN OUT|IN|OUT))?\s+(\w+)(?:\s+DEFAULT\s+(.*))?$/is.exec(part) ?? [];
    if (type === "") throw new OracleError(900, `the double does not know this parameter: ${part}`);
    const way = mode?.toUpperCase() === "IN OUT" ? "IN/OUT" : mode?.toUpperCase() === "OUT" ? "OUT" : "IN";
    return { name: of.toUpperCase(), mode: way, type: typeName(type), fallback } as const;
  });
  const routine = { name, parameters, returns: returns === undefined ? undefined : typeName(returns), body };
  dropRoutine(database, name);
  register(database, { owner, kind: kind.toUpperCase(), routine, text });
  return routine;
}

/** As ALL_ARGUMENTS calls it. */
const typeName = (type: string): string =>
  ({ SYS_REFCURSOR: "REF CURSOR", BOOLEAN: "PL/SQL BOOLEAN" })[type.toUpperCase()] ?? type.toUpperCase();

interface Registered {
  owner: string;
  kind: string;
  routine: Routine;
  text: string;
}

function register(database: DatabaseSync, { owner, kind, routine, text }: Registered): void {
  const { name, parameters, returns } = routine;
  const [row] = database.prepare("SELECT coalesce(max(OBJECT_ID), 1000) + 1 AS id FROM ALL_PROCEDURES").all() as { id: number }[];
  const id = row?.id as number;
  database.prepare("INSERT INTO ALL_PROCEDURES VALUES (?, ?, NULL, ?, ?, 1)").run(owner, name, kind, id);
  const argument = database.prepare("INSERT INTO ALL_ARGUMENTS VALUES (?, 1, ?, ?, ?, 0, ?, ?, ?)");
  if (returns !== undefined) argument.run(id, null, 0, 1, returns, "OUT", "N");
  for (const [index, { name: called, mode, type, fallback }] of parameters.entries())
    argument.run(id, called, index + 1, index + 2, type, mode, fallback === undefined ? "N" : "Y");
  const line = database.prepare("INSERT INTO ALL_SOURCE VALUES (?, ?, ?, ?, ?)");
  for (const [index, part] of text.split("\n").entries()) line.run(owner, name, kind, index + 1, `${part}\n`);
}

export function dropRoutine(database: DatabaseSync, name: string): void {
  database
    .prepare("DELETE FROM ALL_ARGUMENTS WHERE OBJECT_ID IN (SELECT OBJECT_ID FROM ALL_PROCEDURES WHERE OBJECT_NAME = ?)")
    .run(name);
  database.prepare("DELETE FROM ALL_PROCEDURES WHERE OBJECT_NAME = ? AND PROCEDURE_NAME IS NULL").run(name);
  database.prepare("DELETE FROM ALL_SOURCE WHERE NAME = ?").run(name);
}
