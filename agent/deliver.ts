/** Writes the worklist of data quality into a folder, a file for each team that mends it: on a schedule, and when `erpfuser quality deliver` asks for it. */
import { join } from "node:path";
import { FuserError } from "../base/errors.ts";
import type { Config, DeliverConfig } from "../config/config.ts";
import type { AgentParts, Running } from "./agent.ts";
import { nextRun } from "./capture/schedule.ts";
import { type Entry, entriesIn } from "./quality/worklist.ts";
import { worklistCsv } from "./quality/worklist-csv.ts";
import { worklistHtml } from "./quality/worklist-html.ts";
import { replaceFile } from "./replace-file.ts";
import type { StoreReader } from "./store/store.ts";
import { teamsBy } from "./teams.ts";
import { waitOut } from "./wait-out.ts";

const lookEveryMs = 30_000;
const dayMs = 86_400_000;
const deliveredName = "quality-delivered";
/** A list is for people, and all of it is in memory at once. */
const mostDelivered = 20_000;
/** Between others' turns. */
const findingsAtOnce = 200;

/** Until the signal aborts. What was missed while the agent did not run is delivered at its start, once. */
export async function deliverWorklists(
  { store, parts }: Pick<Running, "store"> & { parts: Pick<AgentParts, "config" | "clock" | "random" | "log"> },
  deliver: DeliverConfig,
  signal: AbortSignal,
): Promise<void> {
  const { config, clock } = parts;
  const look = async (inner: AbortSignal): Promise<void> => {
    const last = store.meta.get(deliveredName);
    const now = clock.now();
    if (nextRun(deliver.schedule, last === undefined ? undefined : Number(last), config.erp.timezone) > now) return;
    const { left } = await writeWorklists({ state: store, config, deliver, now, pause: () => clock.sleep(0, inner) });
    if (left > 0) parts.log.part("quality").warn(leftText(left), { code: "quality-list-cut", count: left });
    store.meta.set(deliveredName, String(now));
  };
  await waitOut({ parts, part: "quality", everyMs: lookEveryMs }, look, signal);
}

export interface Delivery {
  state: Pick<StoreReader, "findings" | "entities" | "facts">;
  config: Config;
  deliver: DeliverConfig;
  /** Epoch ms. */
  now: number;
  /** Lets others have their turn; absent: there are none. */
  pause?: () => Promise<void>;
  /** Findings on all lists together, of the open ones and of the accepted ones. Default 20,000. */
  most?: number;
}

export interface Delivered {
  lists: Written[];
  /** Findings that are on no list, for there are too many. */
  left: number;
}

export interface Written {
  team: string;
  /** Open ones. */
  findings: number;
  files: readonly string[];
}

/** What to say of findings that are on no list. */
export const leftText = (left: number): string =>
  `${left} findings more are on no worklist: mend, or accept, what there is most of first (\`erpfuser quality --rule …\`)`;

/**
 * A page and a CSV file for each team that is configured, also where it has nothing to do: else last week's list would lie there for ever.
 * @throws FuserError `quality-undeliverable`, transient
 */
export async function writeWorklists({ state, config, deliver, now, pause, most = mostDelivered }: Delivery): Promise<Delivered> {
  const { language, folder, otherwise } = deliver;
  const entryOf = entriesIn(language, config, now);
  const day = new Intl.DateTimeFormat("sv-SE", { timeZone: config.erp.timezone }).format(now);
  const teams = teamsBy({ state, sources: config.sources, deliver, today: Date.parse(day) / dayMs });
  const byTeam = new Map<string, Entry[]>([...Object.values(deliver.teams), otherwise].map((team) => [team, []]));
  let left = 0;
  for (const is of [false, true]) {
    const filter = { accepted: { is, at: now } };
    const found = state.findings.list({ ...filter, limit: most });
    left += state.findings.count(filter) - found.length;
    const placed: (string | undefined)[] = [];
    for (const [index, finding] of found.entries()) {
      placed.push(teams.of(finding));
      if (index % findingsAtOnce === findingsAtOnce - 1) await pause?.();
    }
    const teamOf = teams.ofNamed(found.filter((_, index) => placed[index] === undefined));
    for (const [index, finding] of found.entries()) {
      byTeam.get(placed[index] ?? teamOf(finding))?.push(entryOf(finding));
      if (index % findingsAtOnce === findingsAtOnce - 1) await pause?.();
    }
  }
  const nameOf = fileNames(language);
  const lists = [...byTeam].map(([team, entries]) => {
    const page = { language, name: `${config.agent.name}, ${team}`, day };
    const base = join(folder, nameOf(team));
    const files = { [`${base}.html`]: worklistHtml(entries, page), [`${base}.csv`]: worklistCsv(entries, language) };
    for (const [file, text] of Object.entries(files)) write(file, text);
    return { team, findings: entries.filter(({ accepted }) => accepted === "").length, files: Object.keys(files) };
  });
  return { lists, left };
}

/** What every system takes for a name; teams whose names differ in other characters alone, or in capitals, get a file each all the same. */
function fileNames(language: DeliverConfig["language"]): (team: string) => string {
  const taken = new Set<string>();
  const list = language === "de" ? "arbeitsliste" : "worklist";
  return (team) => {
    const plain = `${list}-${team.replace(/[^\p{L}\p{N}_-]+/gu, "-")}`;
    let name = plain;
    for (let count = 2; taken.has(name.toLowerCase()); count++) name = `${plain}-${count}`;
    taken.add(name.toLowerCase());
    return name;
  };
}

function write(file: string, text: string): void {
  try {
    replaceFile(file, text);
  } catch (error) {
    throw undeliverable(file, error);
  }
}

function undeliverable(place: string, cause: unknown): FuserError {
  return new FuserError("transient", `A worklist can't be written (${(cause as NodeJS.ErrnoException).code})`, {
    code: "quality-undeliverable",
    operation: "deliver worklists",
    place,
    hint: "Make the folder of `quality: deliver:`, and let the agent's account write there",
    cause,
  });
}
