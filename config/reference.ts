/** The reference page (docs/configuration.md) and the editor's JSON Schema, both made from the one schema. Pure. */
import * as z from "zod";
import { connectors } from "../connectors/registry.ts";
import { commandNames } from "./resolve-command.ts";
import { configFile } from "./schema.ts";

interface JsonSchema {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  enum?: string[];
  const?: unknown;
  default?: unknown;
  description?: string;
  /** What the text must be, in a word or two: said by the schema for the page, and taken out for editors. */
  takes?: string;
}

function inputSchema(override: (schema: JsonSchema) => void): JsonSchema {
  return z.toJSONSchema(configFile, {
    io: "input",
    unrepresentable: "any",
    reused: "inline",
    override: ({ jsonSchema }) => override(jsonSchema as JsonSchema),
  }) as JsonSchema;
}

/** JSON Schema of the file for editors. Scalars may be written without quotes: an editor reads `5` as a number, the agent reads every scalar as text. */
export function editorSchema(): object {
  const schema = inputSchema((part) => {
    if (part.type === "string" && part.enum === undefined && part.const === undefined)
      part.type = ["string", "number", "boolean", "null"];
    delete part.takes;
  });
  return { ...schema, title: "erpfuser.yaml" };
}

const intro = `# Configuration reference

Made from the schema by \`npm run generate\`: do not edit. Complete files stand in [config/examples](../config/examples).
\`erpfuser check\` lists every fault of a file with its line and what to do.

- When reading, plain text is a column; when writing, plain text is a constant. \`"\${…}"\` is a CEL expression in both, always in quotes.
- Every scalar is text: \`010\`, \`NO\` and \`1e3\` stay what was written. Switches are \`true\` or \`false\`.
- A duration is a number with \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`; a schedule is a duration or a cron line of five fields.
- A secret is \`{ secret: name }\`, stored with \`erpfuser secret set name\`.
- In SQL, \`\${vars.name}\` is replaced once and must be an identifier. Values are parameters: \`:vars.name\` everywhere, \`:row.COLUMN\` in child rows,
  \`:command.id\`, \`:field.name\` and \`:result.name\` in commands.
- For editors with a YAML language server: \`# yaml-language-server: $schema=config/generated/erpfuser.schema.json\` as the file's first line.
`;

/** The reference page, in Markdown. */
export function referencePage(): string {
  const schema = inputSchema(() => {});
  const known: Rendered = new Map();
  const sections = Object.entries(schema.properties ?? {}).map(([name, section]) => {
    const required = schema.required?.includes(name) ? "" : " Optional.";
    return [`## ${name}`, `${section.description ?? ""}.${required}`, ...tables(section, nameOf(name, section), known)].join(
      "\n\n",
    );
  });
  const forms = (["field", "write"] as const).map((name) => {
    const { title, says } = shared[name];
    return [`## ${title}`, says, ...formTables(schema.$defs?.[name] ?? {}, "key", known)].join("\n\n");
  });
  const kinds = [...new Set(Object.values(connectors))].map((module) => {
    const names = Object.keys(connectors).filter((name) => connectors[name] === module);
    const keys = z.toJSONSchema(module.settings, { io: "input", unrepresentable: "any" }) as JsonSchema;
    return [`## Connector ${names.join(", ")}`, "Further keys under `erp`.", ...tables(keys, "erp", known)].join("\n\n");
  });
  const commands = `## Commands of the portal\n\n${commandNames.map((name) => `\`${name}\``).join(", ")}; of a type of your own \`x-NAME.create\` and \`x-NAME.update\`.`;
  return `${[intro.trim(), ...sections, ...kinds, ...forms, commands].join("\n\n")}\n`;
}

/** Tables that stand on the page already: what they hold, and under which path. */
type Rendered = Map<string, string>;

