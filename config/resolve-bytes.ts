/** `bytes:` of a source: where the bytes of its documents are read when the portal asks for them. */
import { isAbsolute, win32 } from "node:path";
import type * as z from "zod";
import type { DocumentBytes } from "./config.ts";
import type { Path } from "./document.ts";
import { columnsOf } from "./resolve-key.ts";
import { many, resolveRead } from "./resolve-read.ts";
import { hasExpression, type Scene, tableOf, templateOf } from "./scene.ts";
import type { bytes } from "./schema-bytes.ts";
import type { SourceNode } from "./schema-source.ts";

type BytesNode = z.output<typeof bytes>;

/** Bytes from a column are held in memory as a whole, and so are those of a row that has changed on its way. */
const mostOfColumn = 100 * 1_048_576;

export function resolveBytes(scene: Scene, path: Path, node: SourceNode): DocumentBytes | undefined {
  if (node.bytes === undefined) return undefined;
  const at = [...path, "bytes"];
  if (node.type !== "document" && !scene.broken([...path, "type"]))
    scene.fault(at, `Only documents have bytes, and this source is of type ${node.type}`, "Remove `bytes`.");
  const { path: file, blob } = node.bytes;
  if ((file === undefined) === (blob === undefined) && !scene.broken(at))
    scene.fault(at, "The bytes come from a file or from a column", "Write `{ root: …, path: … }` or `{ blob: COLUMN }`.");
  return blob === undefined ? fileOf(scene, at, node.bytes) : columnOf(scene, at, node, blob);
}

function fileOf(scene: Scene, at: Path, { path = "", root, table, key, max }: BytesNode): DocumentBytes {
  if (table !== undefined || key !== undefined)
    scene.fault(at, "`table` and `key` belong to `blob`", "Remove them; columns of `path` are those of the source.");
  if (root === undefined && !scene.broken([...at, "root"]))
    scene.fault(at, "`root` is missing", "Add `root: …`: the folder that all files lie in.");
  else if (root !== undefined && !isAbsolute(root) && !win32.isAbsolute(root))
    scene.fault(
      [...at, "root"],
      "must be an absolute path",
      "Write it from the root of the file system on, such as /srv/archive or D:\\Archive.",
    );
  const place = [...at, "path"];
  const read = hasExpression(path)
    ? ({ kind: "expression", expression: templateOf(scene, place, path), at: scene.place(place) } as const)
    : resolveRead(scene, path, { path: place, expected: undefined });
  return { kind: "file", root: root ?? "", path: read, maxBytes: max, at: scene.place(at) };
}

function columnOf(scene: Scene, at: Path, node: SourceNode, column: string): DocumentBytes {
  const { root, table, key, max } = node.bytes as BytesNode;
  if (root !== undefined) scene.fault([...at, "root"], "`root` belongs to `path`", "Remove it.");
  if (hasExpression(column)) scene.fault([...at, "blob"], "`blob` must be a column", "Name the column; a query can compute one.");
  if (key !== undefined && table === undefined)
    scene.fault([...at, "key"], "`key` belongs to `table`", "Name the table of the column, or remove `key`.");
  const own = key === undefined ? many(node.key) : columnsOf(scene, [...at, "key"], key);
  if (own.length !== many(node.key).length && !scene.broken([...at, "key"]))
    scene.fault(
      [...at, "key"],
      `The key has ${own.length} of ${many(node.key).length} parts`,
      `The key of the source is: ${many(node.key).join(", ")}.`,
    );
  if (max > mostOfColumn) scene.fault([...at, "max"], "More than 100MB can't be read from a column", "Write 100MB or less.");
  const other = table === undefined ? undefined : { name: tableOf(scene, [...at, "table"], table), key: own };
  return { kind: "column", column, table: other, maxBytes: max, at: scene.place(at) };
}
