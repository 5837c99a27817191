import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { OracleError } from "../doubles/tns/database.ts";
import { patience } from "../support/agent-run.ts";
import { type EstateAgent, estateAgent } from "./erp/estate-agent.ts";
import { oracleSubject } from "./erp/oracle.ts";

/** The command line against Oracle's double: the server loses what a compare stands on, again and again, and nobody helps. */
describe("erpfuser on Oracle", () => {
  let erp: Awaited<ReturnType<typeof oracleSubject>>;
  let agent: EstateAgent;

  beforeAll(async () => {
    erp = await oracleSubject();
    await erp.run("CREATE TABLE objekt (nr NUMBER(9) NOT NULL PRIMARY KEY, bez VARCHAR2(40) NOT NULL)");
    for (let nr = 1; nr <= 230; nr++) await erp.run("INSERT INTO objekt VALUES (?, ?)", [nr, `Haus ${nr}`]);
    agent = await estateAgent("Undo", {
      settings: `connector: oracle, server: 127.0.0.1, port: ${erp.double.port}, service: ${erp.engine.serviceName}, user: fuser, password: { secret: erp }`,
      password: "geheim",
      table: "objekt",
      changes: "compare: 1s",
      rows: () => erp.rows("SELECT nr, bez FROM objekt"),
    });
  });
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await erp?.[Symbol.asyncDispose]();
  });

  /** Lets the next page of these fail; gives how many did. */
  function losesUndo(number: number, pages: RegExp): { count: number } {
    const told = { count: 0 };
    erp.double.interfere = ({ sql }) => {
      if (!sql.includes('FROM "OBJEKT"') || !pages.test(sql)) return undefined;
      erp.double.interfere = () => undefined;
      told.count += 1;
      return new OracleError(number, "told by the double");
    };
    return told;
  }

  it("a compare that loses its snapshot in the midst is made anew in full, on another ground, and converges without a person", async () => {
    await agent.enrol();
    const first = losesUndo(1555, /"OBJEKT" AS OF SCN :\w+ WHERE/);
    await using run = agent.run();
    await agent.converges();
    expect(first.count).toBe(1);
    expect(run.lines.map(({ message }) => message).join()).toContain("compared page by page from now on");
    const changes = async (nr: number): Promise<void> => {
      await erp.run("UPDATE objekt SET bez = 'anders' WHERE nr = ?", [nr]);
      await erp.run("DELETE FROM objekt WHERE nr = ?", [nr + 1]);
      await erp.run("INSERT INTO objekt VALUES (?, 'neu')", [nr + 1_000]);
    };
    // Page by page by now; and what a page itself loses is no end either. The next compares come by themselves.
    for (const [index, number] of [1555, 8181, 1466].entries()) {
      await changes(20 * index + 10);
      const lost = losesUndo(number, /"OBJEKT" WHERE .*"NR" > /);
      await vi.waitFor(() => expect(lost.count).toBe(1), patience);
      await agent.converges();
    }
    await run.stop();
  }, 120_000);
});
