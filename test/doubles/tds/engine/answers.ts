import type { Cell } from "../wire-types.ts";
import type { TdsDatabase } from "./database.ts";
import type { Answers } from "./functions.ts";
import { SqlError, unknown } from "./sql-error.ts";

/** Who asks. */
export interface Asker {
  readonly id: number;
  readonly login: string;
  /** A ROWVERSION for a row that is being written. */
  nextVersion(): bigint;
  /** The version under which change tracking tells of what is being written. */
  trackVersion(): bigint;
}

const properties: Readonly<Record<string, string>> = {
  ProductVersion: "16.0.4135.4",
  Edition: "Developer Edition (64-bit)",
  Updateability: "READ_WRITE",
  Collation: "Latin1_General_CI_AS",
};

/** The functions of T-SQL that the connector and its suites use. */
export function answersFor(database: TdsDatabase, asker: Asker): Answers {
  const { catalogue, routines, sequences, options } = database;
  const flag = (value: boolean): bigint => (value ? 1n : 0n);
  const bare = (name: Cell): string =>
    String(name)
      .replace(/^\[?dbo\]?\./i, "")
      .replace(/^\[(.*)\]$/, "$1");
  const { permissions } = database;
  const user = () => permissions.userOf(asker.login);
  const idOf = (name: Cell): bigint | null => {
    const object = bare(name).toLowerCase();
    const id = database.idOf(object);
    return id === undefined || !permissions.sees(user(), object) ? null : BigInt(id);
  };
  const may = ([securable, kind, right, column]: Cell[]): Cell => {
    if (securable === null) {
      const granted = permissions.serverGranted.some((one) => one.login === asker.login && one.right === right);
      return flag(granted || permissions.isServerMember("sysadmin", asker.login) || user().id === 1);
    }
    if (kind === "DATABASE") return flag(permissions.may(user(), String(right), {}));
    // What does not exist, or is not seen, is neither allowed nor denied.
    if (idOf(securable ?? null) === null) return null;
    const object = bare(securable ?? null).toLowerCase();
    return flag(permissions.may(user(), String(right), { object, column: column ? bare(column).toLowerCase() : undefined }));
  };
  const byId = (id: Cell) => catalogue.tables.find((table) => BigInt(table.id) === id);
  const property = (name: Cell): Cell => {
    const value = properties[String(name)];
    if (value === undefined) throw unknown(`the property ${String(name)}`);
    return value;
  };
  return {
    // Of bytes; a text has two of them for each character.
    datalength: (value) =>
      value === null ? null : BigInt(value instanceof Uint8Array ? value.length : String(value).length * 2),
    db_id: () => 5n,
    db_name: () => options.name,
    schema_name: () => "dbo",
    object_schema_name: () => "dbo",
    suser_sname: () => asker.login,
    loginproperty: (_, name) => {
      if (name !== "DaysUntilExpiration") throw unknown(`the login's property ${String(name)}`);
      return options.passwordDays ?? null;
    },
    user_name: () => user().name,
    database_principal_id: () => BigInt(user().id),
    tsql_sees: (id) => {
      const object = database.nameOf(id as bigint);
      return flag(object === undefined || permissions.sees(user(), object));
    },
    type_name: (id) => catalogue.typeName(Number(id)),
    object_id: idOf,
    object_definition: (id) => [...routines.values()].find((routine) => BigInt(routine.id) === id)?.text ?? null,
    tsql_next_value: (name) => {
      const last = sequences.get(String(name).toLowerCase());
      if (last === undefined) throw new SqlError(208, `Invalid object name '${String(name)}'.`);
      if (!permissions.may(user(), "UPDATE", { object: String(name).toLowerCase() }))
        throw new SqlError(229, `The UPDATE permission was denied on the object '${String(name)}'.`, { state: 5, severity: 14 });
      // Numbers are given out for good: a rollback does not take them back.
      sequences.set(String(name).toLowerCase(), last + 1n);
      return last + 1n;
    },
    object_name: (id) => byId(id)?.name ?? null,
    col_name: (id, column) => byId(id)?.columns[Number(column) - 1]?.name ?? null,
    serverproperty: property,
    collationproperty: (collation) => (collation === null ? null : /UTF8/.test(String(collation)) ? 65_001n : 1_252n),
    databasepropertyex: (_, name) => (name === "Updateability" && options.secondary ? "READ_ONLY" : property(name as Cell)),
    is_srvrolemember: (role) => flag(permissions.isServerMember(String(role), asker.login)),
    is_rolemember: (role) => flag(permissions.rolesOf(user()).some(({ name }) => name === String(role))),
    has_perms_by_name: (...given) => may(given),
    min_active_rowversion: () => versionBytes(database.minActiveVersion()),
    tsql_next_version: () => versionBytes(asker.nextVersion()),
    tsql_track_version: () => asker.trackVersion(),
    tsql_now: () => new Date().toISOString().slice(0, -1),
    change_tracking_current_version: () => database.tracked ?? null,
    change_tracking_min_valid_version: (id) => {
      const table = byId(id as Cell);
      return table?.tracked ? (database.minimumVersions.get(table.name) ?? 0n) : null;
    },
  };
}

export function versionBytes(version: bigint): Uint8Array {
  return Buffer.from(version.toString(16).padStart(16, "0"), "hex");
}
