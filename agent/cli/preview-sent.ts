/** What would become of an entity if it were read now: whether it differs from what was last sent, and what would hold it although its row is right. */
import { FuserError } from "../../base/errors.ts";
import type { Clock } from "../../base/time.ts";
import type { Config } from "../../config/config.ts";
import type { Connector, RowBatch } from "../../connectors/connector.ts";
import { createDigester } from "../../protocol/digest.ts";
import type { Mapped, Mapping, Parent } from "../map/mapped.ts";
import { openStoreForReading } from "../store/open.ts";
import type { StoreReader } from "../store/store.ts";

export interface Sent {
  /** `not-known`: the agent has not run yet on this machine. The agent keeps a digest of what it sent, so that it can tell no more than that it differs. */
  state: "as-sent" | "differs" | "never-sent" | "not-known";
  /** Nothing that the mapping reads of the row has changed since it was last read; undefined where that is not known. */
  rowChanged?: boolean;
  /** What holds it back, in words, beside the faults of the row. */
  held: readonly string[];
  /** References that are left out, since what they point at is not there. */
  leftOut: readonly string[];
}

export interface Judge extends Disposable {
  /** What becomes of a row of the batch, with the references left out that would be. */
  judge(batch: RowBatch, index: number): Promise<{ mapped: Mapped; sent: Sent }>;
}

export interface JudgeParts {
  config: Config;
  clock: Clock;
  erp: Connector;
  mappings: readonly Mapping[];
  mapping: Mapping;
  signal: AbortSignal;
}

/** Opens the agent's store where there is one; nothing is written. */
export async function openJudge(parts: JudgeParts): Promise<Judge> {
  const { mapping } = parts;
  const digester = await createDigester();
  const store = storeOf(parts);
  const troubles = new Map<string, string | undefined>();
  const troubleOf = async (parent: Parent): Promise<string | undefined> => {
    const name = `${parent.source} ${parent.key}`;
    if (!troubles.has(name))
      troubles.set(name, store?.entities.known(parent.source, parent.key) ? undefined : await parentTrouble(parts, parent));
    return troubles.get(name);
  };
  const parentsOf = async (mapped: Mapped): Promise<{ parent: Parent; told: string }[]> => {
    const absent: { parent: Parent; told: string }[] = [];
    for (const parent of mapped.kind === "entity" ? mapped.parents : []) {
      const trouble = await troubleOf(parent);
      if (trouble !== undefined) absent.push({ parent, told: `${parent.source} ${parent.key} ${trouble}` });
    }
    return absent;
  };
  return {
    async judge(batch, index) {
      const key = batch.key(index) ?? "";
      const row = batch.row(index);
      const rowDigest = batch.digests[index];
      const absent = await parentsOf(mapping.map(row, key));
      const isAbsent = ({ source, key: of }: Parent): boolean =>
        absent.some(({ parent }) => parent.source === source && parent.key === of);
      const mapped = mapping.map(row, key, isAbsent);
      const told = (missing: Parent["missing"], what: string): string[] =>
        absent.filter(({ parent }) => parent.missing === missing).map((one) => `${one.told}: ${what}`);
      const held = [...(store === undefined ? [] : heldIn(store, mapping.source, key)), ...told("hold", "it waits for it")];
      const common = { held, leftOut: told("omit", "the reference is left out") };
      if (store === undefined) return { mapped, sent: { state: "not-known", ...common } };
      const before = store.entities.get(mapping.source, key);
      const rowChanged = before?.rowDigest === undefined ? {} : { rowChanged: before.rowDigest !== rowDigest };
      const same = mapped.kind === "entity" && digester.text(mapped.text) === before?.entityDigest;
      const state = before?.entityDigest === undefined ? "never-sent" : same ? "as-sent" : "differs";
      return { mapped, sent: { state, ...rowChanged, ...common } };
    },
    [Symbol.dispose]: () => store?.[Symbol.dispose](),
  };
}

function storeOf({ config, clock }: JudgeParts): StoreReader | undefined {
  try {
    return openStoreForReading(config.agent.state, clock);
  } catch (error) {
    // Before the first run there is none, and there need not be a directory.
    if (error instanceof FuserError && /^(store-missing|state-directory-)/.test(error.code)) return undefined;
    throw error;
  }
}

function heldIn(store: StoreReader, source: string, key: string): string[] {
  const entry = store.quarantine.get(source, key);
  const guard = store.pending.get(source, key)?.guard;
  return [
    ...(entry === undefined ? [] : [`in quarantine: ${entry.message} [${entry.code}]`]),
    ...(guard === undefined ? [] : [`held by guard ${guard}`]),
  ];
}

/** Why a parent that was never sent would not be sent now; undefined where it would. */
async function parentTrouble({ erp, mappings, signal }: JudgeParts, parent: Parent): Promise<string | undefined> {
  const mapping = mappings.find(({ source }) => source === parent.source);
  if (mapping === undefined) return undefined;
  for await (const batch of erp.readKeys(mapping.query, [parent.key], signal)) {
    if (batch.length === 0) continue;
    const mapped = mapping.map(batch.row(0), batch.key(0) ?? "");
    if (mapped.kind === "entity") return undefined;
    return mapped.kind === "cancelled" ? "is marked as deleted" : `is held itself [${mapped.faults[0]?.code}]`;
  }
  return "is not in its source (not in the ERP, or outside of `where` and `scope`)";
}

const states: Readonly<Record<Sent["state"], string>> = {
  "as-sent": "  as last sent",
  differs: "  differs from what was last sent",
  "never-sent": "  was never sent",
  "not-known": "  what was sent is not known: the agent has not run yet",
};

export function sentLines({ state, rowChanged, held, leftOut }: Sent): string[] {
  const row =
    rowChanged === undefined ? "" : rowChanged ? "; its row has changed since it was read" : "; its row is as it was last read";
  return [`${states[state]}${row}`, ...[...held, ...leftOut].map((text) => `  ${text}`)];
}
