// The agent's path by bytes on a real database: whatever is declined there goes the slow way, so that it must not become rare unnoticed.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compile } from "../../agent/compile.ts";
import type { Mapping } from "../../agent/map/mapped.ts";
import { silentLog } from "../../base/log.ts";
import { systemClock } from "../../base/time.ts";
import { parseConfig } from "../../config/load.ts";
import type { Connector } from "../../connectors/connector.ts";
import { mysql } from "../../connectors/mysql/connector.ts";
import { erpConfig } from "../support/erp/config.ts";
import { generateErp } from "../support/erp/generate.ts";
import { openErp } from "../support/erp/open.ts";
import type { MariaDb } from "../support/mariadb.ts";
import { has, mariadb } from "../support/servers.ts";
import { judgeWritten, type WriterAtWork, writerAtWork } from "../support/written-entities.ts";
import { never } from "./erp/subject.ts";

const limits = { statementTimeoutMs: 30_000, lockTimeoutMs: 2_000, batchRows: 100, batchBytes: 1_000_000, snapshotMs: 60_000 };

describe.skipIf(!has("mariadb")).each([
  { way: "packets", rawRows: true },
  { way: "values", rawRows: false },
])("MariaDB, rows as $way: the sample company", ({ rawRows }) => {
  let server: MariaDb;
  let connector: Connector;
  let mappings: readonly Mapping[];
  beforeAll(async () => {
    server = await mariadb();
    const at = await server.createDatabase("company");
    await using erp = openErp(`mysql://${at.user}:${at.password}@${at.host}:${at.port}/${at.database}`);
    await generateErp(erp, { units: 450, seed: 31 });
    const settings = {
      server: at.host,
      port: at.port,
      user: at.user,
      password: { secret: "erp" },
      database: at.database,
      rawRows,
    };
    connector = await mysql.open(settings, async () => at.password, {
      clock: systemClock,
      log: silentLog,
      limits,
      sessionName: "test",
    });
    const connection = [`server: ${at.host}`, `database: ${at.database}`, `user: ${at.user}`, "password: { secret: erp }"];
    const { config } = parseConfig({
      text: erpConfig({ dialect: "mysql", connection, portalUrl: "ws://127.0.0.1:1/agent", state: "/nowhere" }),
      file: "/nowhere/erpfuser.yaml",
    });
    if (config === undefined) throw new Error("The sample configuration has faults");
    mappings = (await compile(config, connector, never)).mappings;
  });
  afterAll(async () => {
    await connector?.close();
    await server?.stop();
  });

  it("is written from its bytes as it is mapped, nearly all of each source; what holds children goes by its values", async () => {
    for (const mapping of mappings) {
      let writing: WriterAtWork | undefined;
      const verdicts = new Map<string, number>();
      for await (const batch of connector.scan(mapping.query, never)) {
        if (mapping.query.children.length > 0) {
          expect(batch.written).toBeUndefined();
          continue;
        }
        writing ??= writerAtWork(mapping, batch);
        expect(batch.written?.forms).toBe(writing.forms);
        for (let index = 0; index < batch.length; index++) {
          const verdict = judgeWritten(writing, batch, index);
          verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
        }
      }
      const { written = 0, declined = 0, ...wrong } = Object.fromEntries(verdicts);
      expect(wrong, mapping.source).toEqual({});
      if (mapping.query.children.length === 0) expect(written / (written + declined), mapping.source).toBeGreaterThan(0.95);
    }
    expect(mappings.length).toBe(13);
  });
});
