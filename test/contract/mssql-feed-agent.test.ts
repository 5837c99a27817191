import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EstateAgent, estateAgent } from "./erp/estate-agent.ts";
import { mssqlSubject } from "./erp/mssql.ts";

/** The command line against SQL Server's double. What is compared is compared at night: all else is the feed's. */
describe("erpfuser on change tracking", () => {
  let erp: Awaited<ReturnType<typeof mssqlSubject>>;
  let agent: EstateAgent;

  beforeAll(async () => {
    erp = await mssqlSubject();
    await erp.run("CREATE TABLE fusertest_objekt (nr INT NOT NULL PRIMARY KEY, bez NVARCHAR(40) NOT NULL)");
    await erp.run("ALTER DATABASE erp SET CHANGE_TRACKING = ON");
    await erp.run("ALTER TABLE fusertest_objekt ENABLE CHANGE_TRACKING");
    for (let nr = 1; nr <= 20; nr++) await erp.run("INSERT INTO fusertest_objekt VALUES (?, ?)", [nr, `Haus ${nr}`]);
    agent = await estateAgent("Tracked", {
      settings: `connector: mssql, server: 127.0.0.1, port: ${erp.double.port}, database: erp, user: erp, password: { secret: erp }, tls: { mode: off }`,
      table: "fusertest_objekt",
      changes: "feed: change-tracking",
      rows: () => erp.rows("SELECT nr, bez FROM fusertest_objekt"),
    });
  });
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await erp?.[Symbol.asyncDispose]();
  });

  it("converges by the feed alone, and without a person when the server cleaned up what the agent had not seen", async () => {
    expect(await agent.erpfuser(["secret", "set", "erp"], "secret\n")).toMatchObject({ code: 0 });
    await agent.enrol();
    {
      await using run = agent.run();
      await agent.converges();
      await erp.run("INSERT INTO fusertest_objekt VALUES (21, 'neu')");
      await erp.run("UPDATE fusertest_objekt SET bez = 'anders' WHERE nr = 3");
      await erp.run("DELETE FROM fusertest_objekt WHERE nr = 4");
      await agent.converges();
      await run.kill9();
    }
    await erp.run("INSERT INTO fusertest_objekt VALUES (22, 'nobody told')");
    await erp.run("UPDATE fusertest_objekt SET bez = 'nor this' WHERE nr = 5");
    await erp.run("DELETE FROM fusertest_objekt WHERE nr = 6");
    erp.double.database.cleanUp();
    {
      await using run = agent.run();
      await run.logged("erp-feed-gap");
      await agent.converges();
      await erp.run("UPDATE fusertest_objekt SET bez = 'told again' WHERE nr = 22");
      await agent.converges();
      await run.stop();
    }
  }, 120_000);
});
