/** What goes wrong: network, processes, disks, databases, clocks; and what people do about it. */
import { commitPoints } from "../../support/commit-points.ts";
import { type TableName, tables } from "../erp/schema.ts";
import { type Backup, usualMoods } from "../erp/server.ts";
import { firstDrain } from "../world/agent-machine.ts";
import type { Chance } from "../world/chance.ts";
import type { Copy, World } from "../world/world.ts";
import { deeds } from "./life.ts";

export type Fault = (world: World, chance: Chance) => void;

const minuteMs = 60_000;

/** How long something is down: mostly moments, sometimes minutes. */
const downMs = (chance: Chance): number =>
  chance.hits(0.75) ? chance.between(200, 15_000) : chance.between(15_000, 6 * minuteMs);

const linkCut: Fault = ({ network }) => {
  for (const connection of network.connections) connection.cut();
};

const halfOpen: Fault = ({ network }, chance) => {
  for (const connection of network.connections) connection.deafen(chance.pick(["agent", "portal"]));
};

const partition: Fault = ({ network }, chance) => network.partition(downMs(chance));

const slowNetwork: Fault = ({ network, time }, chance) => {
  network.slowUntil = time.now + chance.between(10_000, 2 * minuteMs);
};

const slowPortal: Fault = ({ portal, time }, chance) => {
  const { hub } = portal;
  if (hub === undefined) return;
  hub.desk.hooks.ackDelayMs = chance.between(500, 20_000);
  time.after(chance.between(10_000, 3 * minuteMs), () => {
    hub.desk.hooks.ackDelayMs = undefined;
  });
};

const portalKilled: Fault = ({ portal, startPortal, time }, chance) => {
  portal.kill();
  time.after(downMs(chance), startPortal);
};

const portalStopped: Fault = ({ portal, startPortal, time }, chance) => {
  portal.stop();
  // Whoever does not stop in time is ended.
  time.after(10_000 + downMs(chance), () => {
    portal.kill();
    startPortal();
  });
};

const portalKilledAtCommit: Fault = ({ portal, startPortal, time }, chance) => {
  portal.deadly = { moment: chance.pick(["before-commit", "after-commit"]), nth: chance.whole(1, 6) };
  time.after(30_000 + downMs(chance), () => {
    portal.deadly = undefined;
    startPortal();
  });
};

/** A copy of its store takes its place, some minutes old; often one that was made while a command was under way. */
const portalRestored: Fault = ({ portal, oracle, startPortal, time, copies }, chance) => {
  const now = (): Copy => ({ content: portal.file.content(), at: time.now });
  const copy = chance.hits(0.5) ? (copies.portal ?? now()) : now();
  time.after(chance.between(1_000, 6 * minuteMs), () => {
    portal.kill();
    portal.file.replace(copy.content);
    oracle.portalSetBack(copy.at);
    time.after(downMs(chance), startPortal);
  });
};

/** Its process stands still; another takes over on the same store, and the first one wakes up once more. Sometimes the agent has a new epoch by then. */
const portalHangs: Fault = (world, chance) => {
  const { portal, agent, network, startPortal, time } = world;
  const wake = portal.hang();
  if (wake === undefined) return;
  const loses = chance.hits(0.5);
  const takeOverMs = chance.between(500, 30_000);
  time.after(takeOverMs, () => {
    for (const connection of network.connections) connection.breakFor("agent");
    startPortal();
    if (loses) storeLost(world, chance);
    else if (!agent.running) agent.start();
  });
  time.after(takeOverMs + chance.between(1_000, 40_000), wake);
};

const agentKilled: Fault = ({ agent, time }, chance) => {
  agent.kill();
  time.after(downMs(chance), () => agent.start());
};

const agentStopped: Fault = ({ agent, time }, chance) => {
  agent.stop();
  time.after(15_000 + downMs(chance), () => {
    agent.kill();
    agent.start();
  });
};

const commits = [
  firstDrain,
  firstDrain,
  "drain",
  "scan",
  "scan-complete",
  "signal",
  "command-claim",
  "command-conclude",
  "renew-epoch",
  "refusals",
  "inventory",
  "identity",
  "mend",
  "look",
  undefined,
];

