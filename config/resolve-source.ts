/** One source of the configuration: how its rows are read, how changes are noticed, and what its fields become. */
import { type TypeName, typeNamed } from "../protocol/model.ts";
import type { ConflictPolicy, FieldMapping, Source, TouchedBy } from "./config.ts";
import type { Path } from "./document.ts";
import type { Expected } from "./model-shape.ts";
import { resolveBytes } from "./resolve-bytes.ts";
import { resolveChanges } from "./resolve-changes.ts";
import { columnsOf } from "./resolve-key.ts";
import { checkFields, many, nth, resolveRead } from "./resolve-read.ts";
import { conditionOf, knownName, type Scene, sqlOf, tableOf, textPart } from "./scene.ts";
import { conflictPolicies, type ReadNode } from "./schema-read.ts";
import type { SourceNode } from "./schema-source.ts";
import { conditionFault, derivedTableFault } from "./sql-text.ts";

export function resolveSource(scene: Scene, name: string, node: SourceNode): Source {
  const path: Path = ["sources", name];
  const typeBroken = scene.broken([...path, "type"]);
  // A type of the customer's own with a fault is told where it stands.
  const known = [...new Set([...Object.keys(scene.types), ...Object.keys(scene.file.ownTypes ?? {})])];
  if (!typeBroken) knownName(scene, [...path, "type"], "type", { name: node.type, known });
  const expected: Expected = typeBroken ? undefined : typeNamed(scene.types, node.type)?.schema;
  checkName(scene, path, name);
  const key = columnsOf(scene, [...path, "key"], node.key);
  const from = fromOf(scene, path, node);
  const signal = signalOf(scene, path, node);
  return {
    name,
    type: node.type as TypeName,
    from,
    prefix: prefixOf(scene, path, node.prefix),
    key,
    where: node.where === undefined ? undefined : sqlOf(scene, [...path, "where"], node.where, { rule: conditionFault }),
    scoped: node.scope !== "none",
    changes: resolveChanges(scene, node.changes, {
      path: [...path, "changes"],
      append: node.append,
      signal: node.signal,
      hasTable: node.query === undefined,
      isChild: false,
    }),
    signal,
    touchedBy: touchedByOf(scene, path, node),
    deletes: deletesOf(scene, path, node),
    reusedWhen: reusedWhenOf(scene, path, node),
    fields: fieldsOf(scene, [...path, "fields"], { fields: node.fields, expected }),
    bytes: resolveBytes(scene, path, node),
    append: node.append,
    refresh:
      node.refresh &&
      ("at" in node.refresh
        ? { schedule: node.refresh.at, send: node.refresh.send }
        : { schedule: node.refresh, send: "changed" }),
    at: scene.place(path),
  };
}

function checkName(scene: Scene, path: Path, name: string): void {
  if (/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name)) return;
  scene.fault(path, "The name of a source is letters, digits, `_` and `-`", "Choose another name.");
}

function prefixOf(scene: Scene, path: Path, prefix: string | undefined): string | undefined {
  if (prefix !== undefined && !/^[A-Za-z0-9_-]{1,20}$/.test(prefix))
    scene.fault([...path, "prefix"], "A prefix is 1 to 20 letters, digits, `_` and `-`", "Choose another prefix.");
  return prefix;
}

function fromOf(scene: Scene, path: Path, node: SourceNode): Source["from"] {
  if (node.table !== undefined && node.query !== undefined)
    scene.fault([...path, "query"], "The source has both `table` and `query`", "Keep one of the two.");
  if (node.query !== undefined)
    return { kind: "query", query: sqlOf(scene, [...path, "query"], node.query, { rule: derivedTableFault }) };
  if (node.table === undefined && !scene.broken([...path, "table"]) && !scene.broken([...path, "query"]))
    scene.fault(path, "The source has neither `table` nor `query`", "Add `table: NAME`, or `query: SELECT …`.");
  const at = [...path, "table"];
  return { kind: "table", table: node.table === undefined ? "" : tableOf(scene, at, node.table), at: scene.place(at) };
}

function signalOf(scene: Scene, path: Path, node: SourceNode): Source["signal"] {
  if (node.signal === undefined) return undefined;
  const at = [...path, "signal"];
  if (node.query === undefined)
    scene.fault(at, "A table signals for itself", "Remove `signal` and name the column in `changes`.");
  const key = columnsOf(scene, [...at, "key"], node.signal.key);
  if (key.length !== many(node.key).length && !scene.broken([...at, "key"]) && !scene.broken([...path, "key"]))
    scene.fault(
      [...at, "key"],
      `The key has ${key.length} of ${many(node.key).length} parts`,
      `The key of the source is: ${many(node.key).join(", ")}.`,
    );
  const { column, feed } = node.signal;
  if ((column === undefined) === (feed === undefined) && !scene.broken([...at, "column"]) && !scene.broken([...at, "feed"]))
    scene.fault(at, "A query is signalled by a column or by a feed", "Name one of them: `column: …` or `feed: …`.");
  return { table: tableOf(scene, [...at, "table"], node.signal.table), column, feed, key, at: scene.place(at) };
}

