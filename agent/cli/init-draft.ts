/** A first configuration out of what the database describes: recognised tables become sources, everything else is listed as comments. Pure. */
import type { Column, Table } from "../../connectors/connector.ts";

export interface DraftParts {
  name: string;
  portal: string;
  state: string;
  connector: string;
  /** Keys under `erp:` that reach the database, e.g. `file`. */
  connection: Readonly<Record<string, string | { secret: string }>>;
  timezone: string;
  tables: readonly Table[];
}

interface Recognised {
  source: string;
  type: string;
  table: Table;
  /** `field: yaml`, in order. */
  fields: readonly (readonly [string, string])[];
}

/** Names that housing ERPs give their tables, in German and English. */
const shapes = [
  { type: "property", source: "properties", names: /^(objekt|wirtschaftseinheit|liegenschaft|property|properties|estate)s?$/i },
  { type: "building", source: "buildings", names: /^(haus|haeuser|gebaeude|hauseingang|building)s?$/i },
  { type: "unit", source: "units", names: /^(wohnung|wohnungen|einheit|nutzungseinheit|mietobjekt|unit|apartment|flat)s?$/i },
  { type: "person", source: "persons", names: /^(person|personen|mieter|kontakt|adresse|tenant|contact|partner)s?$/i },
] as const;

const nameColumn = /^(bez|bezeichnung|name|name1|nachname|last_?name|lage|text|title|label|description)$/i;
/** Not NAME2: with many ERPs that is the second person of a household. */
const firstNameColumn = /^(vorname1?|first_?name1?|given_?name)$/i;
const companyColumn = /^(mandant|firma|buchungskreis|bukrs|company|company_?(id|no|code))$/i;
const emailColumn = /^(e_?mail|mail)(_?adresse)?$/i;

/** Text of the draft. */
export function draftConfiguration(parts: DraftParts): string {
  const recognised = recognise(parts.tables);
  const rest = parts.tables.filter((table) => !recognised.some((found) => found.table === table));
  return [
    "# First draft by `erpfuser init`. The language is told in docs/configuration.md.",
    "# Check it with `erpfuser check`, look at it with `erpfuser preview SOURCE`.",
    `agent: { name: ${quote(parts.name)}, portal: ${quote(parts.portal)}, stage: test, state: ${quote(parts.state)} }`,
    "erp:",
    `  connector: ${quote(parts.connector)}`,
    ...Object.entries(parts.connection).map(([key, value]) => `  ${key}: ${settingText(value)}`),
    `  timezone: ${quote(parts.timezone)}   # what local times in this database mean`,
    "",
    ...scopeComment(recognised),
    "sources:",
    ...recognised.flatMap(sourceLines),
    ...(recognised.length === 0 ? ["  # No table was recognised by its name. Describe at least one, as below."] : []),
    "",
    "# Tables that no source reads yet:",
    ...rest.flatMap(tableComment),
    "",
  ].join("\n");
}

function recognise(tables: readonly Table[]): Recognised[] {
  const found: Recognised[] = [];
  for (const shape of shapes) {
    const table = tables.find((candidate) => shape.names.test(candidate.name) && candidate.primaryKey.length > 0);
    const fields = table && fieldsOf(shape.type, table, found);
    if (table && fields) found.push({ source: shape.source, type: shape.type, table, fields });
  }
  return found;
}

function fieldsOf(type: string, table: Table, parents: readonly Recognised[]): [string, string][] | undefined {
  const column = (pattern: RegExp): string | undefined =>
    table.columns.find((each) => isText(each) && pattern.test(each.name))?.name;
  const name = column(nameColumn);
  if (name === undefined) return undefined;
  switch (type) {
    case "property":
      return [["name", quote(name)]];
    case "building": {
      const parent = parentRef(table, parents, "property");
      if (parent === undefined) return undefined;
      return [
        ["propertyId", parent],
        ["name", quote(name)],
      ];
    }
    case "unit": {
      const building = parentRef(table, parents, "building");
      const property = building ? undefined : parentRef(table, parents, "property");
      return [
        ...(building ? [["buildingId", building] as [string, string]] : []),
        ...(property ? [["propertyId", property] as [string, string]] : []),
        ["name", quote(name)],
        ["objectType", "{ value: flat }"],
      ];
    }
    default: {
      const first = column(firstNameColumn);
      const email = column(emailColumn);
      return [
        ["kind", "{ value: natural }"],
        ["lastName", quote(name)],
        ...(first ? [["firstName", quote(first)] as [string, string]] : []),
        ...(email
          ? [["emails", `{ from: ${quote(email)}, do: [trim, lower, empty-to-null, email-list] }`] as [string, string]]
          : []),
      ];
    }
  }
}

/** A reference where the table has all key columns of the parent's table by name. */
function parentRef(table: Table, parents: readonly Recognised[], type: string): string | undefined {
  const parent = parents.find((each) => each.type === type);
  if (!parent) return undefined;
  const own = new Map(table.columns.map((each) => [each.name.toLowerCase(), each.name]));
  const key = parent.table.primaryKey.map((column) => own.get(column.toLowerCase()));
  if (key.some((column) => column === undefined)) return undefined;
  return `{ ref: ${parent.source}, key: ${listText(key as string[])} }`;
}

const isText = (column: Column): boolean => column.type === "text";

function sourceLines({ source, type, table, fields }: Recognised): string[] {
  return [
    `  # ${oneLine(table.name)}${sizeOf(table)}: ${columnList(table)}`,
    `  ${source}:`,
    `    type: ${type}`,
    `    table: ${quote(table.name)}`,
    `    key: ${listText(table.primaryKey)}`,
    "    changes: { compare: 15m }",
    "    fields:",
    ...fields.map(([field, read]) => `      ${field}: ${read}`),
  ];
}

/** The column that tells companies apart, where all keys begin with one: a line to switch on. */
function scopeComment(recognised: readonly Recognised[]): string[] {
  const column = recognised[0]?.table.primaryKey.find((name) => companyColumn.test(name));
  if (column === undefined) return [];
  return [`# scope: { ${quote(column)}: "001" }   # one company only: added to every source that has the column`, ""];
}

function tableComment(table: Table): string[] {
  return [
    `#   ${oneLine(table.name)}${sizeOf(table)}; key ${table.primaryKey.join(", ") || "none"}${table.comment ? `; ${oneLine(table.comment)}` : ""}`,
    `#     ${columnList(table)}`,
  ];
}

const sizeOf = (table: Table): string => (table.rows === undefined ? "" : `, about ${table.rows} rows`);
const columnList = (table: Table): string => oneLine(table.columns.map((each) => `${each.name} ${each.type}`).join(", "));
const oneLine = (text: string): string => text.replace(/\s+/g, " ");
const settingText = (value: string | { secret: string }): string =>
  typeof value === "string" ? quote(value) : `{ secret: ${quote(value.secret)} }`;
const listText = (names: readonly string[]): string => `[${names.map(quote).join(", ")}]`;
/** As it is where YAML can't take it for anything else; `${` would begin an expression. */
const quote = (text: string): string => (/^[\p{L}\p{N}_.-]+$/u.test(text) ? text : JSON.stringify(text));
