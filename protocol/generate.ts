/** `npm run generate`: writes protocol/generated/ from the schemas. A test fails while the files are not what this would write. */
import { mkdirSync, writeFileSync } from "node:fs";
import { documents } from "./documents.ts";

const folder = new URL("./generated/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [file, text] of Object.entries(await documents())) writeFileSync(new URL(file, folder), text);
