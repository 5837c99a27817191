// Cursor columns as SQL Server keeps them: DATETIME in steps of 1/300 s, ROWVERSION given out before it can be seen.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connector, CursorQuery } from "../../connectors/connector.ts";
import { Session } from "../doubles/tds/engine/session.ts";
import { mssqlSubject } from "./erp/mssql.ts";
import { never } from "./erp/subject.ts";

describe("SQL Server: cursor columns", () => {
  let erp: Awaited<ReturnType<typeof mssqlSubject>>;
  let connector: Connector;
  beforeAll(async () => {
    erp = await mssqlSubject();
    connector = await erp.open({ limits: { batchRows: 3 } });
  });
  afterAll(async () => {
    await connector?.close();
    await erp?.[Symbol.asyncDispose]();
  });
  const since = async (query: CursorQuery, from: string) =>
    (await Array.fromAsync(connector.changedSince(query, from, never))).flat().map(({ key }) => key);

  it("more rows of one moment than a page holds are read once each, though the moment is no whole hundredth of a second", async () => {
    await erp.run("CREATE TABLE fusertest_moments (id INT NOT NULL PRIMARY KEY, changed DATETIME NOT NULL)");
    const moments = [...Array(8).fill("2026-10-25T02:30:00.007"), "2026-10-25T02:30:00.003", "2026-10-25T02:30:00.010"];
    for (const [id, changed] of moments.entries()) await erp.run("INSERT INTO fusertest_moments VALUES (?, ?)", [id, changed]);
    const query = { table: "fusertest_moments", column: "changed", kind: "timestamp", key: ["id"], own: [] } as const;
    // Bounded, for a poll that goes round in circles would never end.
    const seen: (string | undefined)[] = [];
    for await (const rows of connector.changedSince(query, "2026-10-25T02:30:00", never)) {
      seen.push(...rows.map(({ key }) => key));
      if (seen.length > 50) break;
    }
    expect(seen.toSorted()).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    expect(await since(query, "2026-10-25T02:30:00.0066667")).toEqual(expect.arrayContaining(["0", "7", "9"]));
  });

  it("what a poll takes for committed it has seen: a transaction may end between its question for open ones and its rows", async () => {
    await erp.run("CREATE TABLE fusertest_versions (id INT NOT NULL PRIMARY KEY, words NVARCHAR(20), rv ROWVERSION)");
    await erp.run("INSERT INTO fusertest_versions (id, words) VALUES (1, 'one'), (2, 'two')");
    const query = { table: "fusertest_versions", column: "rv", kind: "sequence", key: ["id"], own: [] } as const;
    const [last] = (await Array.fromAsync(connector.changedSince(query, undefined, never))).flat();
    const { database } = erp.double;
    const clerk = new Session(database, { login: "clerk", program: "erp" });
    for await (const _ of clerk.run("BEGIN TRANSACTION; UPDATE fusertest_versions SET words = 'slow' WHERE id = 1", []));
    const commit = clerk.run("COMMIT TRANSACTION", []);
    database.onMinActive = () => {
      database.onMinActive = undefined;
      // It commits before it tells of it.
      void commit.next();
    };
    const seen = await since(query, last?.mark ?? "");
    clerk.close();
    expect(database.onMinActive).toBeUndefined();
    expect(seen).toEqual(["2", "1"]);
  });
});
