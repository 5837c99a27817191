/** Trouble that takes several things at the right moment: chance alone brings them together once in thousands of hours. */
import type { Chance } from "../world/chance.ts";
import type { Copy, World } from "../world/world.ts";
import { type Fault, revive } from "./faults.ts";
import { deeds } from "./life.ts";
import { place } from "./orders.ts";

const minuteMs = 60_000;

/** Clerks do some of these things within so many milliseconds. */
function work({ office, time }: World, chance: Chance, told: { of: readonly string[]; times: number; withinMs: number }): void {
  for (let done = 0; done < told.times; done++) {
    const what = chance.pick(told.of);
    time.after(chance.between(0, told.withinMs), () => deeds[what]?.deed(office, chance));
  }
}

const ticketWork = ["ticket opened", "ticket retitled", "ticket retitled", "description grows", "note written"];
const everyWork = [...ticketWork, "person renamed", "tenant moves", "rent cancelled"];
/** What is seen by polls alone, and seldom touched again. */
const polledWork = ["tenant moves", "tenant moves", "ticket opened", "ticket retitled", "rent cancelled"];

/** A person asks for a compare. It shows one old snapshot for long, while clerks change what it is about to show and polls bring that. */
const compareAmidWork: Fault = (world, chance) => {
  const { agent, erp, time } = world;
  const [source, deed] = chance.pick([
    ["persons", "person renamed"],
    ["tickets", "ticket retitled"],
    ["messages", "note corrected"],
  ] as const);
  erp.moods.snapshotMs = chance.between(2_000, 12_000);
  agent.agent?.capture.syncNow(source, true);
  work(world, chance, { of: [deed], times: chance.whole(3, 8), withinMs: 20_000 });
  // And for what has changed meanwhile.
  time.after(chance.between(5_000, 25_000), () => agent.agent?.capture.syncNow(undefined, false));
  time.after(chance.between(1, 3) * minuteMs, () => {
    erp.moods.snapshotMs = 0;
  });
};

/** The agent is away while clerks work, and dies again as it takes up what it has missed. */
const killedTakingUp: Fault = (world, chance) => {
  const { agent, time } = world;
  agent.kill();
  const awayMs = chance.between(20_000, 3 * minuteMs);
  work(world, chance, { of: polledWork, times: chance.whole(5, 12), withinMs: awayMs });
  const moment = chance.pick(["after-commit", "after-commit", "before-commit"] as const);
  const name = chance.pick(["signal", "signal", "signal", "drain"]);
  const nth = chance.whole(1, 3);
  time.after(awayMs, () => {
    agent.deadly = { at: "commit", moment, name, nth };
    agent.start();
    revive(agent, time, chance);
  });
};

/** It dies when a command has just taken effect, and before it comes back a clerk changes what the command wrote. */
const correctedUnseen: Fault = (world, chance) => {
  const { agent, office, time } = world;
  const point = chance.pick(["after-erp-commit", "after-erp-commit", "before-conclude-commit"] as const);
  agent.deadly = { at: "point", point, nth: 1 };
  const correction = chance.pick(["newest note corrected", "newest note corrected", "ticket retitled"]);
  agent.onDeath = () => void time.after(chance.between(10, 500), () => deeds[correction]?.deed(office, chance));
  place(world, chance.pick(["message is written", "message is written", "ticket is changed"]), chance);
  revive(agent, time, chance);
};

/** The portal's process stands still with frames before it; when it wakes, another one has taken over and the agent has begun a new epoch there. */
const wakesInNewEpoch: Fault = (world, chance) => {
  const { portal, agent, network, oracle, startPortal, time } = world;
  const wake = portal.hang();
  if (wake === undefined) return;
  work(world, chance, { of: everyWork, times: chance.whole(3, 8), withinMs: 6_000 });
  time.after(8_000, () => agent.agent?.capture.syncNow(undefined, false));
  const takeOverMs = chance.between(10_000, 30_000);
  time.after(takeOverMs, () => {
    for (const connection of network.connections) connection.breakFor("agent");
    startPortal();
    agent.kill();
    agent.file.replace(undefined);
    oracle.storeSetBack(0);
    time.after(chance.between(200, 3_000), () => agent.start());
  });
  time.after(takeOverMs + chance.between(2_000, 20_000), wake);
};

/** The line breaks when commands are on their way, or their receipts, or their results. */
const cutAmidOrders: Fault = (world, chance) => {
  const { network, time } = world;
  for (let order = chance.whole(1, 3); order > 0; order--)
    time.after(chance.between(0, 300), () => place(world, chance.pick(["message is written", "ticket is changed"]), chance));
  const breaks = chance.pick(["cut", "agent is told", "portal is told"]);
  time.after(chance.between(5, 600), () => {
    for (const connection of network.connections) {
      if (breaks === "cut") connection.cut();
      else connection.breakFor(breaks === "agent is told" ? "agent" : "portal");
    }
  });
};

/** A backup of the agent's machine is taken while commands wait for the ERP, and takes its place once they were carried out; sometimes the line is down in between. */
const setBackAmidRetries: Fault = (world, chance) => {
  const { agent, erp, network, oracle, time } = world;
  erp.stop();
  for (let order = chance.whole(1, 3); order > 0; order--)
    time.after(chance.between(0, 2_000), () => place(world, chance.pick(["message is written", "ticket is changed"]), chance));
  const downMs = chance.between(5_000, 60_000);
  let copy: Copy | undefined;
  time.after(chance.between(2_100, downMs), () => {
    if (!agent.file.inTransaction) copy = { content: agent.file.content(), at: time.now };
  });
  time.after(downMs, () => {
    erp.up = true;
    if (chance.hits(0.3)) network.partition(chance.between(1_000, 60_000));
  });
  time.after(downMs + chance.between(5_000, 90_000), () => {
    if (copy === undefined) return;
    agent.kill();
    agent.file.replace(copy.content);
    oracle.storeSetBack(copy.at);
    time.after(chance.between(200, 5_000), () => agent.start());
  });
};

export const scenes: Readonly<Record<string, { fault: Fault; weight: number }>> = {
  "compare amid work": { fault: compareAmidWork, weight: 5 },
  "agent killed taking up": { fault: killedTakingUp, weight: 5 },
  "effect corrected unseen": { fault: correctedUnseen, weight: 5 },
  "link breaks amid orders": { fault: cutAmidOrders, weight: 4 },
  "agent's store set back amid retries": { fault: setBackAmidRetries, weight: 4 },
  "portal wakes in a new epoch": { fault: wakesInNewEpoch, weight: 4 },
};
