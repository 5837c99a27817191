/** What the agent's memory comes to with five times as many rows: one first sync and the compares behind it. */
import type { Figures } from "./report.ts";
import { openScene } from "./scene.ts";
import { measureSync } from "./sync.ts";

const rows = 5_000_000;

export async function measureMemory(say: (text: string) => void): Promise<{ figures: Figures; details: unknown }> {
  await using scene = await openScene({ rows, profiles: undefined, say });
  const { figures, details } = await measureSync(scene, { rounds: 1, portable: false, say });
  return { figures: { rssMb5M: figures.rssMb5M ?? Number.NaN }, details };
}