function touchedByOf(scene: Scene, path: Path, node: SourceNode): readonly TouchedBy[] {
  return (node.touchedBy ?? []).map((child, index) => {
    const at = [...path, "touchedBy", index];
    const key = columnsOf(scene, [...at, "key"], child.key);
    if (key.length !== many(node.key).length && !scene.broken([...at, "key"]) && !scene.broken([...path, "key"]))
      scene.fault(
        [...at, "key"],
        `The key has ${key.length} of ${many(node.key).length} parts`,
        `The key of the source is: ${many(node.key).join(", ")}.`,
      );
    return {
      table: tableOf(scene, [...at, "table"], child.table),
      changes: resolveChanges(scene, child.changes, {
        path: [...at, "changes"],
        append: false,
        signal: undefined,
        hasTable: true,
        isChild: true,
      }),
      key,
      own: child.own === undefined ? undefined : columnsOf(scene, [...at, "own"], child.own),
      at: scene.place(at),
    };
  });
}

function deletesOf(scene: Scene, path: Path, node: SourceNode): Source["deletes"] {
  const at = [...path, "deletes"];
  if (node.append && node.deletes.flag !== undefined)
    scene.fault([...at, "flag"], "A source with `append: true` has no deletes", "Remove `deletes`, or `append`.");
  return {
    flag:
      node.deletes.flag === undefined ? undefined : sqlOf(scene, [...at, "flag"], node.deletes.flag, { rule: conditionFault }),
    graceMs: node.deletes.grace,
  };
}

function reusedWhenOf(scene: Scene, path: Path, node: SourceNode): readonly string[] {
  if (node.identity === undefined) return [];
  const at: Path = [...path, "identity", "reusedWhen"];
  const columns = columnsOf(scene, at, node.identity.reusedWhen);
  const own = many(node.key).map((column) => column.toLowerCase());
  for (const [index, column] of columns.entries())
    if (own.includes(column.toLowerCase()))
      scene.fault(
        nth(at, node.identity.reusedWhen, index),
        `\`${column}\` is part of the key, which is another one with another value`,
        "Name a column that can change under the same key.",
      );
  if (node.append) scene.fault(at, "A source with `append: true` has no changes", "Remove `identity`, or `append`.");
  return columns;
}

function fieldsOf(
  scene: Scene,
  path: Path,
  { fields, expected }: { fields: Readonly<Record<string, ReadNode>>; expected: Expected },
): Readonly<Record<string, FieldMapping>> {
  checkFields(scene, Object.keys(fields), { path, expected });
  const shape = expected as { shape?: Readonly<Record<string, Expected>> } | undefined;
  const mapped = Object.entries(fields).map(([name, node]): [string, FieldMapping] => {
    const at = [...path, name];
    const inner = shape?.shape && Object.hasOwn(shape.shape, name) ? shape.shape[name] : undefined;
    const { when, owner, conflict, read } = fieldParts(scene, at, node);
    const owns = ownerOf(scene, [...at, "owner"], owner);
    return [
      name,
      {
        read: resolveRead(scene, read, { path: at, expected: inner }),
        when: conditionOf(scene, [...at, "when"], when),
        owner: owns,
        conflict: conflictOf(scene, [...at, "conflict"], { conflict, owner: owns }),
        at: scene.place(at),
      },
    ];
  });
  return Object.fromEntries(mapped);
}

type FieldParts = Record<"when" | "owner" | "conflict", string | undefined> & { read: ReadNode };

/** `when`, `owner` and `conflict` belong to the field, whatever the form of its value. */
function fieldParts(scene: Scene, path: Path, node: ReadNode): FieldParts {
  if (typeof node === "string" || Array.isArray(node))
    return { when: undefined, owner: undefined, conflict: undefined, read: node };
  const { when, owner, conflict, ...read } = node;
  const part = (name: string, value: unknown): string | undefined => textPart(scene, [...path, name], value);
  return { when: part("when", when), owner: part("owner", owner), conflict: part("conflict", conflict), read };
}

function conflictOf(
  scene: Scene,
  path: Path,
  { conflict, owner }: { conflict: string | undefined; owner: FieldMapping["owner"] },
): ConflictPolicy | undefined {
  if (conflict === undefined) return undefined;
  if (owner !== "shared" && !scene.broken(path))
    scene.fault(path, "Only a shared field can be changed by both sides", "Add `owner: shared`, or leave `conflict` out.");
  return conflictPolicies.find((policy) => policy === conflict);
}

function ownerOf(scene: Scene, path: Path, owner: string | undefined): FieldMapping["owner"] {
  if (owner === "portal" || owner === "shared") return owner;
  if (owner !== undefined && owner !== "erp")
    knownName(scene, path, "owner", { name: owner, known: ["erp", "portal", "shared"] });
  return "erp";
}
