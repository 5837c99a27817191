import { createHash } from "node:crypto";
import type { FeedTable } from "../feed.ts";
import { bind, concat, type Statement } from "../statement.ts";
import type { FeedServer } from "./feed-server.ts";
import { instanceText } from "./feed-slot.ts";

/** A column as the catalog has it now. */
export interface CatalogColumn {
  name: string;
  /** Oid of its type, and of the one below where it is a domain. */
  type: number;
  base: number;
  modifier: number;
  generated: boolean;
  /** Part of the replica identity. */
  identity: boolean;
}

/** A table that holds rows of a configured one: itself, a partition, a child by inheritance. */
export interface CatalogTable {
  oid: number;
  /** The configured one itself. */
  root: boolean;
  /** `r` table, `p` partitioned, `v` view, … (pg_class.relkind). */
  kind: string;
  /** As SQL wants it. */
  name: string;
  columns: readonly CatalogColumn[];
  /** pg_class.relreplident. */
  identity: string;
  published: boolean;
  /** Row filter of the publication. */
  filter: string | null;
  /** Columns that the publication sends. */
  sent: readonly string[] | undefined;
}

export interface Publication {
  /** Another text once it was altered, be it back to what it was. */
  version: string;
  operations: Readonly<Record<"insert" | "update" | "delete" | "truncate", boolean>>;
}

export interface Watched {
  /** The server that answered (`instanceText`). */
  instance: string;
  publication: Publication | undefined;
  /** Per configured table what holds its rows; empty where it is not there. */
  tables: readonly (readonly CatalogTable[])[];
  /** Per configured table: another text once its shape, its rows' files or its place in the publication are other ones. Undefined where it is not published. */
  signatures: readonly (string | undefined)[];
}

interface FoundTable {
  at: number;
  oid: number;
  parent: number | null;
  kind: string;
  name: string;
  identity: string;
  file: string;
  listed: boolean;
  entry: string | null;
  filter: string | null;
  sent: string[] | null;
  columns: CatalogColumn[] | null;
}

/**
 * Catalog columns that later versions brought (15: row filters, 13: pubviaroot) are read through `to_jsonb`, so that one text serves every version. A
 * deferrable or invalid index is no replica identity.
 */
const tablesOf = (names: Statement, publication: Statement): Statement =>
  concat(
    `
WITH RECURSIVE tree AS (
  SELECT w.at - 1 AS at, to_regclass(w.name)::oid AS oid, NULL::oid AS parent
  FROM jsonb_array_elements_text(`,
    names,
    `::jsonb) WITH ORDINALITY AS w(name, at)
  UNION ALL
  SELECT t.at, i.inhrelid, t.oid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid
), listed AS MATERIALIZED (
  SELECT l.schemaname, l.tablename, to_jsonb(l) AS listed FROM pg_catalog.pg_publication_tables l WHERE l.pubname = `,
    publication,
    `
)
SELECT ${instanceText} AS instance, coalesce(jsonb_agg(jsonb_build_object(
  'at', t.at, 'oid', t.oid::int8, 'parent', t.parent::int8, 'kind', c.relkind, 'name', format('%I.%I', n.nspname, c.relname),
  'identity', c.relreplident, 'file', c.relfilenode::text, 'listed', pt.listed IS NOT NULL,
  'entry', (SELECT r.oid::text FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
            WHERE p.pubname = `,
    publication,
    ` AND r.prrelid = c.oid),
  'filter', pt.listed->>'rowfilter', 'sent', pt.listed->'attnames',
  'columns', (
    SELECT jsonb_agg(jsonb_build_object(
      'name', a.attname, 'type', a.atttypid::int8, 'modifier', a.atttypmod,
      'base', coalesce(nullif(inner_type.typbasetype, 0), nullif(own_type.typbasetype, 0), a.atttypid)::int8,
      'generated', coalesce(to_jsonb(a)->>'attgenerated', '') <> '',
      'identity', CASE c.relreplident WHEN 'f' THEN true WHEN 'n' THEN false ELSE EXISTS (
        SELECT FROM pg_catalog.pg_index x
        WHERE x.indrelid = c.oid AND x.indimmediate AND x.indisvalid
          AND CASE c.relreplident WHEN 'd' THEN x.indisprimary ELSE x.indisreplident END
          AND a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1])) END
    ) ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type own_type ON own_type.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_type inner_type ON inner_type.oid = own_type.typbasetype
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
) ORDER BY t.at, t.oid), '[]')::text AS tables
FROM tree t
JOIN pg_catalog.pg_class c ON c.oid = t.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN listed pt ON pt.schemaname = n.nspname AND pt.tablename = c.relname`,
  );

