// `npm run check`: format, lint, import rules, types and dead code, side by side.
import { runChecks } from "./check-steps.ts";
import { runNode } from "./child.ts";

if (process.argv.includes("--fix")) {
  await runNode({ args: ["node_modules/@biomejs/biome/bin/biome", "check", "--write", "."], inherit: true });
}
const failed = (await runChecks()).filter((verdict) => verdict.code !== 0);
process.exitCode = failed.length === 0 ? 0 : 1;
