import { constants, type DatabaseSync, type StatementSync } from "node:sqlite";
import type { TdsDatabase } from "./database.ts";
import type { Principal } from "./permissions.ts";
import { SqlError } from "./sql-error.ts";

export interface Authority {
  /** @throws SqlError what the user may not */
  prepare(text: string): StatementSync;
  /** Users read and write; what there is, and who may, is the owner's. */
  requireOwner(text: string): void;
  requireExecute(name: string): void;
  /** What a procedure does is allowed to it, and not to its caller (ownership chains). */
  within<T>(work: () => AsyncGenerator<T>): AsyncGenerator<T>;
}

/** Views of which a user sees a part: what he has a right on, and what is said of himself. */
const visible = [
  ["sys.objects", "tsql_sees(object_id)"],
  ["sys.columns", "tsql_sees(object_id)"],
  ["sys.database_permissions", "database_principal_id() = 1 OR grantee_principal_id IN (0, database_principal_id())"],
  ["sys.database_role_members", "database_principal_id() = 1 OR member_principal_id = database_principal_id()"],
] as const;

/** What a session's user may: the engine asks, for each column and table that a statement touches. */
export function authorize(connection: DatabaseSync, database: TdsDatabase, user: () => Principal): Authority {
  const { permissions, catalogue } = database;
  let denied: SqlError | undefined;
  let depth = 0;
  const deny = (right: string, table: string, column?: string): number => {
    const where = `the object '${table}', database '${database.options.name}', schema 'dbo'.`;
    denied ??=
      column === undefined
        ? new SqlError(229, `The ${right} permission was denied on ${where}`, { state: 5, severity: 14 })
        : new SqlError(230, `The ${right} permission was denied on the column '${column}' of ${where}`, {
            state: 1,
            severity: 14,
          });
    return constants.SQLITE_DENY;
  };
  const judge = (right: string, name: string, column: string | null): number => {
    const table = catalogue.find(name);
    if (table === undefined) return constants.SQLITE_OK;
    const object = table.name.toLowerCase();
    const may = (one?: string): boolean => permissions.may(user(), right, { object, column: one?.toLowerCase() });
    const any = may() || table.columns.some((one) => may(one.name));
    if (!any) return deny(right, table.name);
    const known = table.columns.find((one) => one.name.toLowerCase() === column?.toLowerCase());
    return known === undefined || may(known.name) ? constants.SQLITE_OK : deny(right, table.name, known.name);
  };
  connection.setAuthorizer((...[action, first, second, , within]) => {
    // What triggers and views do is theirs.
    if (depth > 0 || within !== null || first === null || permissions.isOwner(user())) return constants.SQLITE_OK;
    switch (action) {
      case constants.SQLITE_READ:
        if (first.startsWith("ct."))
          return judge("VIEW CHANGE TRACKING", first.slice(3), null) || judge("SELECT", first.slice(3), second);
        return judge("SELECT", first, second);
      case constants.SQLITE_INSERT:
        return judge("INSERT", first, null);
      case constants.SQLITE_UPDATE:
        return judge("UPDATE", first, second);
      case constants.SQLITE_DELETE:
        return judge("DELETE", first, null);
      default:
        return constants.SQLITE_OK;
    }
  });
  for (const [view, condition] of visible)
    connection.exec(`CREATE TEMP VIEW "${view}" AS SELECT * FROM main."${view}" WHERE ${condition}`);
  return {
    prepare(text) {
      denied = undefined;
      try {
        return connection.prepare(text);
      } catch (error) {
        throw denied ?? error;
      }
    },
    requireOwner(text) {
      if (permissions.isOwner(user())) return;
      const words = text.trim().split(/\s+/, 2).join(" ");
      throw new SqlError(262, `${words} permission denied in database '${database.options.name}'.`, { severity: 14 });
    },
    requireExecute(name) {
      if (permissions.may(user(), "EXECUTE", { object: name.toLowerCase() })) return;
      const where = `the object '${name}', database '${database.options.name}', schema 'dbo'.`;
      throw new SqlError(229, `The EXECUTE permission was denied on ${where}`, { state: 5, severity: 14 });
    },
    async *within(work) {
      depth += 1;
      try {
        yield* work();
      } finally {
        depth -= 1;
      }
    },
  };
}
