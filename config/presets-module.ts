/** `npm run generate`, first part: the presets as one module of texts, since a single executable has no files beside it. The schema names them, and so what is made from it comes second. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const presets = new URL("presets/", import.meta.url);

export function presetsModule(): string {
  const texts = readdirSync(presets)
    .sort()
    .map((name) => [name.replace(/\.yaml$/, ""), readFileSync(new URL(name, presets), "utf8")] as const);
  const entries = texts.map(([name, text]) => `  ${name}: ${templateLiteral(text)},\n`);
  return `/** Made from config/presets by \`npm run generate\`: do not edit. */
// biome-ignore-all lint: a text
export const presetTexts: Readonly<Record<string, string>> = {
${entries.join("")}};
`;
}

const templateLiteral = (text: string): string => `\`${text.replace(/[\\`]|\$(?=\{)/g, "\\$&")}\``;

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(new URL("generated/presets.ts", import.meta.url), presetsModule());
