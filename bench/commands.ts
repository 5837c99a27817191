/** How long a command takes from the portal into the ERP and back: until its result is durable at the portal. */
import { unitId } from "./erp.ts";
import type { Figures } from "./report.ts";
import type { Scene } from "./scene.ts";
import { percentile } from "./statistics.ts";

/** Not counted: until then the code of both sides is compiled. */
const warmUp = 50;
const counted = 300;

/** One after the other, so that none waits for another. */
export async function measureCommands(scene: Scene): Promise<{ figures: Figures; details: unknown }> {
  await using pair = await scene.start({ periods: true, name: "commands" });
  await pair.quiet();
  const times: number[] = [];
  for (let no = 0; no < warmUp + counted; no++) {
    const order = { command: "ticket.create", values: { title: `Heizung ${no} kalt`, unitId: unitId(no % scene.sizes.units) } };
    const { ms, outcome } = await pair.portal.call<{ ms: number; outcome: string }>("command", order);
    if (outcome !== "applied") throw new Error(`A command ended as ${outcome}`);
    if (no >= warmUp) times.push(ms);
  }
  const [rows] = await scene.erp.query("SELECT COUNT(*) AS count FROM AUFTRAG");
  const count = Number((rows as { count: string }[])[0]?.count);
  if (count < warmUp + counted) throw new Error(`${count} tickets stand in the ERP, ${warmUp + counted} were created`);
  return {
    figures: { commandP50Ms: percentile(times, 50), commandP99Ms: percentile(times, 99) },
    details: { commands: times.length, maxMs: Math.max(...times) },
  };
}
