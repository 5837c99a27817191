/** Joins what the configuration says of documents' bytes with the ERP that names their places. */
import { FuserError } from "../base/errors.ts";
import type { Config, DocumentBytes, Fault, Source } from "../config/config.ts";
import type { Connector, SourceQuery } from "../connectors/connector.ts";
import { columnQuery } from "./documents/columns.ts";
import type { TellPath } from "./documents/documents.ts";
import { compilePath, type PathOf, pathQuery } from "./map/document-path.ts";
import { buildQuery } from "./map/query.ts";

interface PathErp {
  config: Config;
  erp: Connector;
}

/** @throws FuserError what the connector throws; `erp-schema-faults` where the path can't be made of the columns there are */
export async function pathTeller(
  { config, erp }: PathErp,
  source: Source,
  bytes: DocumentBytes & { kind: "file" | "url" },
  signal: AbortSignal,
): Promise<TellPath> {
  const parts = { config, source, bytes };
  const query = pathQuery(parts);
  const compiled = compilePath(parts, await erp.describeQuery(query, signal));
  if ("faults" in compiled) throw schemaFault(compiled.faults[0] as Fault);
  return async (key, within) => await pathOf(erp, { query, key, read: compiled.pathOf }, within);
}

async function pathOf(
  erp: Connector,
  { query, key, read }: { query: SourceQuery; key: string; read: PathOf },
  signal: AbortSignal,
): Promise<string | null | undefined> {
  for await (const batch of erp.readKeys(query, [key], signal)) if (batch.length > 0) return read(batch.row(0));
  return null;
}

function schemaFault({ path, message, remedy }: Fault): FuserError {
  return new FuserError("config", message, {
    code: "erp-schema-faults",
    operation: "find the bytes of a document",
    place: path,
    hint: remedy,
  });
}

/** What the database lacks of what the bytes of documents need, for `check`. */
export async function bytesFaults({ config, erp }: PathErp, signal: AbortSignal): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const source of config.sources) {
    const { bytes } = source;
    if (bytes === undefined) continue;
    try {
      if (bytes.kind !== "column") await pathTeller({ config, erp }, source, bytes, signal);
      else await erp.describeQuery(columnQuery(buildQuery(source, config), bytes), signal);
    } catch (error) {
      if (!(error instanceof FuserError) || error.kind !== "config") throw error;
      faults.push({ ...bytes.at, message: error.message, remedy: error.hint ?? "See the database's message" });
    }
  }
  return faults;
}
