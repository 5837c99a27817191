/** What the agent uses of a core while nothing happens and ten sources are polled every second. */
import { systemClock } from "../base/time.ts";
import { cpuUs } from "./machine.ts";
import type { Figures } from "./report.ts";
import type { Scene } from "./scene.ts";

const settleMs = 5_000;
const measuredMs = 30_000;

/** The store must hold all periods already: what is known must not cost while nothing changes. */
export async function measureIdle(scene: Scene): Promise<{ figures: Figures; details: unknown }> {
  await using pair = await scene.start({ periods: true, polls: { periods: "1s", others: "1s" }, name: "idle" });
  await systemClock.sleep(settleMs);
  const before = { agent: cpuUs(pair.agent.pid), portal: cpuUs(pair.portal.pid), at: performance.now() };
  await systemClock.sleep(measuredMs);
  const us = (performance.now() - before.at) * 1_000;
  return {
    figures: { idleCpuPercent: ((cpuUs(pair.agent.pid) - before.agent) / us) * 100 },
    details: { gatewayPercent: ((cpuUs(pair.portal.pid) - before.portal) / us) * 100 },
  };
}
