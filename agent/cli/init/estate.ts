/** Drafts of estates, buildings and units. */
import type { Column } from "../../../connectors/connector.ts";
import type { TypeName } from "../../../protocol/model.ts";
import { type Bench, cleaned, referenceField } from "./bench.ts";
import { codeWords } from "./code-words.ts";
import { type DraftedField, quoted } from "./drafted.ts";
import { filled } from "./evidence.ts";

/** What a table would give as a source of some type. Undefined where it lacks what every entity of the type needs. */
export interface Built {
  fields: readonly DraftedField[];
  lead?: readonly string[];
  off?: string;
}

const isDecimal = ({ type }: Column): boolean => type === "decimal" || type === "integer" || type === "float";

export function property(bench: Bench): Built | undefined {
  const name = bench.text("name") ?? bench.text("street");
  if (name === undefined) return undefined;
  return { fields: [{ name: "name", yaml: quoted(name.name) }, ...address(bench)] };
}

export function building(bench: Bench): Built | undefined {
  const [parent] = bench.references("property");
  const name = bench.text("name") ?? bench.text("street");
  if (parent === undefined || name === undefined) return undefined;
  const propertyId = referenceField("propertyId", parent, { evidence: bench.evidence, optional: false });
  return { fields: [propertyId, { name: "name", yaml: quoted(name.name) }, ...address(bench)] };
}

export function unit(bench: Bench): Built | undefined {
  const [parent] = [...bench.references("building"), ...bench.references("property")];
  const name =
    bench.text("unitName") ??
    bench.columns.one("unitName") ??
    bench.table.columns.find((column) => column.name === bench.key.at(-1));
  if (parent === undefined || name === undefined) return undefined;
  const above: TypeName = parent.parent.type;
  const kind = bench.columns.one("unitKind", ({ type }) => type === "text" || type === "integer");
  const owned = bench.columns.one("owned");
  const floor = bench.columns.one("floor", ({ type }) => type === "text" || type === "integer");
  const area = bench.columns.one("area", isDecimal);
  const rooms = bench.columns.one("rooms", isDecimal);
  return {
    fields: [
      referenceField(above === "building" ? "buildingId" : "propertyId", parent, { evidence: bench.evidence, optional: false }),
      { name: "name", yaml: name.type === "text" ? cleaned(name.name, "trim") : quoted(name.name) },
      objectType(bench, kind),
      ...mappedOrComment(bench, "usage", owned),
      ...(floor ? [{ name: "floor", yaml: quoted(floor.name) }] : []),
      ...(area ? [{ name: "areaSquareMetres", yaml: quoted(area.name) }] : []),
      ...(rooms ? [{ name: "rooms", yaml: quoted(rooms.name) }] : []),
    ],
  };
}

function objectType(bench: Bench, kind: Column | undefined): DraftedField {
  const mapped =
    kind && bench.mapped("objectType", kind, { map: "objectType", meanings: codeWords.unitKind, otherwise: "other" });
  if (mapped !== undefined) return mapped;
  const why = kind === undefined ? "no column was recognised that tells the kinds apart" : bench.puzzled(kind);
  return { name: "objectType", yaml: "{ value: flat }", note: `${why}: all are sent as flats` };
}

function mappedOrComment(bench: Bench, field: "usage", column: Column | undefined): DraftedField[] {
  if (column === undefined) return [];
  const mapped = bench.mapped(field, column, { map: field, meanings: codeWords[field] });
  return [
    mapped ?? {
      name: field,
      yaml: `{ from: ${quoted(column.name)}, map: ${field} }`,
      off: bench.puzzled(column),
    },
  ];
}

/** An address out of the columns that are there; a country only where the column holds the two letters of ISO 3166. */
export function address(bench: Bench): DraftedField[] {
  const parts = (["street", "houseNumber", "postalCode", "city"] as const).flatMap((part) => {
    const column = bench.text(part);
    return column ? [`${part}: ${quoted(column.name)}`] : [];
  });
  const country = bench.table.columns.find(
    ({ name, type }) => type === "text" && /^(land|country|countrycode|lkz|laendercode)$/.test(bench.columns.plain(name)),
  );
  const codes = country === undefined ? [] : filled(bench.sample, country.name);
  if (country && codes.length > 0 && codes.every((code) => typeof code === "string" && /^[A-Z]{2}$/.test(code)))
    parts.push(`country: ${quoted(country.name)}`);
  return parts.length < 2 ? [] : [{ name: "address", yaml: `{ ${parts.join(", ")} }` }];
}
