import type { DatabaseSync } from "node:sqlite";
import { declaredType } from "../declared-type.ts";
import type { Cell } from "../wire-types.ts";
import { fillView } from "./catalogue.ts";

/** A procedure of the ERP, written by a test. */
export interface Procedure {
  parameters: readonly { name: string; type: string }[];
  /** `run` runs statements within the caller's session, as the procedure's own would. */
  body: (args: Readonly<Record<string, Cell>>, run: (sql: string) => Promise<void>) => Promise<ProcedureResult>;
}

export interface ProcedureResult {
  code: number;
  out?: Readonly<Record<string, Cell>>;
  set?: { columns: readonly { name: string; type: string }[]; rows: readonly (readonly Cell[])[] };
}

export const firstProcedureId = 900_000;

const typeIds: Readonly<Record<string, bigint>> = {
  int: 56n,
  bigint: 127n,
  decimal: 106n,
  nvarchar: 231n,
  varchar: 167n,
  datetime: 61n,
  money: 60n,
};

/** Adds the procedures to the views: after the tables, whose rows were written anew. */
export function fillProcedures(database: DatabaseSync, procedures: ReadonlyMap<string, Procedure>): void {
  const all = [...procedures];
  const object = database.prepare(`INSERT INTO "sys.objects" VALUES (?, 1, ?, 'P', 0)`);
  for (const [index, [name]] of all.entries()) object.run(firstProcedureId + index, name);
  fillView(
    database,
    "sys.parameters",
    all.flatMap(([, { parameters }], index) =>
      parameters.map(({ name, type }, at): Cell[] => {
        const { name: base, size, scale } = declaredType(type);
        const typeId = typeIds[base] ?? 0n;
        const bytes = size === "max" ? -1n : BigInt(Number(size ?? 8) * (base.startsWith("n") ? 2 : 1));
        const digits = base === "decimal" ? BigInt(Number(size)) : 0n;
        return [BigInt(firstProcedureId + index), BigInt(at + 1), `@${name}`, typeId, typeId, bytes, digits, BigInt(scale ?? 0)];
      }),
    ),
  );
}
