/** Names of tables and columns as the dictionaries know them: small letters without separators, without what all names of a schema begin with. */

const umlauts: Readonly<Record<string, string>> = { ä: "ae", ö: "oe", ü: "ue", ß: "ss" };

/** `Miet_Vertrag`, `mietVertrag` and `MIETVERTRAG` are one name. */
export function plainName(name: string): string {
  const last = name.split(".").at(-1) ?? name;
  return last
    .toLowerCase()
    .replace(/[äöüß]/g, (letter) => umlauts[letter] as string)
    .normalize("NFD")
    .replace(/[^a-z0-9]/g, "");
}

/** The words of a name: split at separators and where a small letter meets a capital one. */
export function wordsOf(name: string): string[] {
  return (name.split(".").at(-1) ?? name)
    .replace(/([a-zäöüß0-9])([A-ZÄÖÜ])/g, "$1_$2")
    .split(/[^\p{L}\p{N}]+/u)
    .map(plainName)
    .filter((word) => word !== "");
}

/**
 * What most of the names begin with, separator included (`llx_`, `MV_`), or nothing. For columns: `share` of them; a prefix of a few letters only, since
 * longer ones mean something.
 */
export function commonPrefix(names: readonly string[], share: number): string {
  const counts = new Map<string, number>();
  for (const name of names) {
    const prefix = /^[A-Za-z0-9]{1,6}[_$]+(?=.)/.exec(name)?.[0];
    if (prefix !== undefined) counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  const [prefix, count] = [...counts].sort((one, other) => other[1] - one[1])[0] ?? ["", 0];
  return names.length >= 3 && count >= names.length * share ? prefix : "";
}

export const withoutPrefix = (name: string, prefix: string): string =>
  prefix !== "" && name.startsWith(prefix) ? name.slice(prefix.length) : name;

/** A table's name without schema, without what all begin with, and without the word table itself (`tbl_unit`, `UNIT_TAB`). */
export const tableName = (name: string, prefix: string): string =>
  withoutPrefix(name.split(".").at(-1) as string, prefix)
    .replace(/^((tbl|tab|vw|TBL|TAB|VW)_|tbl(?=[A-Z]))/, "")
    .replace(/_(tbl|table|tab|vw|view)$/i, "");

/** The one of many, in both languages; the name itself where it is no plural that is known. */
export function singularOf(plain: string): string {
  const irregular: Readonly<Record<string, string>> = {
    haeuser: "haus",
    vertraege: "vertrag",
    mietvertraege: "mietvertrag",
    auftraege: "auftrag",
    schaeden: "schaden",
    vorgaenge: "vorgang",
    gebaeude: "gebaeude",
    zaehler: "zaehler",
    mieter: "mieter",
    people: "person",
    addresses: "address",
    houses: "house",
    leases: "lease",
    premises: "premises",
  };
  for (const [many, one] of Object.entries(irregular))
    if (plain.endsWith(many)) return plain.slice(0, plain.length - many.length) + one;
  if (/ies$/.test(plain)) return plain.replace(/ies$/, "y");
  if (/(ungen|heiten|keiten|schaften|ionen|onen)$/.test(plain)) return plain.slice(0, -2);
  if (/(ss|us|is|haus)$/.test(plain)) return plain;
  if (/s$/.test(plain)) return plain.slice(0, -1);
  return plain;
}
