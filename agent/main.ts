import { enableCompileCache } from "node:module";

// Before anything else is loaded: stripped and compiled code of the last run saves start-up time and some 30 MB.
enableCompileCache();
const { runCommandLine } = await import("./cli/program.ts");
process.exitCode = await runCommandLine(process.argv.slice(2), process.env);
