// What stands behind the wire: anything that answers statements.
import type { Cell, TypeName } from "./values.ts";

export interface ResultColumn {
  name: string;
  type: TypeName;
  /** Bytes; default: as large as the type can be. */
  size?: number;
  precision?: number;
  scale?: number;
  nullable?: boolean;
}

export interface Bound {
  type: TypeName;
  value: Cell;
}

export interface Asked {
  sql: string;
  binds: readonly Bound[];
  /** Parsed and described only. */
  parseOnly: boolean;
}

/** What an OUT parameter gets: a value, or the rows of a cursor. */
export type OutValue = Cell | { columns: readonly ResultColumn[]; rows: readonly (readonly Cell[])[] };

export type Answer =
  | { columns: readonly ResultColumn[]; rows: Iterable<readonly Cell[]> }
  | {
      affected: number;
      /** Rows of RETURNING. */
      returned?: readonly (readonly Cell[])[];
      /** By the position of the bind. */
      out?: ReadonlyMap<number, OutValue>;
    };

export interface DatabaseSession {
  execute(asked: Asked, signal: AbortSignal): Promise<Answer>;
  commit(): void;
  rollback(): void;
  inTransaction(): boolean;
  close(): void;
}

export interface Database {
  /** @throws OracleError 1017 and its kin for a login that is refused for another reason than the password */
  login(user: string): DatabaseSession;
  password(user: string): string | undefined;
  serviceName: string;
  /** Type of the passwords' verifiers, as the login tells it; default: 12c's. */
  verifier?: number | undefined;
  /** Told along with a login that succeeds. */
  warning?: OracleError | undefined;
}

/** An error as the server tells it. */
export class OracleError extends Error {
  readonly number: number;
  constructor(number: number, text: string) {
    super(`ORA-${String(number).padStart(5, "0")}: ${text}`);
    this.number = number;
  }
}
