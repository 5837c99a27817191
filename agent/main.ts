import { enableCompileCache } from "node:module";

// Before anything else is loaded: stripped and compiled code of the last run saves start-up time and some 30 MB.
enableCompileCache();
// A reader that has seen enough (`| head`) ends the command, and that is no error. It shows only after the command's own end.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});
const { runCommandLine } = await import("./cli/program.ts");
process.exitCode = await runCommandLine(process.argv.slice(2), process.env);
