/** The ERP database that this agent belongs to, noted at enrolment: a copied database or virtual machine is refused (operations.md, "First hour"). */
import { FuserError } from "../base/errors.ts";
import type { HistoryIdentity } from "../connectors/connector.ts";
import type { SecretStore } from "./channel/identity.ts";
import type { MetaStore } from "./store/store.ts";

export const pinSecret = "erp-database";

interface Pin {
  /** `HistoryIdentity.database`. */
  database: string;
  label: string;
  /** `HistoryIdentity.family`: another server of it is the same ERP. */
  family?: string;
}

/** What was noted; undefined before the first enrolment. */
export async function readPin(secrets: SecretStore): Promise<Pin | undefined> {
  const text = await secrets.get(pinSecret);
  return text === undefined ? undefined : (JSON.parse(text) as Pin);
}

/** Notes the database; an earlier note is replaced. */
export async function pinDatabase(secrets: SecretStore, { database, label, family }: HistoryIdentity): Promise<void> {
  await secrets.set(pinSecret, JSON.stringify({ database, label, ...(family === undefined ? {} : { family }) } satisfies Pin));
}

/** Whether this is the database that was noted, or another server of its family. */
export function isPinned(pin: Pin, { database, family }: HistoryIdentity): boolean {
  return pin.database === database || (family !== undefined && pin.family === family);
}

/**
 * Recognises the ERP. A database that a person has accepted takes the place of the one that the store remembers: its history is another one, so what
 * the store believes of positions is void.
 * @throws FuserError `erp-other-database` when another database stands where the pinned one stood
 */
export async function acceptPinned(parts: { secrets: SecretStore; meta: MetaStore; identity: HistoryIdentity }): Promise<void> {
  const { secrets, meta, identity } = parts;
  const pin = await readPin(secrets);
  if (pin === undefined) return;
  const remembered = meta.get("erp.identity");
  const sameFamily = pin.family !== undefined && meta.get("erp.family") === pin.family;
  const tookOver = sameFamily && remembered === identity.database;
  if (!isPinned(pin, identity) && !tookOver) throw otherDatabase(pin, identity);
  if (remembered !== undefined && remembered !== pin.database && !sameFamily) meta.set("erp.identity", undefined);
  // Servers that the configuration names beside it are known from now on, and those that it no longer names are not.
  if (pin.family !== identity.family) await pinDatabase(secrets, identity);
}

function otherDatabase(pin: Pin, identity: HistoryIdentity): FuserError {
  return new FuserError("config", `This is another ERP database than the one this agent was enrolled for (${pin.label})`, {
    code: "erp-other-database",
    operation: "recognise the ERP",
    place: identity.label,
    hint: "If it was moved or replaced on purpose, run `erpfuser enrol --accept-database`; if it is a copy, give the copy an agent of its own",
  });
}
