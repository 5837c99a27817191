import type { TdsDatabase } from "./database.ts";
import { nameOf } from "./ddl.ts";
import { closing, meaningful, splitAt, type Token, textOf } from "./lexer.ts";
import type { Permission, Securable } from "./permissions.ts";
import { SqlError, unknown } from "./sql-error.ts";

/** Rights that a table, a view or a procedure knows, and those that have columns (learn.microsoft.com, "GRANT Object Permissions"). */
const ofTables = [
  "SELECT",
  "INSERT",
  "UPDATE",
  "DELETE",
  "REFERENCES",
  "VIEW CHANGE TRACKING",
  "VIEW DEFINITION",
  "CONTROL",
  "ALTER",
];
const ofRoutines = ["EXECUTE", "VIEW DEFINITION", "CONTROL", "ALTER"];
const ofSequences = ["UPDATE", "REFERENCES", "VIEW DEFINITION", "CONTROL", "ALTER"];
const ofColumns = ["SELECT", "UPDATE", "REFERENCES"];
const ofServer = ["VIEW SERVER STATE", "VIEW ANY DEFINITION", "CONTROL SERVER", "ALTER ANY LOGIN"];

export function isPermissionStatement(words: readonly Token[]): boolean {
  const [first = "", second = ""] = words.map(({ value }) => value);
  return (
    ["GRANT", "REVOKE", "DENY"].includes(first) ||
    (["CREATE", "DROP"].includes(first) && ["LOGIN", "USER", "ROLE"].includes(second)) ||
    (first === "ALTER" && ["ROLE", "SERVER"].includes(second))
  );
}

/** GRANT, REVOKE and DENY, users, roles and their members. */
export function changePermissions(database: TdsDatabase, statement: readonly Token[]): void {
  const { permissions } = database;
  const words = meaningful(statement);
  const [first = "", second = "", third] = words.map(({ value }) => value);
  const name = (at: number): string => nameOf(words.slice(at, at + 1));
  switch (`${first} ${second}`) {
    case "CREATE LOGIN":
      permissions.logins.push(name(2));
      return;
    case "CREATE USER":
      permissions.addPrincipal(name(2), false);
      permissions.grant({ grantee: permissions.find(name(2)).id, right: "CONNECT", state: "G" });
      return;
    case "CREATE ROLE":
      permissions.addPrincipal(name(2), true);
      return;
    case "ALTER ROLE": {
      const pair: [number, number] = [permissions.find(name(2)).id, permissions.find(name(5)).id];
      change(permissions.members, pair, words[3]?.value);
      return;
    }
    case "ALTER SERVER":
      if (third !== "ROLE") break;
      change(permissions.serverMembers, [name(3), name(6)], words[4]?.value);
      return;
  }
  if (!["GRANT", "REVOKE", "DENY"].includes(first)) throw unknown(textOf(statement));
  changeRights(database, words);
}

function change<T>(pairs: [T, T][], [one, other]: [T, T], verb: string | undefined): void {
  const at = pairs.findIndex(([first, second]) => first === one && second === other);
  if (verb === "ADD" && at < 0) pairs.push([one, other]);
  if (verb === "DROP" && at >= 0) pairs.splice(at, 1);
}

function changeRights(database: TdsDatabase, words: readonly Token[]): void {
  const { permissions } = database;
  const verb = words[0]?.value;
  const optionOnly = words[1]?.value === "GRANT" && words[2]?.value === "OPTION";
  const to = words.findLastIndex(({ value }) => value === "TO" || value === "FROM");
  const on = words.findIndex(({ value }) => value === "ON");
  const name = nameOf(words.slice(to + 1, to + 2));
  const ending = words
    .slice(to + 2)
    .map(({ value }) => value)
    .join(" ");
  const rights = words.slice(optionOnly ? 4 : 1, on < 0 ? to : on);
  for (const [right, columns] of splitAt(rights, ({ text }) => text === ",").map(rightOf)) {
    if (ofServer.includes(right)) {
      changeServer(database, name, right, verb);
      continue;
    }
    const grantee = permissions.find(name).id;
    for (const securable of securablesOf(database, { right, columns, words: on < 0 ? [] : words.slice(on + 1, to) })) {
      const one: Omit<Permission, "state"> = { grantee, right, ...securable };
      if (verb === "REVOKE") permissions.revoke(one, { optionOnly, cascade: ending === "CASCADE" });
      else permissions.grant({ ...one, state: verb === "DENY" ? "D" : ending === "WITH GRANT OPTION" ? "W" : "G" });
    }
  }
}

function changeServer({ permissions }: TdsDatabase, login: string, right: string, verb: string | undefined): void {
  const at = permissions.serverGranted.findIndex((one) => one.login === login && one.right === right);
  if (verb === "GRANT" && at < 0) permissions.serverGranted.push({ login, right });
  if (verb === "REVOKE" && at >= 0) permissions.serverGranted.splice(at, 1);
}

/** `SELECT (a, b)`: the right and its columns. */
function rightOf(tokens: readonly Token[]): [right: string, columns: readonly string[]] {
  const open = tokens.findIndex(({ text }) => text === "(");
  const right = tokens
    .slice(0, open < 0 ? undefined : open)
    .map(({ value }) => value)
    .join(" ");
  if (open < 0) return [right, []];
  return [right, splitAt(tokens.slice(open + 1, closing(tokens, open)), ({ text }) => text === ",").map(nameOf)];
}

function securablesOf(
  database: TdsDatabase,
  { right, columns, words }: { right: string; columns: readonly string[]; words: readonly Token[] },
): Securable[] {
  if (words.length === 0) return [{}];
  const kind = words[1]?.text === ":" ? words[0]?.value : "OBJECT";
  if (kind === "SCHEMA") return [{ schema: true }];
  const name = nameOf(words);
  const table = database.catalogue.find(name);
  const known = table
    ? ofTables
    : database.routines.has(name.toLowerCase())
      ? database.routines.get(name.toLowerCase())?.kind === "IF"
        ? ofTables
        : ofRoutines
      : database.sequences.has(name.toLowerCase())
        ? ofSequences
        : undefined;
  if (known === undefined)
    throw new SqlError(15_151, `Cannot find the object '${name}', because it does not exist or you do not have permission.`);
  if (!known.includes(right)) throw new SqlError(4606, `Granted or revoked privilege ${right} is not compatible with object.`);
  if (columns.length === 0) return [{ object: name.toLowerCase() }];
  if (!ofColumns.includes(right))
    throw new SqlError(
      1020,
      "Sub-entity lists (such as column or security expressions) cannot be specified for entity-level permissions.",
    );
  return columns.map((column) => {
    if (!table?.columns.some((one) => one.name.toLowerCase() === column.toLowerCase()))
      throw new SqlError(1911, `Column name '${column}' does not exist in the target table or view.`);
    return { object: name.toLowerCase(), column: column.toLowerCase() };
  });
}
