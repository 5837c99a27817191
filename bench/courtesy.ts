/** What the ERP's own work notices of a full compare at the default pace, and how long that compare takes meanwhile. */
import { type Helper, startHelper } from "./call.ts";
import type { Figures } from "./report.ts";
import type { Scene } from "./scene.ts";
import { median } from "./statistics.ts";

interface Load {
  perSecond: number;
  p99Ms: number;
}

interface PairOfLoads {
  without: Load;
  during: Load;
}

const windowMs = 8_000;
const compareWithinMs = 280_000;
const defaultPace = "{ lockTimeout: 2s }";

/** The store must hold all periods already. */
export async function measureCourtesy(
  scene: Scene,
  { rounds, say }: { rounds: number; say: (text: string) => void },
): Promise<{ figures: Figures; details: unknown }> {
  const { erp, access, sizes } = scene;
  await erp.query(
    "CREATE TABLE BUCHUNG (NR INT AUTO_INCREMENT PRIMARY KEY, MANDANT CHAR(3), OBJNR CHAR(6), PERSNR CHAR(10), BETRAG DECIMAL(11,2))",
  );
  await erp.query("CREATE TABLE KONTO (NR INT PRIMARY KEY, SALDO DECIMAL(11,2)) SELECT seq AS NR, 0 AS SALDO FROM seq_1_to_5000");
  await using clerks = startHelper("bench/oltp-helper.ts", { args: [JSON.stringify(access), String(sizes.units)] });
  // Once for nothing: its code is compiled, and the server has the pages in memory.
  await clerks.call("load", windowMs / 2);
  const pairs: PairOfLoads[] = [];
  let minutes = 0;
  for (let no = 0; no < rounds; no++) {
    const without = await clerks.call<Load>("load", windowMs);
    const during = await loadDuringCompare(scene, clerks, { no, toItsEnd: no === rounds - 1 });
    pairs.push({ without, during: during.load });
    minutes = during.minutesPerMillion ?? minutes;
    say(
      `${without.perSecond.toFixed(0)} → ${during.load.perSecond.toFixed(0)} transactions/s, p99 ${without.p99Ms.toFixed(1)} → ${during.load.p99Ms.toFixed(1)} ms`,
    );
  }
  return {
    figures: {
      erpThroughputRatio: median(pairs.map(({ without, during }) => during.perSecond / without.perSecond)),
      erpP99Ratio: median(pairs.map(({ without, during }) => during.p99Ms / without.p99Ms)),
      courteousCompareMinutes: minutes,
    },
    details: { pairs },
  };
}

/** The last compare is awaited, under load to its end; the others are broken off with their agent. */
async function loadDuringCompare(
  scene: Scene,
  clerks: Helper,
  { no, toItsEnd }: { no: number; toItsEnd: boolean },
): Promise<{ load: Load; minutesPerMillion: number | undefined }> {
  await using pair = await scene.start({ periods: true, courtesy: defaultPace, name: `courtesy${no}` });
  await pair.quiet();
  const after = pair.agent.newest();
  await pair.portal.call("compare", "periods");
  const load = await clerks.call<Load>("load", windowMs);
  if (!toItsEnd) return { load, minutesPerMillion: undefined };
  let over = false;
  const compared = pair.agent.compared("periods", { after, withinMs: compareWithinMs }).finally(() => {
    over = true;
  });
  while (!over) await clerks.call("load", 1_000);
  const { durationMs } = await compared;
  return { load, minutesPerMillion: durationMs / 60_000 / (scene.sizes.periods / 1_000_000) };
}
