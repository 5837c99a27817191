/**
 * File names as the configuration describes them, and the order of the files of one table. `{yyyyMMdd}` and the like, and `{n}`, make the order; `*` is any
 * text that says nothing. Names are compared without regard to case, as Windows does it.
 */

/** What a name tells. */
export interface NamedFile {
  /** Compares as text; undefined where the pattern has no part that tells the order. */
  order: string | undefined;
  /** A person has renamed it to `NAME.accepted`: what seems too small or too late is imported all the same. */
  accepted: boolean;
}

export type FileNames = (name: string) => NamedFile | undefined;

const acceptedEnding = ".accepted";
const part = /\{([^{}]*)\}|\*|[^{}*]+|[{}]/g;
const dateParts = ["yyyy", "MM", "dd", "HH", "mm", "ss"] as const;
const dateLetters = /yyyy|MM|dd|HH|mm|ss|[^A-Za-z]+|./g;

/** Why a text is no pattern of file names; undefined when it is one. */
export function patternFault(pattern: string): string | undefined {
  if (/[\\/]/.test(pattern)) return "write a file name without a folder";
  for (const [piece, inner] of pattern.matchAll(part)) {
    if (piece === "{" || piece === "}") return "write parts such as {yyyyMMdd} or {n}, with both brackets";
    if (inner === undefined || inner === "n") continue;
    const letters: string[] = inner.match(dateLetters) ?? [];
    if (letters.some((text) => /[A-Za-z]/.test(text) && !dateParts.includes(text as (typeof dateParts)[number])))
      return `{${inner.slice(0, 40)}} is neither {n} nor made of yyyy, MM, dd, HH, mm and ss`;
    const named = letters.filter((text) => /[A-Za-z]/.test(text));
    if (new Set(named).size < named.length) return `{${inner.slice(0, 40)}} names a part twice`;
    if (!letters.includes("yyyy")) return `{${inner.slice(0, 40)}} needs at least the year, yyyy`;
  }
  return undefined;
}

/** Kinds of the parts that make the order, for comparing two patterns. */
export function orderShape(pattern: string): string {
  return [...pattern.matchAll(part)]
    .flatMap(([, inner]) => (inner === undefined ? [] : [inner === "n" ? "n" : "date"]))
    .join(",");
}

/** @param pattern one without `patternFault` */
export function fileNames(pattern: string): FileNames {
  const makers: ((groups: string[]) => string)[] = [];
  let text = "";
  let groups = 0;
  for (const [piece, inner] of pattern.matchAll(part)) {
    if (piece === "*") text += ".*";
    else if (inner === undefined) text += escaped(piece);
    else if (inner === "n") {
      const at = groups++;
      text += "(\\d{1,18})";
      makers.push((found) => (found[at] as string).padStart(18, "0"));
    } else {
      const dated = datePart(inner, groups);
      groups += dated.groups;
      text += dated.text;
      makers.push(dated.make);
    }
  }
  const expression = new RegExp(`^${text}$`, "iu");
  return (name) => {
    const accepted = name.toLowerCase().endsWith(acceptedEnding);
    const match = expression.exec(accepted ? name.slice(0, -acceptedEnding.length) : name);
    if (!match) return undefined;
    const found = match.slice(1) as string[];
    return { order: makers.length === 0 ? undefined : makers.map((make) => make(found)).join("."), accepted };
  };
}

function datePart(inner: string, from: number): { text: string; groups: number; make: (found: string[]) => string } {
  const at = new Map<string, number>();
  let text = "";
  for (const piece of inner.match(dateLetters) ?? []) {
    if (!/[A-Za-z]/.test(piece)) {
      text += escaped(piece);
      continue;
    }
    at.set(piece, from + at.size);
    text += `(\\d{${piece.length}})`;
  }
  const make = (found: string[]): string => dateParts.map((name) => found[at.get(name) ?? -1] ?? "").join("");
  return { text, groups: at.size, make };
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
