import { FuserError } from "../../base/errors.ts";
import type { FeedTable } from "../feed.ts";
import { bind, concat, join, type Statement } from "../statement.ts";
import type { Asked, Link } from "./link.ts";
import { ask } from "./session.ts";
import { mssqlSyntax } from "./sql.ts";

/** How far change tracking has come, in the versions that it gives to commits. */
export interface Versions {
  current: bigint;
  /** Per table the version from which on its changes are kept. */
  least: readonly bigint[];
  /**
   * Per table its id and the version at which tracking began. A table that is truncated, or made or tracked anew, while nothing else is committed has the
   * same least version as before: only this is another one.
   */
  births: readonly string[];
}

/** @throws FuserError config where change tracking is off, or the account may not see it */
export async function versionsOf(link: Link, tables: readonly FeedTable[], place: string, asked: Asked): Promise<Versions> {
  const columns = tables.map(({ table }, index): Statement => {
    const id = concat("OBJECT_ID(", bind(mssqlSyntax.quote(table)), ")");
    return concat(
      "CHANGE_TRACKING_MIN_VALID_VERSION(",
      id,
      `) AS least${index}, `,
      id,
      ` AS id${index}, (SELECT c.begin_version FROM sys.change_tracking_tables AS c WHERE c.object_id = `,
      id,
      `) AS begun${index}`,
    );
  });
  const statement = concat("SELECT ", join(["CHANGE_TRACKING_CURRENT_VERSION() AS now", ...columns], ", "));
  const [row] = await ask(link, statement, asked);
  const number = (text: string | null | undefined): bigint => {
    if (text !== null && text !== undefined) return BigInt(text);
    throw new FuserError("config", "Change tracking is switched off, or the account may not read it", {
      code: "erp-feed-settings",
      operation: asked.operation,
      place,
      hint: "`erpfuser check` prints the statements for the DBA.",
    });
  };
  return {
    current: number(row?.now),
    least: tables.map((_, index) => number(row?.[`least${index}`])),
    births: tables.map((_, index) => `${row?.[`id${index}`]}:${row?.[`begun${index}`] ?? ""}`),
  };
}