const agentKilledAtCommit: Fault = ({ agent, time }, chance) => {
  const moment = chance.pick(["before-commit", "after-commit"] as const);
  agent.deadly = { at: "commit", moment, name: chance.pick(commits), nth: chance.whole(1, 8) };
  revive(agent, time, chance);
};

/** Often a clerk changes meanwhile what the command was about. */
const agentKilledAtPoint: Fault = ({ agent, time, office }, chance) => {
  agent.deadly = { at: "point", point: chance.pick(commitPoints), nth: chance.whole(1, 2) };
  const after = chance.pick(["note corrected", "ticket retitled", undefined]);
  agent.onDeath = () => {
    if (after !== undefined) time.after(chance.between(10, 1_000), () => deeds[after]?.deed(office, chance));
  };
  revive(agent, time, chance);
};

/** The service manager looks every few seconds whether it must be started again. */
export function revive(agent: World["agent"], time: World["time"], chance: Chance): void {
  const everyMs = chance.between(2_000, 20_000);
  const until = time.now + 8 * minuteMs;
  const look = (): void => {
    if (!agent.running) agent.start();
    if (time.now < until) time.after(everyMs, look);
    else agent.deadly = undefined;
  };
  time.after(everyMs, look);
}

const diskFull: Fault = ({ agent, time }, chance) => {
  agent.fullUntil = time.now + chance.between(1_000, 2 * minuteMs);
};

const storeRestored: Fault = ({ agent, oracle, time, copies }, chance) => {
  const now = (): Copy => ({ content: agent.file.content(), at: time.now });
  const copy = chance.hits(0.5) ? (copies.agent ?? now()) : now();
  time.after(chance.between(1_000, 6 * minuteMs), () => {
    agent.kill();
    agent.file.replace(copy.content);
    oracle.storeSetBack(copy.at);
    time.after(downMs(chance), () => agent.start());
  });
};

/** At any time, or in the moment at which commands wait to be carried out. */
const storeLost: Fault = (world, chance) => {
  const { agent, oracle, time } = world;
  const lose = (): void => {
    agent.kill();
    agent.file.replace(undefined);
    oracle.storeSetBack(0);
    time.after(downMs(chance), () => agent.start());
  };
  if (chance.hits(0.5)) return lose();
  const until = time.now + 4 * minuteMs;
  const look = (): void => {
    const counts = agent.store?.inbox.counts();
    if (time.now >= until || (counts !== undefined && counts.received + counts.executing > 0)) lose();
    else time.after(10, look);
  };
  look();
};

/** A copy of the machine runs beside the first one for a while. */
const cloned: Fault = ({ agent, clone, oracle, time }, chance) => {
  if (clone.running) return;
  clone.file.replace(agent.file.content());
  oracle.storeSetBack(time.now);
  clone.start();
  time.after(chance.between(20_000, 5 * minuteMs), () => clone.kill());
};

const erpRestarts: Fault = ({ erp, time }, chance) => {
  erp.stop();
  time.after(downMs(chance), () => {
    erp.up = true;
  });
};

/** The ERP behaves like this for a while. */
const mood =
  (name: keyof World["erp"]["moods"], low: number, high: number): Fault =>
  ({ erp, time }, chance) => {
    const usual = usualMoods[name];
    erp.moods[name] = chance.between(low, high);
    time.after(chance.between(20_000, 5 * minuteMs), () => {
      erp.moods[name] = usual;
    });
  };

/** Some tables can't be found for a while. */
const tablesAway: Fault = ({ erp, time }, chance) => {
  for (const { name } of tables)
    if (chance.hits(0.5)) takeAway({ erp, time }, name as TableName, chance.between(1_000, 2 * minuteMs));
};

function takeAway({ erp, time }: Pick<World, "erp" | "time">, table: TableName, ms: number): void {
  erp.away.add(table);
  time.after(ms, () => void erp.away.delete(table));
}

