/** What clerks do in the ERP: transactions that take their time, hold locks, stamp their rows when they begin and commit later. */

import type { TableName } from "../erp/schema.ts";
import type { Change, ErpServer, Row } from "../erp/server.ts";
import { keyOf } from "../erp/server.ts";
import type { Chance } from "../world/chance.ts";

export interface Office {
  erp: ErpServer;
  /** Transactions under way. */
  open: number;
  /** Makes what clerks write unique: nothing ever returns to what it was. */
  serial: number;
}

/** A change of one row: the row as it shall be, or gone. */
export const put = (table: TableName, row: Row): Change => ({ table, key: keyOf(table, row), row });
export const gone = (table: TableName, row: Row): Change => ({ table, key: keyOf(table, row), row: undefined });

/** Tries to begin while somebody else holds a row. */
const mostTries = 100;
const retryMs = 100;

export interface Deal {
  /** Called when it is over, committed or not. */
  then?: () => void;
  /** What belongs together may be torn apart for a while. */
  free?: boolean;
}

/** `make` gives the changes, stamped with the moment at which the transaction begins; none where there is nothing to do. */
export function transact(
  office: Office,
  chance: Chance,
  make: (stamp: string) => readonly Change[],
  { then, free = false }: Deal = {},
): void {
  const { erp } = office;
  const owner = {};
  office.open += 1;
  const end = (): void => {
    erp.unlockAll(owner);
    office.open -= 1;
    then?.();
  };
  const begin = (tries: number): void => {
    if (tries > mostTries) return end();
    const again = (): void => void erp.time.after(erp.up ? retryMs : 1_000, () => begin(tries + 1));
    if (!erp.up) return again();
    const changes = make(erp.stamp());
    if (changes.length === 0) return end();
    if (!changes.every(({ table, key }) => erp.lock(table, key, owner))) {
      erp.unlockAll(owner);
      return again();
    }
    const { incarnation } = erp;
    // Most are quick; some wait for a person, with their rows locked and their stamps getting old.
    const lastsMs = chance.hits(0.2) ? chance.between(500, 6_000) : chance.between(1, 50);
    erp.time.after(lastsMs, () => {
      // Undone by a restart: the clerk enters it once more.
      if (erp.incarnation !== incarnation || !erp.up) return again();
      if (free || erp.breach(changes) === undefined) erp.commit(changes, undefined);
      end();
    });
  };
  begin(0);
}
