/** `bytes:` of a source: where the bytes of its documents are read when the portal asks for them. */
import { isAbsolute, win32 } from "node:path";
import type * as z from "zod";
import type { DocumentBytes, Read } from "./config.ts";
import type { Path } from "./document.ts";
import { columnsOf } from "./resolve-key.ts";
import { many, resolveRead } from "./resolve-read.ts";
import { hasExpression, type Scene, tableOf, templateOf } from "./scene.ts";
import type { bytes } from "./schema-bytes.ts";
import type { SourceNode } from "./schema-source.ts";

type BytesNode = z.output<typeof bytes>;

/** Bytes that are no file are held in memory as a whole. */
const mostInMemory = 100 * 1_048_576;

export function resolveBytes(scene: Scene, path: Path, node: SourceNode): DocumentBytes | undefined {
  if (node.bytes === undefined) return undefined;
  const at = [...path, "bytes"];
  if (node.type !== "document" && !scene.broken([...path, "type"]))
    scene.fault(at, `Only documents have bytes, and this source is of type ${node.type}`, "Remove `bytes`.");
  const { path: file, blob, url } = node.bytes;
  const ways = [file, blob, url].filter((way) => way !== undefined).length;
  if (ways !== 1 && !scene.broken(at))
    scene.fault(
      at,
      "The bytes come from a file, from a column or from an address",
      "Write `{ root: …, path: … }`, `{ blob: COLUMN }` or `{ url: …, hosts: […] }`.",
    );
  if (url === undefined && node.bytes.hosts !== undefined)
    scene.fault([...at, "hosts"], "`hosts` belongs to `url`", "Remove it.");
  const { table, key, root, max } = node.bytes;
  if (blob === undefined && (table !== undefined || key !== undefined))
    scene.fault(at, "`table` and `key` belong to `blob`", "Remove them; what names the place is read from the source.");
  if (file === undefined && root !== undefined) scene.fault([...at, "root"], "`root` belongs to `path`", "Remove it.");
  if (file === undefined && max > mostInMemory)
    scene.fault([...at, "max"], "More than 100MB can't be read but from a file", "Write 100MB or less.");
  if (blob !== undefined) return columnOf(scene, at, node, blob);
  return url === undefined ? fileOf(scene, at, node.bytes) : addressOf(scene, at, node.bytes);
}

function fileOf(scene: Scene, at: Path, { path = "", root, max }: BytesNode): DocumentBytes {
  if (root === undefined && !scene.broken([...at, "root"]))
    scene.fault(at, "`root` is missing", "Add `root: …`: the folder that all files lie in.");
  else if (root !== undefined && !isAbsolute(root) && !win32.isAbsolute(root))
    scene.fault(
      [...at, "root"],
      "must be an absolute path",
      "Write it from the root of the file system on, such as /srv/archive or D:\\Archive.",
    );
  return { kind: "file", root: root ?? "", path: placeOf(scene, [...at, "path"], path), maxBytes: max, at: scene.place(at) };
}

function addressOf(scene: Scene, at: Path, { url = "", hosts = [], timeout, max }: BytesNode): DocumentBytes {
  if (hosts.length === 0 && !scene.broken([...at, "hosts"]))
    scene.fault(at, "`hosts` is missing", "Add `hosts: [HOST]`: whom the agent may ask for documents.");
  for (const [index, host] of hosts.entries())
    if (!URL.canParse(`http://${host}/`) || /[/@?#\\]/.test(host))
      scene.fault(
        [...at, "hosts", index],
        "is no host",
        "Write its name alone, such as dms.example.local or dms.example.local:8443.",
      );
  const named = hosts.map((host) => host.toLowerCase());
  const address = placeOf(scene, [...at, "url"], url);
  return { kind: "url", url: address, hosts: named, timeoutMs: timeout, maxBytes: max, at: scene.place(at) };
}

/** A column, or a text with expressions in it. */
function placeOf(scene: Scene, path: Path, text: string): Read {
  if (hasExpression(text)) return { kind: "expression", expression: templateOf(scene, path, text), at: scene.place(path) };
  return resolveRead(scene, text, { path, expected: undefined });
}

function columnOf(scene: Scene, at: Path, node: SourceNode, column: string): DocumentBytes {
  const { table, key, max } = node.bytes as BytesNode;
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
  const other = table === undefined ? undefined : { name: tableOf(scene, [...at, "table"], table), key: own };
  return { kind: "column", column, table: other, maxBytes: max, at: scene.place(at) };
}