const reading = {
  title: "Reading a value",
  says: "Plain text is a column. `when` can stand at fields and at items of lists, `owner` at fields only; the rest everywhere, inside of objects and lists too.",
};
const shared = {
  field: reading,
  item: reading,
  value: reading,
  write: { title: "Writing a value", says: "Plain text is a constant." },
};

const nameOf = (name: string, section: JsonSchema): string => (isNamed(section) ? `${name}.NAME` : name);
const isNamed = (schema: JsonSchema): schema is JsonSchema & { additionalProperties: JsonSchema } =>
  schema.properties === undefined && typeof schema.additionalProperties === "object";

/** A table of the keys of `schema`, and tables of what nests below it. */
function tables(schema: JsonSchema, path: string, known: Rendered): string[] {
  const body = isNamed(schema) ? schema.additionalProperties : schema;
  if (body.anyOf) return formTables(body, path, known);
  if (body.properties === undefined) return [];
  const before = known.get(JSON.stringify(body.properties));
  if (before !== undefined) return [`\`${path}\` takes the keys of \`${before}\`.`];
  known.set(JSON.stringify(body.properties), path);
  const own = [
    `| \`${path}\` | takes | |`,
    "|---|---|---|",
    ...Object.entries(body.properties).map(([key, value]) => rowOf(key, value, body)),
  ].join("\n");
  const inner = Object.entries(body.properties).flatMap(([key, value]) => innerTables(value, `${path}.${key}`, known));
  return [own, ...inner];
}

/** Tables of the objects in a value: itself, the items of a list, the named ones of a record. */
function innerTables(value: JsonSchema, path: string, known: Rendered): string[] {
  if (value.$ref !== undefined) return [];
  const item = value.items ?? value;
  const at = value.items ? `${path}[]` : isNamed(item) ? `${path}.NAME` : path;
  const options = (item.anyOf ?? [item]).filter((option) => option.properties ?? isNamed(option));
  return options.flatMap((option) => tables(option, at, known));
}

/** One table for each form of a value that can be written in several ways. */
function formTables(schema: JsonSchema, path: string, known: Rendered): string[] {
  return (schema.anyOf ?? []).flatMap((form) => {
    const said = form.description === undefined ? [] : [`**${cell(form.description)}**`];
    return form.properties === undefined
      ? said.map((line) => `${line}: ${takes(form)}.`)
      : [...said, ...tables(form, path, known)];
  });
}

function rowOf(key: string, value: JsonSchema, parent: JsonSchema): string {
  const required = parent.required?.includes(key) ? " (required)" : "";
  const fallback =
    value.default === undefined || typeof value.default === "object" ? "" : ` Default: \`${String(value.default)}\`.`;
  const text = value.description === undefined ? "" : `${cell(value.description).replace(/\.$/, "")}.`;
  return `| \`${key}\`${required} | ${takes(value)} | ${text}${fallback} |`;
}

/** What may be written, in a word or two. */
function takes(schema: JsonSchema): string {
  if (schema.takes !== undefined) return schema.takes;
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1) as string;
    if (!(name in shared)) return "text, list or object";
    const { title } = shared[name as keyof typeof shared];
    return `[${name === "write" ? "a written value" : "a read value"}](#${title.toLowerCase().replaceAll(" ", "-")})`;
  }
  if (schema.enum) return schema.enum.map((word) => `\`${word}\``).join(", ");
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.anyOf) {
    const [one, more] = schema.anyOf;
    if (one && more?.items && JSON.stringify(takes(more.items)) === JSON.stringify(takes(one)))
      return `${takes(one)}; one or a list`;
    return [...new Set(schema.anyOf.map(takes))].join(", or ");
  }
  if (schema.items) return `list of ${takes(schema.items)}`;
  if (isNamed(schema)) return `\`name: …\`, each ${takes(schema.additionalProperties)}`;
  if (schema.properties) return `\`{ ${Object.keys(schema.properties).join(", ")} }\``;
  return "text";
}

const cell = (text: string): string => text.replaceAll("|", "\\|");
