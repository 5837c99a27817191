/** Which database this is, and whether its own history went back (architecture.md, idea 5). Compared at each start and every minute. */
import { FuserError } from "../../base/errors.ts";
import type { HistoryIdentity } from "../../connectors/connector.ts";
import type { MetaStore } from "../store/store.ts";
import { noteLostHistory } from "./lost-history.ts";
import { oweCompare } from "./owed-compares.ts";
import type { Room } from "./parts.ts";

/** Names in the store's `meta`; without `erp.identity` the next database met is accepted. */
const names = {
  identity: "erp.identity",
  label: "erp.label",
  position: "erp.position",
  parts: "erp.position-parts",
  family: "erp.family",
  server: "erp.server",
  takenOver: "erp.taken-over",
} as const;

/** When another server took over last, epoch ms: what the one before it did for commands the ERP may have lost. */
export function takenOverAt(meta: Pick<MetaStore, "get">): number | undefined {
  const at = meta.get(names.takenOver);
  return at === undefined ? undefined : Number(at);
}

type Position = Readonly<Record<string, string>>;

/**
 * Asks the ERP who it is. A database met for the first time is remembered. One that took over from another of its family, or another server of the same one, is
 * compared in full: what the other one committed last it may lack.
 * @throws FuserError `erp-other-database` when it is another one
 */
export async function checkIdentity(room: Room, signal: AbortSignal): Promise<HistoryIdentity> {
  const { connector, store, clock, log } = room;
  const identity = await connector.identity(signal);
  const known = store.meta.get(names.identity);
  const label = store.meta.get(names.label);
  const another = known !== undefined && known !== identity.database;
  const related = another && identity.family !== undefined && store.meta.get(names.family) === identity.family;
  if (another && !related) throw otherDatabase(label, identity.label);
  const server = store.meta.get(names.server);
  const takesOver = related || (!another && identity.server !== undefined && server !== undefined && server !== identity.server);
  const reason = known === undefined ? replaced(room) : wentBackSince(store.meta, identity);
  store.transaction(() => {
    remember(store.meta, identity);
    if (takesOver) {
      store.meta.set(names.takenOver, String(clock.now()));
      for (const { mapping } of room.sources) oweCompare(room, mapping.source, "begun");
    }
    if (reason === undefined) return;
    for (const source of room.sources) noteLostHistory(store, source, { reason, now: clock.now() });
  }, "identity");
  if (takesOver) {
    const message = `Another server of the ERP has taken over, ${identity.label}: everything is compared in full`;
    log.warn(message, { code: "erp-failover", before: label });
  }
  if (reason !== undefined) {
    const hint = "Everything is compared in full; what is missing now is deleted at the portal only when you approve it";
    log.error("The ERP tells another history: it was restored from a backup, or replaced", {
      code: "erp-history-lost",
      reason,
      hint,
    });
  }
  return identity;
}

function remember(meta: MetaStore, { database, label, position, parts, family, server }: HistoryIdentity): void {
  const values = {
    [names.identity]: database,
    [names.label]: label,
    [names.position]: position && JSON.stringify(position),
    [names.parts]: parts && JSON.stringify(parts),
    [names.family]: family,
    // A replica that answers for a while has taken over nothing.
    [names.server]: server ?? meta.get(names.server),
  };
  for (const [name, value] of Object.entries(values)) if (meta.get(name) !== value) meta.set(name, value);
}

/** A database that a person has accepted in place of another one tells another history. */
function replaced({ store, sources }: Room): string | undefined {
  const isNew = sources.every(({ mapping }) => store.sources.get(mapping.source).comparedAt === undefined);
  return isNew ? undefined : "another database was accepted in its place";
}

function wentBackSince(meta: Pick<MetaStore, "get">, { position, past, parts = {} }: HistoryIdentity): string | undefined {
  const before = (name: string): Position => JSON.parse(meta.get(name) ?? "{}") as Position;
  const partsBefore = Object.entries(before(names.parts)).filter(([name]) => name in parts);
  return (
    wentBack(before(names.position), position && { ...past, ...position }) ?? wentBack(Object.fromEntries(partsBefore), parts)
  );
}

/** Why a position is behind the one before; undefined when it is not. */
export function wentBack(before: Position, now: Position | undefined): string | undefined {
  if (now === undefined) return undefined;
  for (const [domain, value] of Object.entries(before)) {
    const current = now[domain];
    if (current === undefined) return `position ${domain} no longer exists`;
    const [then, there] = [counterOf(value), counterOf(current)];
    if (then !== undefined && there !== undefined && there < then)
      return `position ${domain} went back from ${value} to ${current}`;
  }
  return undefined;
}

/** The number that a position ends with, as in MariaDB's `0-1-4711`. */
function counterOf(value: string): bigint | undefined {
  const digits = /(\d+)$/.exec(value)?.[1];
  return digits === undefined ? undefined : BigInt(digits);
}

function otherDatabase(known: string | undefined, met: string): FuserError {
  return new FuserError("config", `This is another database than before: ${met} in place of ${known ?? "the one enrolled"}`, {
    code: "erp-other-database",
    operation: "compare the ERP's identity",
    hint: "If the ERP was moved on purpose, run `erpfuser enrol --accept-database`; else correct `erp` in the configuration",
  });
}
