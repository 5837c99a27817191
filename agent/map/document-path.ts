/** The path of a document's file, or its address, compiled once against the real columns. Its query is one of its own: what only the path needs is not read with every row. */
import * as z from "zod";
import type { Config, DocumentBytes, Fault, Read, Source } from "../../config/config.ts";
import type { DescribedQuery, Row, SourceQuery } from "../../connectors/connector.ts";
import { openZone } from "./calendar.ts";
import { openColumns } from "./columns.ts";
import { gatherFaults } from "./faults.ts";
import { fieldKindOf } from "./field-kind.ts";
import { newLookupHolder } from "./lookups.ts";
import { buildQuery } from "./query.ts";
import { openReadScope } from "./read-scope.ts";
import { compileRead } from "./reads.ts";
import { newReading } from "./row-reading.ts";

export interface PathParts {
  config: Config;
  source: Source;
  bytes: DocumentBytes & { kind: "file" | "url" };
}

/** Gives the path as the ERP has it; null where there is none, undefined where the row makes none. */
export type PathOf = (row: Row) => string | null | undefined;

const aPath = fieldKindOf(z.string().min(1));

const placeOf = (bytes: PathParts["bytes"]): Read => (bytes.kind === "file" ? bytes.path : bytes.url);

/** Key, scope and the columns of the path; rows outside of the source's conditions are not found by it. */
export function pathQuery({ config, source, bytes }: PathParts): SourceQuery {
  const field = { read: placeOf(bytes), when: undefined, owner: "erp", at: bytes.at } as const;
  const alone = { ...source, fields: { path: field }, deletes: { ...source.deletes, flag: undefined } };
  return buildQuery(alone, { ...config, commands: [] });
}

export function compilePath(parts: PathParts, described: DescribedQuery): { pathOf: PathOf } | { faults: readonly Fault[] } {
  const { config, source, bytes } = parts;
  const faults = gatherFaults();
  const of = source.from.kind === "table" ? `Table ${source.from.table}` : `The query of source ${source.name}`;
  const columns = openColumns({ read: pathQuery(parts).columns, described: described.columns, of, faults });
  const zone = openZone(config.erp.timezone);
  const scope = openReadScope({ config, source, columns, zone, faults, lookups: newLookupHolder(), child: () => undefined });
  const compiled = compileRead(placeOf(bytes), aPath, scope, "path");
  if (compiled === undefined || faults.list.length > 0) return { faults: faults.list };
  return {
    pathOf(row) {
      const reading = { ...newReading(), values: row.values, children: row.children };
      const text = compiled.read(reading);
      if (reading.faults.length > 0) return undefined;
      return text === null ? null : (JSON.parse(text) as string);
    },
  };
}
