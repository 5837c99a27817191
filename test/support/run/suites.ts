export interface Suite {
  /** Name of the vitest project. */
  name: string;
  what: string;
  /** Ended and counted as failed after so many minutes. */
  limitMinutes: number;
  /** Test files that run beside each other, where it is another number than vitest.config.ts says. */
  filesAtOnce?: number;
}

/** In the order in which `npm test` runs them: the quickest verdict first. */
export const suites: Suite[] = [
  { name: "unit", what: "pure parts and single files", limitMinutes: 10 },
  { name: "contract", what: "every promise of connectors and store, on real databases", limitMinutes: 15, filesAtOnce: 3 },
  {
    name: "fuzz",
    what: "frames, configurations and rows of chance for a few seconds each; longer by npm run fuzz",
    limitMinutes: 5,
  },
  { name: "simulation", what: "the agent's own code in a simulated world: some seeds of `npm run simulate`", limitMinutes: 5 },
  {
    name: "fault",
    what: "kill -9, lost history, full disk, restored backups: real processes, real database",
    limitMinutes: 15,
    // They wait for time-outs and backoffs more than half of the time.
    filesAtOnce: 5,
  },
  { name: "storm", what: "a company of 10,000 units while agent, portal and database are killed 75 times", limitMinutes: 10 },
  { name: "end-to-end", what: "ERP, agent and portal as their users see them", limitMinutes: 12, filesAtOnce: 4 },
];
