import { FuserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { SourceQuery } from "../connector.ts";
import type { RawValue } from "../digest.ts";
import { bind, concat, type Statement } from "../statement.ts";
import { sourceTable } from "./source.ts";
import { oracleSyntax } from "./sql.ts";

/** What a scan stands on: ` AS OF SCN n` behind the table's name, or nothing. */
export interface Ground {
  readonly asOf: Statement | undefined;
}

export interface Flashback {
  /**
   * The ground of a scan that begins now. @param currentScn the number of the last commit, undefined where the account may not ask; it is asked before the first row
   * is read, so that every row is at least as new as the scan
   */
  begin(source: SourceQuery, currentScn: () => Promise<RawValue | undefined>): Promise<Ground>;
  /** What becomes of an error of a scan on this ground: `without`: begin again without it, for nothing was read yet; `told`: it is the caller's. */
  failed(source: SourceQuery, scan: { ground: Ground; error: unknown; begun: boolean }): "without" | "told";
}

/** It may not look back, or it can't: at a temporary table, a remote one, one whose columns were just changed. */
const impossible: ReadonlySet<string> = new Set(["erp-rights", "erp-object-missing", "erp-sql-invalid", "erp-failed"]);

/**
 * Compares of a table as it was at one moment, where the account may look back (FLASHBACK on the table, and a way to ask for the system change number). The server
 * can look back only as far as its undo reaches: a table that it lost once (ORA-01555, ORA-08181, or changed by DDL: ORA-01466) is compared page by page from
 * then on, each page as it is when it is read, so that a table too large for the undo is compared all the same.
 */
export function createFlashback(log: Log): Flashback {
  /** Tables that are given up: until the connector is opened anew. */
  const given = new Set<string>();
  return {
    async begin(source, currentScn) {
      const table = sourceTable(source);
      if (table === undefined || given.has(table)) return { asOf: undefined };
      const scn = await currentScn();
      return { asOf: scn === undefined || scn === null ? undefined : concat(" AS OF SCN ", bind(BigInt(String(scn)))) };
    },
    failed(source, { ground: { asOf }, error, begun }) {
      const table = sourceTable(source);
      if (asOf === undefined || table === undefined) return "told";
      const code = error instanceof FuserError ? error.code : "";
      if (!begun && impossible.has(code)) {
        given.add(table);
        return "without";
      }
      if (code === "erp-snapshot-old") {
        if (!begun) return "without";
        given.add(table);
        log.info("The undo does not reach as far back as a compare takes: the table is compared page by page from now on", {
          table: oracleSyntax.quote(table),
        });
      }
      return "told";
    },
  };
}
