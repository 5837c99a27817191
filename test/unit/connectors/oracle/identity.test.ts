import { expect, it } from "vitest";
import { identityOf } from "../../../../connectors/oracle/identity.ts";
import type { Link } from "../../../../connectors/oracle/link.ts";
import type { Statement } from "../../../../connectors/statement.ts";

const never = new AbortController().signal;

/** @param told of V$DATABASE: DBID, RESETLOGS_CHANGE# and CURRENT_SCN */
const linkOf = (told: readonly string[]): Link =>
  ({
    version: "19.20.0.0.0",
    execute: async (statement: Statement) => ({
      rows: [JSON.stringify(statement).includes("V$DATABASE") ? told : ["ERP", "ERP", "FUSER", "db1", "2026-01-01T00:00:00"]],
    }),
  }) as unknown as Link;

it("an Oracle database that was recovered to a point in time is the same one with another history, however far it has come since", async () => {
  const before = await identityOf(linkOf(["4711", "1", "5000"]), never);
  const after = await identityOf(linkOf(["4711", "4000", "9000"]), never);
  const clone = await identityOf(linkOf(["4712", "1", "5000"]), never);
  expect(after.database).toBe(before.database);
  expect(clone.database).not.toBe(before.database);
  expect([before.position, after.position]).toEqual([{ "scn since 1": "5000" }, { "scn since 4000": "9000" }]);
});
