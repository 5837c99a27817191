/** What becomes of a column that both sides have changed, by the policies of the fields that it is written from. */
import type { ConflictPolicy } from "../../config/config.ts";
import type { Table } from "../../connectors/connector.ts";
import type { ColumnWrite } from "./column-writes.ts";
import { fieldReadFrom } from "./write-base.ts";
import type { WriteScope } from "./write-scope.ts";

/** By column, in small letters. */
export type ColumnPolicies = ReadonlyMap<string, ConflictPolicy>;

const strictestFirst: readonly ConflictPolicy[] = ["erp-wins", "ask", "portal-wins"];

/** Of several policies the one that gives the ERP's value away least easily. */
function strictest(policies: readonly ConflictPolicy[]): ConflictPolicy {
  return strictestFirst.find((policy) => policies.includes(policy)) ?? "erp-wins";
}

/** A column that no field stands behind is the ERP's. */
export function policyOf({ column, compiled }: ColumnWrite, table: Table, scope: WriteScope): ConflictPolicy {
  const read = compiled.uses.length > 0 ? undefined : fieldReadFrom(column.name, table.name, scope)?.field;
  const fields = read === undefined ? compiled.uses : [read];
  return strictest(
    fields.map(
      (field) => (Object.hasOwn(scope.source.fields, field) ? scope.source.fields[field]?.conflict : undefined) ?? "erp-wins",
    ),
  );
}

/** Of all steps of a command together. */
export function joined(all: readonly ColumnPolicies[]): ColumnPolicies {
  const names = new Set(all.flatMap((one) => [...one.keys()]));
  return new Map([...names].map((name) => [name, strictest(all.flatMap((one) => one.get(name) ?? []))]));
}
