// Documents in a column of a real MariaDB, with a whole agent: no scan and no poll reads them, a server that dies in the midst delays them.
import { randomBytes } from "node:crypto";
import type { Connection } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LivingAgent, livingAgent } from "../support/living-agent.ts";
import type { MariaDb } from "../support/mariadb.ts";
import { has, mariadb } from "../support/servers.ts";

const configuration = `
quality: { rules: false }
sources:
  estates: { type: property, table: OBJEKT, key: [OBJ], scope: none, changes: { compare: 15m }, fields: { name: BEZ } }
  letters:
    type: document
    table: BRIEF
    key: [MANDANT, NR]
    scope: none
    changes: { column: STAND, every: 50ms, compare: 15m }
    bytes: { table: BRIEFINHALT, key: [MAND, BRIEFNR], blob: INHALT, max: 2MB }
    fields:
      subject: [ { type: { value: property }, id: { ref: estates, key: [OBJ] } } ]
      category: { value: letter }
      name: BETREFF
      mediaType: { value: application/pdf }
`;
const letter = randomBytes(1_500_000);

describe.skipIf(!has("mariadb"))("documents in a column of MariaDB", () => {
  const opened = new AsyncDisposableStack();
  let server: MariaDb;
  let erp: Connection;
  let site: LivingAgent;

  beforeAll(async () => {
    server = opened.use(await mariadb());
    const { host, port } = await server.createDatabase("letters");
    erp = await server.connect();
    for (const sql of [
      "USE letters",
      "CREATE TABLE OBJEKT (OBJ VARCHAR(4) PRIMARY KEY, BEZ VARCHAR(40) NOT NULL)",
      "CREATE TABLE BRIEF (MANDANT CHAR(3), NR INT, OBJ VARCHAR(4), BETREFF VARCHAR(40), STAND TIMESTAMP, PRIMARY KEY (MANDANT, NR), KEY (STAND))",
      "CREATE TABLE BRIEFINHALT (MAND CHAR(3), BRIEFNR INT, INHALT LONGBLOB, PRIMARY KEY (MAND, BRIEFNR))",
      "INSERT INTO OBJEKT VALUES ('10', 'Park')",
      "INSERT INTO BRIEF VALUES ('001', 1, '10', 'Abrechnung', NOW()), ('001', 2, '10', 'Leer', NOW()), ('001', 3, '10', 'Zu lang', NOW())",
      "INSERT INTO BRIEFINHALT VALUES ('001', 3, REPEAT('x', 2097153)), ('002', 1, 'of somebody else')",
      "CREATE USER 'fuser'@'%' IDENTIFIED BY ''",
      "GRANT SELECT ON letters.* TO 'fuser'@'%'",
      "SET GLOBAL log_output = 'TABLE', GLOBAL general_log = ON",
    ])
      await erp.query(sql);
    await erp.query("INSERT INTO BRIEFINHALT VALUES ('001', 1, ?)", [letter]);
    site = opened.use(
      await livingAgent(
        "",
        ({ state, portalUrl }) => `
agent: { name: Letters, portal: "${portalUrl}", stage: live, state: "${state}" }
erp: { connector: mysql, server: ${host}, port: ${port}, database: letters, user: fuser, timezone: Europe/Berlin, confirmAfter: 100ms }
`,
      ),
    );
    await site.start(configuration);
  });
  afterAll(() => opened.disposeAsync());

  const want = async (id: string) => {
    site.gateway.wantDocument(site.agentId, id);
    await site.until(() => expect(site.gateway.document(site.agentId, id)?.state).not.toBe("wanted"));
    return site.gateway.document(site.agentId, id);
  };

  it("no statement names the column before the portal asks, and what is too long does not travel", async () => {
    await site.came(4);
    await erp.query("UPDATE letters.BRIEF SET BETREFF = 'Zu lang!', STAND = NOW() WHERE NR = 3");
    await site.came(1);
    const named = async (word: string) => {
      const sql = "SELECT count(*) AS n FROM mysql.general_log WHERE user_host LIKE 'fuser%' AND argument LIKE ?";
      const [rows] = await erp.query(sql, [`%${word}%`]);
      return (rows as { n: number }[])[0]?.n;
    };
    expect(await named("BETREFF")).toBeGreaterThan(0);
    expect(await named("INHALT")).toBe(0);
    expect(await want("001.2")).toMatchObject({ state: "refused", reason: "missing" });
    expect(await want("001.3")).toMatchObject({ state: "refused", reason: "too-large" });
    // Its length was looked at.
    expect(await named("OCTET_LENGTH(`INHALT`)")).toBeGreaterThan(0);
    expect(await named("`BRIEFNR`, `INHALT`")).toBe(0);
  });

  it("a server that dies while the link is cut delays them, and what came before is not sent again", async () => {
    const offsets: number[] = [];
    let killed: Promise<void> | undefined;
    site.gateway.hooks.piece = (_, offset) => {
      offsets.push(offset);
      if (offset !== 491_520 || killed !== undefined) return undefined;
      killed = server.kill9();
      return "drop";
    };
    erp.on("error", () => undefined);
    expect(await want("001.1")).toMatchObject({ state: "refused", reason: "later", received: 491_520 });
    await killed;
    await server.restart();
    await site.until(async () => expect(await want("001.1")).toMatchObject({ state: "held", sizeBytes: letter.length }));
    expect(Buffer.concat([...(site.gateway.documentBytes(site.agentId, "001.1") ?? [])]).equals(letter)).toBe(true);
    expect(offsets).toHaveLength(Math.ceil(letter.length / 32_768) + 1);
    erp.destroy();
  });
});
