/** `preset: NAME`: an ERP's configuration that ships with the agent, below what stands in the admin's own file. */
import type { Fault } from "./config.ts";
import { type Path, pathText, readDocument, type SourceText } from "./document.ts";
import { presetTexts } from "./generated/presets.ts";

type Tree = Readonly<Record<string, unknown>>;

/**
 * The file's tree over that of the preset which it names; the file itself where it names none. Sections, sources, commands and their keys are merged by name, code maps by code; a field,
 * a list and anything else is taken from the file as a whole. What the preset says has the line of `preset:`.
 */
export function overPreset(source: SourceText): SourceText {
  const named = presetOf(source.tree);
  const text = named && presetTexts[named.use];
  if (named === undefined || text === undefined || !isTree(source.tree)) return source;
  const preset = readDocument(text);
  const { requires, ...below } = preset.tree as Tree;
  const { tree: kept, faults } = without(below, named.without, source);
  const taken = new Set<string>();
  const merged = merge(kept, source.tree, { path: [], taken });
  const missing = missingVars(merged, requires, source);
  return {
    tree: missing.tree,
    faults: [...source.faults, ...faults, ...missing.faults],
    holds: (path) => source.holds(path) || preset.holds(path),
    place(path) {
      for (let length = path.length; length > 0; length--) {
        const part = path.slice(0, length);
        if (source.holds(part) || prefixes(part).some((prefix) => taken.has(prefix))) return source.place(path);
        if (preset.holds(part)) return { path: pathText(path), line: source.place(["preset"]).line };
      }
      return source.place(path);
    },
  };
}

const isTree = (node: unknown): node is Tree => typeof node === "object" && node !== null && !Array.isArray(node);

const prefixes = (path: Path): string[] => path.map((_, index) => JSON.stringify(path.slice(0, index + 1)));

/** What `preset` says; what is wrong in it is told by the schema. */
function presetOf(tree: unknown): { use: string; without: readonly string[] } | undefined {
  const node = isTree(tree) ? tree.preset : undefined;
  const use = isTree(node) ? node.use : node;
  if (typeof use !== "string" || !Object.hasOwn(presetTexts, use)) return undefined;
  const names = isTree(node) && Array.isArray(node.without) ? node.without : [];
  return { use, without: names.filter((name) => typeof name === "string") };
}

/** Where both say something, the file's keys come over the preset's at these paths; everywhere else the file's value stands alone. */
const mergedAt: readonly RegExp[] = [
  /^$/,
  /^(agent|erp|guards|journal)\b/,
  /^(vars|scope|types|maps|sources|commands)$/,
  /^maps\.[^.]+(\.(read|write))?$/,
  /^sources\.[^.]+(\.fields)?$/,
  /^commands\.[^.]+\.[^.]+$/,
];

function merge(below: unknown, above: unknown, at: { path: Path; taken: Set<string> }): unknown {
  const text = at.path.join(".");
  if (!isTree(below) || !isTree(above) || !mergedAt.some((pattern) => pattern.test(text))) {
    at.taken.add(JSON.stringify(at.path));
    return above;
  }
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above))
    merged[key] = Object.hasOwn(below, key) ? merge(below[key], value, { ...at, path: [...at.path, key] }) : value;
  return merged;
}

/** Takes out `sources.NAME`, `sources.NAME.fields.FIELD` and `commands.NAME`. */
function without(tree: Tree, names: readonly string[], source: SourceText): { tree: Tree; faults: readonly Fault[] } {
  const kept = structuredClone(tree) as Record<string, Record<string, unknown>>;
  const faults: Fault[] = [];
  for (const [index, name] of names.entries()) {
    const [, section = "", rest = ""] = /^(sources|commands)\.(.+)$/.exec(name) ?? [];
    const [, owner = "", field = ""] = (section === "sources" && /^([^.]+)\.fields\.([^.]+)$/.exec(rest)) || [];
    const holder = field === "" ? kept[section] : (kept.sources?.[owner] as Record<string, Record<string, unknown>>)?.fields;
    const key = field === "" ? rest : field;
    if (holder !== undefined && Object.hasOwn(holder, key)) delete holder[key];
    else
      faults.push({
        ...source.place(["preset", "without", index]),
        message: `The preset has no \`${name.slice(0, 80)}\``,
        remedy: "Name `sources.NAME`, `sources.NAME.fields.FIELD` or `commands.NAME`.",
      });
  }
  return { tree: kept, faults };
}

/** Variables that only the admin knows: told with what they are, once; a stand-in lets the rest be checked. */
function missingVars(tree: unknown, requires: unknown, source: SourceText): { tree: Tree; faults: readonly Fault[] } {
  const given = tree as Tree;
  const vars = isTree(given.vars) ? given.vars : {};
  const missing = Object.entries(isTree(requires) ? requires : {}).filter(([name]) => !Object.hasOwn(vars, name));
  const faults = missing.map(([name, says]) => ({
    path: pathText(["vars", name]),
    line: source.place([source.holds(["vars"]) ? "vars" : "preset"]).line,
    message: `The preset needs \`vars.${name}\``,
    remedy: `Add \`vars: { ${name}: … }\`: ${String(says)}.`,
  }));
  const standIns = Object.fromEntries(missing.map(([name]) => [name, "standin"]));
  return { tree: missing.length === 0 ? given : { ...given, vars: { ...vars, ...standIns } }, faults };
}
