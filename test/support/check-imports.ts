// Lists every import of the tree that the rules of import-rules.ts forbid; exit code 1 when there is one.
import { globSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { importBreaches } from "./import-rules.ts";

const root = dirname(dirname(import.meta.dirname));
const paths = globSync("{agent,base,bench,config,connectors,installer,portal,protocol,test}/**/*.ts", { cwd: root });
const files = paths.sort().map((path) => ({ path: path.replaceAll("\\", "/"), text: readFileSync(`${root}/${path}`, "utf8") }));
const breaches = importBreaches(files);
for (const { path, line, target, reason } of breaches) console.log(`${path}:${line}  ${target}: ${reason}`);
console.log(`${files.length} files, ${breaches.length} forbidden imports`);
process.exitCode = breaches.length === 0 ? 0 : 1;