/** A backup is taken, and some minutes later it takes the place of everything. */
const erpRestored: Fault = (world, chance) => {
  const { erp, office, oracle, time } = world;
  const restore = (backup: Backup, effects: ReadonlyMap<string, number>): void => {
    if (office.open > 0) return void time.after(500, () => restore(backup, effects));
    erp.stop();
    const before = erp.backup();
    erp.restore(backup);
    oracle.restored(difference(before, backup), effects);
    // Where it is loaded into a running server the tables come back one after the other.
    const oneByOne = chance.hits(0.5);
    time.after(downMs(chance), () => {
      erp.up = true;
      if (oneByOne) for (const { name } of tables) takeAway(world, name as TableName, chance.between(0, 20_000));
    });
  };
  const take = (): void => {
    if (office.open > 0) return void time.after(500, take);
    const [backup, effects] = [erp.backup(), new Map(oracle.effects)];
    time.after(chance.between(30_000, 6 * minuteMs), () => restore(backup, effects));
  };
  take();
};

function difference(before: Backup, after: Backup) {
  return [...before.rows].flatMap(([table, rows]) => {
    const now = after.rows.get(table);
    const keys = new Set([...rows.keys(), ...(now?.keys() ?? [])]);
    return [...keys].flatMap((key) => {
      const [was, is] = [rows.get(key), now?.get(key)];
      return was === is ? [] : [{ table, key, row: is, before: was }];
    });
  });
}

/** Never back by more than an overlap bears: that is what the compare of the night is for. */
const erpClock: Fault = ({ erp }, chance) => {
  erp.clockOffsetMs += chance.hits(0.5) ? -chance.between(100, 2_000) : chance.between(1_000, 10 * minuteMs);
};

const agentClock: Fault = ({ agent, oracle }, chance) => {
  const byMs = chance.between(-20 * minuteMs, 20 * minuteMs);
  agent.clockOffsetMs += byMs;
  oracle.agentClockSet(byMs);
};

export const faults: Readonly<Record<string, { fault: Fault; weight: number }>> = {
  "link cut": { fault: linkCut, weight: 3 },
  "link half open": { fault: halfOpen, weight: 3 },
  "network partition": { fault: partition, weight: 3 },
  "network slow": { fault: slowNetwork, weight: 2 },
  "portal slow": { fault: slowPortal, weight: 2 },
  "portal killed": { fault: portalKilled, weight: 3 },
  "portal stopped": { fault: portalStopped, weight: 1 },
  "portal killed at a commit": { fault: portalKilledAtCommit, weight: 4 },
  "portal restored": { fault: portalRestored, weight: 3 },
  "portal hangs": { fault: portalHangs, weight: 3 },
  "agent killed": { fault: agentKilled, weight: 4 },
  "agent stopped": { fault: agentStopped, weight: 2 },
  "agent killed at a commit": { fault: agentKilledAtCommit, weight: 8 },
  "agent killed at a point": { fault: agentKilledAtPoint, weight: 6 },
  "agent's disk full": { fault: diskFull, weight: 2 },
  "agent's store restored": { fault: storeRestored, weight: 3 },
  "agent's store lost": { fault: storeLost, weight: 2 },
  "agent cloned": { fault: cloned, weight: 2 },
  "ERP restarts": { fault: erpRestarts, weight: 3 },
  "ERP shows rows late": { fault: mood("lateVisibleMs", 200, 1_500), weight: 4 },
  "ERP deadlocks": { fault: mood("deadlocks", 0.05, 0.4), weight: 2 },
  "ERP reads fail": { fault: mood("failures", 0.05, 0.6), weight: 2 },
  "ERP's answers lost": { fault: mood("lostAnswers", 0.3, 0.8), weight: 5 },
  "ERP slow": { fault: mood("slowMs", 100, 3_000), weight: 2 },
  "ERP restored": { fault: erpRestored, weight: 4 },
  "ERP's tables away": { fault: tablesAway, weight: 2 },
  "ERP's clock changes": { fault: erpClock, weight: 2 },
  "agent's clock changes": { fault: agentClock, weight: 2 },
};