/**
 * An altered publication is another version of its row. The schemas that it takes (15) are entries of their own, known to every version by what depends on the
 * publication.
 */
const publicationText = `
SELECT concat_ws(':', oid, xmin, (SELECT string_agg(d.objid::text, ',' ORDER BY d.objid) FROM pg_catalog.pg_depend d
    WHERE d.classid = to_regclass('pg_catalog.pg_publication_namespace') AND d.refclassid = 'pg_catalog.pg_publication'::regclass AND d.refobjid = p.oid)) AS version,
  pubinsert::text AS insert, pubupdate::text AS update, pubdelete::text AS delete, pubtruncate::text AS truncate
FROM pg_catalog.pg_publication p WHERE pubname = `;

/** What the server's catalog says of the configured tables and of the publication. Costs two short reads. */
export async function watchedTables(
  server: FeedServer,
  { tables, publication }: { tables: readonly FeedTable[]; publication: string },
  signal: AbortSignal,
): Promise<Watched> {
  const operation = "look at the tables of the feed";
  const name = bind(publication);
  const [found] = await server.ask(concat(publicationText, name), operation, signal);
  const names = bind(JSON.stringify(tables.map(({ table }) => server.quote(table))));
  const [answer] = await server.ask(tablesOf(names, name), operation, signal);
  const rows = JSON.parse(answer?.tables ?? "[]") as FoundTable[];
  const published = found && publicationOf(found);
  const each = tables.map((_, at) => tableParts(rows.filter((row) => row.at === at)));
  return {
    instance: answer?.instance ?? "",
    publication: published,
    tables: each,
    signatures: each.map((parts, at) =>
      published && parts.length > 0 && parts.every(isTold)
        ? signature([published.version, ...rows.filter((row) => row.at === at).map(shapeOf)])
        : undefined,
    ),
  };
}

/** A partitioned table has no rows of its own. */
export function isTold({ kind, published }: CatalogTable): boolean {
  return published || kind === "p";
}

function publicationOf(found: Readonly<Record<string, string | null>>): Publication {
  const is = (name: string): boolean => found[name] === "true";
  return {
    version: found.version ?? "",
    operations: { insert: is("insert"), update: is("update"), delete: is("delete"), truncate: is("truncate") },
  };
}

/** A partition is published with the table above it; the list names but one of them. */
function tableParts(rows: readonly FoundTable[]): CatalogTable[] {
  const byOid = new Map(rows.map((row) => [row.oid, row]));
  const lister = (row: FoundTable | undefined): FoundTable | undefined => {
    if (row === undefined || row.listed) return row;
    return row.parent === null ? undefined : lister(byOid.get(row.parent));
  };
  return rows.map((row) => {
    const by = lister(row);
    const { oid, kind, name, identity } = row;
    return {
      oid,
      root: row.parent === null,
      kind,
      name,
      identity,
      columns: row.columns ?? [],
      published: by !== undefined,
      filter: by?.filter ?? null,
      sent: by?.sent ?? undefined,
    };
  });
}

function shapeOf({ oid, file, entry, filter, sent, columns }: FoundTable): unknown {
  return [oid, file, entry, filter, sent, columns?.map(({ name, type, modifier }) => [name, type, modifier])];
}

function signature(of: unknown): string {
  return createHash("sha256").update(JSON.stringify(of)).digest("base64url").slice(0, 8);
}
