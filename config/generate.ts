/** `npm run generate`: writes what is made from the configuration's schema. A test fails while the files in the tree differ. */
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { databasesPage } from "./databases-page.ts";
import { editorSchema, referencePage } from "./reference.ts";

/** Generated files by their path from the project's root. */
export function generatedFiles(): Readonly<Record<string, string>> {
  return {
    "config/generated/presets.ts": presetModule(),
    "config/generated/erpfuser.schema.json": `${JSON.stringify(editorSchema(), undefined, 2)}\n`,
    "docs/configuration.md": referencePage(),
    "docs/databases.md": databasesPage(),
  };
}

const presets = new URL("presets/", import.meta.url);

/** The presets as one module of texts: a single executable has no files beside it. */
function presetModule(): string {
  const names = readdirSync(presets).sort();
  const texts = names.map((name) => [name.replace(/\.yaml$/, ""), readFileSync(new URL(name, presets), "utf8")] as const);
  const entries = texts.map(([name, text]) => `  ${name}: ${templateLiteral(text)},\n`);
  return `/** Made from config/presets by \`npm run generate\`: do not edit. */\n// biome-ignore-all lint: a text\nexport const presetTexts: Readonly<Record<string, string>> = {\n${entries.join("")}};\n`;
}

const templateLiteral = (text: string): string => `\`${text.replace(/[\\`]|\$(?=\{)/g, "\\$&")}\``;

async function writeAll(): Promise<void> {
  const root = new URL("../", import.meta.url);
  for (const [path, contents] of Object.entries(generatedFiles())) {
    const file = new URL(path, root);
    await mkdir(new URL("./", file), { recursive: true });
    await writeFile(file, contents);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeAll();
