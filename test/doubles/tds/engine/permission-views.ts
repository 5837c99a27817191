import type { DatabaseSync } from "node:sqlite";
import type { Cell } from "../wire-types.ts";
import { fillView } from "./catalogue.ts";
import type { TdsDatabase } from "./database.ts";
import type { Permission } from "./permissions.ts";

/** Ids of logins and server roles. */
const firstLogin = 256n;
const serverRoles = ["public", "sysadmin", "securityadmin", "serveradmin", "processadmin", "dbcreator", "bulkadmin"];

/** Writes down what the server's views tell of users, roles and rights. */
export function fillPermissions(on: DatabaseSync, database: TdsDatabase): void {
  const { permissions } = database;
  for (const name of database.sequences.keys())
    on.prepare(`INSERT INTO main."sys.objects" VALUES (?, 1, ?, 'SO', 0, NULL)`).run(database.idOf(name) ?? 0, name);
  fillView(on, "sys.schemas", [[1n, "dbo", 1n]]);
  const principals = permissions.principals.map(({ id, name, role }) => [BigInt(id), name, role ? "R" : "S"]);
  fillView(on, "sys.database_principals", principals);
  const members = permissions.members.map(([role, member]) => [BigInt(role), BigInt(member)]);
  fillView(on, "sys.database_role_members", members);
  fillView(
    on,
    "sys.database_permissions",
    permissions.granted.map((one) => [...placeOf(database, one), BigInt(one.grantee), one.right, one.state]),
  );
  const roles = serverRoles.map((name, index): Cell[] => [BigInt(index + 2), name, "R"]);
  const logins = permissions.logins.map((name, index): Cell[] => [firstLogin + BigInt(index), name, "S"]);
  fillView(on, "sys.server_principals", [...roles, ...logins]);
  const idOf = (name: string): Cell => [...roles, ...logins].find(([, known]) => known === name)?.[0] ?? null;
  const serverMembers = permissions.serverMembers.map(([role, login]) => [idOf(role), idOf(login)]);
  fillView(on, "sys.server_role_members", serverMembers);
  const granted = permissions.serverGranted.map(({ login, right }) => [100n, idOf(login), right, "G"]);
  fillView(on, "sys.server_permissions", [...granted, ...logins.map(([id]) => [100n, id ?? null, "CONNECT SQL", "G"])]);
}

/** Class, object and column. */
function placeOf(database: TdsDatabase, { object, column, schema }: Permission): bigint[] {
  if (object === undefined) return schema ? [3n, 1n, 0n] : [0n, 0n, 0n];
  const table = database.catalogue.find(object);
  const at = table?.columns.findIndex(({ name }) => name.toLowerCase() === column) ?? -1;
  return [1n, BigInt(database.idOf(object) ?? 0), BigInt(at + 1)];
}
