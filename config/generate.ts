/** `npm run generate`: writes what is made from the configuration's schema. A test fails while the files in the tree differ. */
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { databasesPage } from "./databases-page.ts";
import { presetsModule } from "./presets-module.ts";
import { editorSchema, referencePage } from "./reference.ts";

/** Generated files by their path from the project's root. */
export function generatedFiles(): Readonly<Record<string, string>> {
  return {
    "config/generated/presets.ts": presetsModule(),
    "config/generated/erpfuser.schema.json": `${JSON.stringify(editorSchema(), undefined, 2)}\n`,
    "docs/configuration.md": referencePage(),
    "docs/databases.md": databasesPage(),
  };
}

async function writeAll(): Promise<void> {
  const root = new URL("../", import.meta.url);
  for (const [path, contents] of Object.entries(generatedFiles())) {
    const file = new URL(path, root);
    await mkdir(new URL("./", file), { recursive: true });
    await writeFile(file, contents);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeAll();
