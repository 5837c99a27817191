import { afterAll, beforeAll, describe, it } from "vitest";
import { type EstateAgent, estateAgent } from "./erp/estate-agent.ts";
import { oracleFeedSubject } from "./erp/oracle-feed.ts";

/** The command line against Oracle's double. What is compared is compared at night: all else is the feed's. */
describe("erpfuser on row versions", () => {
  let erp: Awaited<ReturnType<typeof oracleFeedSubject>>;
  let agent: EstateAgent;

  beforeAll(async () => {
    erp = await oracleFeedSubject();
    await erp.run("CREATE TABLE objekt (nr NUMBER(9) NOT NULL PRIMARY KEY, bez VARCHAR2(40) NOT NULL)");
    for (let nr = 1; nr <= 20; nr++) await erp.run("INSERT INTO objekt VALUES (?, ?)", [nr, `Haus ${nr}`]);
    agent = await estateAgent("Versions", {
      settings: `connector: oracle, server: 127.0.0.1, port: ${erp.double.port}, service: ${erp.engine.serviceName}, user: fuser, password: { secret: erp }`,
      password: "geheim",
      table: "objekt",
      changes: "feed: flashback-versions",
      rows: () => erp.rows("SELECT nr, bez FROM objekt"),
    });
  });
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await erp?.[Symbol.asyncDispose]();
  });

  it("converges by the feed alone, deletes and new keys included, and without a person when the undo has lost what the agent had not seen", async () => {
    await agent.enrol();
    {
      await using run = agent.run();
      await agent.converges();
      await erp.run("INSERT INTO objekt VALUES (21, 'neu')");
      await erp.run("UPDATE objekt SET bez = 'anders' WHERE nr = 3");
      await erp.run("UPDATE objekt SET nr = 105 WHERE nr = 5");
      await erp.run("DELETE FROM objekt WHERE nr = 4");
      await agent.converges();
      await run.kill9();
    }
    await erp.run("INSERT INTO objekt VALUES (22, 'nobody told')");
    await erp.run("UPDATE objekt SET bez = 'nor this' WHERE nr = 7");
    await erp.forget("DELETE FROM objekt WHERE nr = 6");
    {
      await using run = agent.run();
      await run.logged("erp-feed-gap");
      await agent.converges();
      await erp.run("UPDATE objekt SET bez = 'told again' WHERE nr = 22");
      await agent.converges();
      await run.stop();
    }
  }, 120_000);
});
