import { type Ended, runNode } from "./child.ts";

interface Step {
  name: string;
  args: string[];
}

/** What must hold before anything is run; together under 30 s. */
const steps: Step[] = [
  {
    name: "format and lint (Biome)",
    args: ["node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "--colors=off", "--max-diagnostics=50", "."],
  },
  { name: "types (tsc)", args: ["node_modules/typescript/bin/tsc", "--noEmit", "--pretty", "false", "-p", "."] },
  { name: "import rules", args: ["test/support/check-imports.ts"] },
  { name: "dead code (knip)", args: ["node_modules/knip/bin/knip.js", "--no-progress"] },
];

export interface Verdict extends Ended {
  name: string;
}

/** Runs all steps side by side, reports each as it ends, prints what the failed ones said, and returns the verdicts. */
export async function runChecks(): Promise<Verdict[]> {
  const verdicts = await Promise.all(
    steps.map(async ({ name, args }) => {
      const ended = await runNode({ args, limitMs: 120_000 });
      console.log(`  ${ended.code === 0 ? "ok    " : "FAILED"} ${name}, ${(ended.ms / 1000).toFixed(1)} s`);
      return { ...ended, name };
    }),
  );
  for (const { name, output } of verdicts.filter((verdict) => verdict.code !== 0)) console.log(`\n${name}:\n${output.trim()}`);
  return verdicts;
}
