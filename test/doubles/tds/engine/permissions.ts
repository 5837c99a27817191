import { SqlError } from "./sql-error.ts";

/** What a permission is on: the database, its one schema, or an object, with a column of it. Names in lower case. */
export interface Securable {
  object?: string | undefined;
  column?: string | undefined;
  /** `dbo` as a whole. */
  schema?: boolean | undefined;
}

export interface Permission extends Securable {
  /** Id of a user or role. */
  grantee: number;
  right: string;
  /** Granted, granted to be handed on, denied; `R`: a column left out of what is granted on its table. */
  state: "G" | "W" | "D" | "R";
}

export interface Principal {
  id: number;
  name: string;
  role: boolean;
}

const fixedRoles = ["db_owner", "db_accessadmin", "db_securityadmin", "db_ddladmin", "db_datareader", "db_datawriter"];
const readerRights = ["SELECT"];
const writerRights = ["INSERT", "UPDATE", "DELETE"];

/**
 * Who may do what. A login for which no user was made is the owner, who may everything; a user may what was granted to it, to its roles or to public. As on the server a
 * denial precedes what is granted, but for a table's, which does not precede what is granted on a column (learn.microsoft.com, "REVOKE").
 */
export class Permissions {
  readonly principals: Principal[] = [
    { id: 0, name: "public", role: true },
    { id: 1, name: "dbo", role: false },
    ...fixedRoles.map((name, index) => ({ id: 16_384 + index, name, role: true })),
  ];
  /** [role, member]. */
  readonly members: [number, number][] = [];
  readonly logins: string[] = [];
  /** [server role, login]. */
  readonly serverMembers: [string, string][] = [];
  readonly serverGranted: { login: string; right: string }[] = [];
  granted: Permission[] = [];

  addPrincipal(name: string, role: boolean): void {
    this.principals.push({ id: 4 + this.principals.length, name, role });
  }

  find(name: string): Principal {
    const found = this.principals.find((principal) => principal.name.toLowerCase() === name.toLowerCase());
    if (found) return found;
    throw new SqlError(15_151, `Cannot find the user '${name}', because it does not exist or you do not have permission.`);
  }

  /** The user of a login. */
  userOf(login: string): Principal {
    const user = this.principals.find(({ name, role }) => !role && name.toLowerCase() === login.toLowerCase());
    if (user === undefined || this.isServerMember("sysadmin", login)) return this.principals[1] as Principal;
    return user;
  }

  isServerMember(role: string, login: string): boolean {
    return this.serverMembers.some(([of, member]) => of === role && member.toLowerCase() === login.toLowerCase());
  }

  /** The roles of a user, those that it has by another role included, and public. */
  rolesOf(user: Principal): Principal[] {
    const found = new Set<number>([0]);
    const follow = (member: number): void => {
      for (const [role, of] of this.members) {
        if (of !== member || found.has(role)) continue;
        found.add(role);
        follow(role);
      }
    };
    follow(user.id);
    return this.principals.filter(({ id }) => found.has(id));
  }

  isOwner(user: Principal): boolean {
    return user.id === 1 || this.rolesOf(user).some(({ name }) => name === "db_owner");
  }

  /** Whether a user may; with a column in that column, else in all of the object. */
  may(user: Principal, right: string, on: Securable): boolean {
    if (this.isOwner(user)) return true;
    const roles = this.rolesOf(user);
    const holders = new Set([user.id, ...roles.map(({ id }) => id)]);
    const all = this.granted.filter((one) => holders.has(one.grantee) && (one.right === right || one.right === "CONTROL"));
    const told = all.filter((one) => contains(one, on));
    const ofColumn = told.filter(({ column }) => column !== undefined);
    if (ofColumn.some(({ state }) => state === "D")) return false;
    const given = ofColumn.some(({ state }) => state === "G" || state === "W");
    const denied = told.filter(({ state }) => state === "D");
    if (denied.some(({ object }) => object === undefined || !given)) return false;
    if (given) return true;
    if (ofColumn.some(({ state }) => state === "R")) return false;
    if (roles.some(({ name }) => name === "db_datareader") && readerRights.includes(right)) return true;
    if (roles.some(({ name }) => name === "db_datawriter") && writerRights.includes(right)) return true;
    return told.some(({ state }) => state === "G" || state === "W");
  }

  /** Whether a user sees that an object is there: it has some right on it, or on a column of it. */
  sees(user: Principal, object: string): boolean {
    if (this.isOwner(user)) return true;
    const roles = this.rolesOf(user);
    if (roles.some(({ name }) => name === "db_datareader" || name === "db_datawriter")) return true;
    const holders = new Set([user.id, ...roles.map(({ id }) => id)]);
    return this.granted.some(
      (one) =>
        holders.has(one.grantee) &&
        (one.state === "G" || one.state === "W") &&
        one.right !== "CONNECT" &&
        (one.object === undefined || one.object === object),
    );
  }

  grant(one: Permission): void {
    const table = this.granted.find((other) => other.column === undefined && same({ ...one, column: undefined }, other));
    this.#forget(one);
    // What says the same as its table is not written down.
    if (one.column !== undefined && table?.state === one.state) return;
    this.granted.push(one);
  }

  revoke(one: Omit<Permission, "state">, { optionOnly, cascade }: { optionOnly: boolean; cascade: boolean }): void {
    const known = this.granted.find((other) => same(one, other));
    if (known?.state === "W" && !cascade)
      throw new SqlError(4611, "To revoke or deny grantable privileges, specify the CASCADE option.");
    if (optionOnly) {
      if (known?.state === "W") known.state = "G";
      return;
    }
    this.#forget(one);
    const table = this.granted.find((other) => other.column === undefined && same({ ...one, column: undefined }, other));
    if (one.column !== undefined && (table?.state === "G" || table?.state === "W")) this.granted.push({ ...one, state: "R" });
  }

  /** What is said of a table ends what was said of its columns. */
  #forget(one: Omit<Permission, "state">): void {
    this.granted = this.granted.filter(
      (other) =>
        !same(one, other) &&
        !(one.object !== undefined && one.column === undefined && same({ ...one, column: other.column }, other)),
    );
  }
}

const contains = (outer: Securable, inner: Securable): boolean =>
  (outer.object === undefined && (outer.schema !== true || inner.object !== undefined || inner.schema === true)) ||
  (outer.object === inner.object && outer.object !== undefined && (outer.column === undefined || outer.column === inner.column));

const same = (one: Omit<Permission, "state">, other: Permission): boolean =>
  one.grantee === other.grantee &&
  one.right === other.right &&
  one.object === other.object &&
  one.column === other.column &&
  (one.schema ?? false) === (other.schema ?? false);
