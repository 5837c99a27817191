/** Makes a sample ERP from the command line: `node test/support/erp/make.ts --units 1000 --erp company.db [--seed 1] [--events 200]`. */
import { parseArgs } from "node:util";
import { systemClock } from "../../../base/time.ts";
import { generateErp } from "./generate.ts";
import { liveExactly } from "./life.ts";
import { openErp } from "./open.ts";
import { seededRandom } from "./random.ts";

const { values } = parseArgs({
  options: {
    units: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    erp: { type: "string" },
    events: { type: "string", default: "0" },
  },
});
if (values.erp === undefined) {
  console.error("Say where: --erp FILE or --erp mysql://user@host:port/database, or postgres://…");
  process.exit(2);
}
await using db = openErp(values.erp);
const seed = Number(values.seed);
const manifest = await generateErp(db, { units: Number(values.units), seed });
const life = await liveExactly({ db, random: seededRandom(seed), clock: systemClock, count: Number(values.events) });
console.log(JSON.stringify({ manifest, life }));
