export interface Suite {
  /** Name of the vitest project. */
  name: string;
  what: string;
  /** Ended and counted as failed after so many minutes. */
  limitMinutes: number;
  /** Test files that run beside each other, where it is another number than vitest.config.ts says. */
  filesAtOnce?: number;
  /** Name of an earlier suite at whose side it runs. That one has precedence: this one takes what it leaves of the processors. */
  beside?: string;
}

/** In the order in which `npm test` begins them: the quickest verdict first. */
export const suites: Suite[] = [
  { name: "unit", what: "pure parts and single files", limitMinutes: 10 },
  {
    name: "fuzz",
    what: "frames, configurations and rows of chance for a few seconds each; longer by npm run fuzz",
    limitMinutes: 5,
  },
  {
    name: "simulation",
    what: "the agent's own code in a simulated world: some seeds of `npm run simulate`",
    limitMinutes: 5,
    beside: "fuzz",
  },
  {
    name: "fault",
    what: "kill -9, lost history, full disk, restored backups: real processes, real database",
    limitMinutes: 20,
    // They wait for time-outs and backoffs more than half of the time.
    filesAtOnce: 5,
  },
  {
    name: "contract",
    what: "every promise of connectors and store, on real databases",
    limitMinutes: 30,
    filesAtOnce: 3,
    // Alone it leaves a quarter of two processors idle, and as much the end of the fault files.
    beside: "fault",
  },
  { name: "storm", what: "a company of 10,000 units while agent, portal and database are killed 75 times", limitMinutes: 15 },
  {
    name: "end-to-end",
    what: "ERP, agent and portal as their users see them",
    limitMinutes: 20,
    filesAtOnce: 4,
    // The storm's kills are spread over minutes, in which it leaves more than half of two processors idle.
    beside: "storm",
  },
];

/** What runs at a time, in order: each suite with those at its side behind it. One whose companion was not chosen runs alone. */
export function turnsOf(chosen: readonly Suite[]): Suite[][] {
  const turns: Suite[][] = [];
  for (const suite of chosen) {
    const turn = turns.find(([first]) => first?.name === suite.beside);
    if (turn === undefined) turns.push([suite]);
    else turn.push(suite);
  }
  return turns;
}
