/** What `trace` looks into: the store, the configuration, and what the running agent last said of itself. */
import type { Config } from "../../config/config.ts";
import { readStatusFile, type StatusFile, stillRuns } from "../status-file.ts";
import type { JournalEntry, StoreReader } from "../store/store.ts";
import { when } from "./times.ts";

export interface Look {
  state: StoreReader;
  config: Config;
  agent: AgentSays;
  /** Epoch ms. */
  now: number;
}

export interface AgentSays {
  running: boolean;
  /** Named state of the link to the portal, and why it is not connected. */
  portal: { state: string; reason?: string };
  sources: StatusFile["status"]["sources"];
  /** Why it can't work with the ERP. */
  erpProblem: string | undefined;
}

export function agentSays(config: Config): AgentSays {
  const file = readStatusFile(config.agent.state);
  if (file === undefined || !stillRuns(file))
    return { running: false, portal: { state: "stopped" }, sources: [], erpProblem: undefined };
  return { running: true, portal: file.portal, sources: file.status.sources, erpProblem: file.erpProblem };
}

/** What stands in the way of everything; empty where nothing does. */
export function agentLines({ running, portal, erpProblem }: AgentSays): string[] {
  if (!running) return ["The agent does not run: nothing is read or sent (`erpfuser run`)"];
  if (erpProblem !== undefined) return [`The agent can't work with the ERP: ${erpProblem}`];
  if (portal.state === "connected") return [];
  return [`The agent is not connected to the portal: ${portal.state}${portal.reason === undefined ? "" : `, ${portal.reason}`}`];
}

export interface JournalLine {
  at: string;
  kind: string;
  status: string;
  /** What became of a record by itself; undefined where the line tells of something else. */
  done: "sent" | "deleted" | undefined;
  /** Without the counts of what was done together. */
  detail: JournalEntry["detail"];
}

const mostLines = 10;

/** The newest lines of the journal that tell of this, given its names, newest first. */
export function journalOf({ state }: Look, about: readonly string[], source?: string): JournalLine[] {
  const filter = source === undefined ? {} : { source };
  const entries = [...new Set(about)].flatMap((name) => state.journal.list({ ...filter, about: name, limit: mostLines }));
  return entries
    .toSorted((one, other) => other.id - one.id)
    .slice(0, mostLines)
    .map(({ at, kind, status, detail }) => {
      const { keys, gone, sent, deleted, quarantined, unchanged, id, ...rest } = detail;
      const has = (list: unknown): boolean => about.some((name) => String(list).split(" ").includes(name));
      return {
        at: new Date(at).toISOString(),
        kind,
        status,
        done: has(gone) ? "deleted" : has(keys) ? "sent" : undefined,
        detail: rest,
      };
    });
}

/** One line for people. */
export function journalLine({ at, kind, status, done, detail }: JournalLine): string {
  const more = Object.entries(detail).map(([name, value]) => ` ${name}=${value}`);
  return `${whenIso(at)}: ${done ?? kind}${status === "ok" ? "" : `, ${status}`}${more.join("")}`;
}

/** An instant of ISO for people. */
export const whenIso = (iso: string): string => when(Date.parse(iso));
