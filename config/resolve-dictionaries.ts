/** `vars`, `scope`, `types` and `maps`: what sources and commands refer to by name. */
import type { DateType, ValueMap } from "./config.ts";
import type { Path } from "./document.ts";
import { templateParts } from "./expression.ts";
import { hasExpression, knownName, type Scene } from "./scene.ts";

export function resolveVars(scene: Scene): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(scene.file.vars)) {
    const path = ["vars", name];
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      scene.fault(path, "The name of a variable is letters, digits and `_`", "Choose another name.");
    if (hasExpression(value)) scene.fault(path, "A variable is a constant", "Write the value itself.");
  }
  return scene.file.vars;
}

/** Column: value; a value may be `${vars.x}`, replaced here. */
export function resolveScope(scene: Scene): Readonly<Record<string, string>> {
  const entries = Object.entries(scene.file.scope).map(([column, value]): [string, string] => {
    const path = ["scope", column];
    if (!hasExpression(value)) return [column, value];
    const [part, more] = templateParts(value) ?? [];
    const name = part?.kind === "cel" && more === undefined ? /^vars\.(\w+)$/.exec(part.cel)?.[1] : undefined;
    if (name === undefined) {
      scene.fault(path, "The scope is a constant or one variable", 'Write the value, or "${vars.name}".');
      return [column, ""];
    }
    knownName(scene, path, "variable", { name, known: scene.names.vars });
    return [column, scene.file.vars[name] ?? ""];
  });
  return Object.fromEntries(entries);
}

export function resolveTypes(scene: Scene): Readonly<Record<string, DateType>> {
  const entries = Object.entries(scene.file.types).map(([name, node]): [string, DateType] => {
    const path = ["types", name];
    return [
      name,
      {
        name,
        form: formOf(scene, path, node),
        empty: node.empty ?? [],
        openEnd: node.openEnd ?? [],
        invalid: node.invalid,
        zone: node.zone,
        at: scene.place(path),
      },
    ];
  });
  return Object.fromEntries(entries);
}

function formOf(scene: Scene, path: Path, node: Scene["file"]["types"][string]): DateType["form"] {
  const said = (["integer", "text", "native"] as const).filter((form) => node[form] !== undefined);
  if (said.length !== 1 && !said.some((form) => scene.broken([...path, form])) && !(said.length === 0 && scene.broken(path)))
    scene.fault(
      path,
      "A format is exactly one of `integer`, `text` and `native`",
      "Write `integer: yyyyMMdd`, `text: dd.MM.yyyy` or `native: true`.",
    );
  if (node.integer !== undefined) return { kind: "integer", pattern: patternOf(scene, [...path, "integer"], node.integer) };
  if (node.text !== undefined) return { kind: "text", pattern: patternOf(scene, [...path, "text"], node.text) };
  if (node.native === false)
    scene.fault([...path, "native"], "`native` can only be true", "Write `integer` or `text` with a pattern instead.");
  return { kind: "native" };
}

const datePart = /'(?:[^']|'')*'|yyyy|yy|MM?|dd?|HH?|mm?|ss?|S{1,9}|[^A-Za-z']+/g;

/** Parts of a date's pattern; any other letter is a mistake, or stands in single quotes. */
function patternOf(scene: Scene, path: Path, pattern: string): string {
  const remedy = "Use yyyy (year), MM (month), dd (day), HH (hour), mm (minute) and ss (second), each once.";
  const parts = (pattern.match(datePart) ?? []).filter((part) => /^[A-Za-z]/.test(part)).map((part) => part[0]);
  const literals = pattern.replace(/[A-Za-z]/g, "");
  if (pattern.replace(datePart, "") !== "") scene.fault(path, "The pattern holds an unknown letter", remedy);
  else if (parts.length === 0 || new Set(parts).size !== parts.length)
    scene.fault(path, "The pattern must hold each part once", remedy);
  else if (parts.some((part) => "yMd".includes(part as string)) && !["y", "M", "d"].every((part) => parts.includes(part)))
    scene.fault(path, "A date needs year, month and day", remedy);
  else if (parts.some((part) => "msS".includes(part as string)) && !parts.includes("H"))
    scene.fault(path, "A time needs the hour", remedy);
  else if (path.at(-1) === "integer" && literals !== "")
    scene.fault(path, "The pattern of a number holds no other characters", "Write it without them, such as yyyyMMdd.");
  return pattern;
}

export function resolveMaps(scene: Scene): Readonly<Record<string, ValueMap>> {
  const entries = Object.entries(scene.file.maps).map(([name, node]): [string, ValueMap] => {
    const path = ["maps", name];
    if (Object.keys(node.read).length === 0 && !scene.broken([...path, "read"]))
      scene.fault([...path, "read"], "The map is empty", "Write `CODE: value`.");
    const unknown =
      typeof node.unknown === "string" ? { kind: "quarantine" as const } : { kind: "value" as const, value: node.unknown.value };
    return [name, { name, read: node.read, write: node.write ?? inverse(node.read), unknown, at: scene.place(path) }];
  });
  return Object.fromEntries(entries);
}

/** Codes by value; a value that several codes stand for is left out. */
function inverse(read: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const shared = new Set(sharedValues(read));
  return Object.fromEntries(Object.entries(read).flatMap(([code, value]) => (shared.has(value) ? [] : [[value, code]])));
}

/** Values that several codes stand for, so that none of them can be written back. */
export function sharedValues(read: Readonly<Record<string, string>>): string[] {
  const values = Object.values(read);
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}
