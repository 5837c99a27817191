import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { Connector, WritePlan } from "../../../connectors/connector.ts";
import type { Interfering } from "../../doubles/tns/connection.ts";
import { oracleSubject } from "./oracle.ts";
import { collect, never, sourceOf } from "./subject.ts";

/** The table of the bench as a source. */
export const rows = sourceOf("fusertest_rows", ["id"], ["id", "words", "code"]);

/** Inserts a row of this id, remembered in the ledger. */
export function planOf(id: string, more: Partial<WritePlan> = {}): WritePlan {
  return {
    commandId: id,
    idempotency: { way: "ledger", table: "fusertest_ledger", commandId: id },
    mayBeRepeated: false,
    steps: [{ kind: "insert", table: "fusertest_rows", values: () => ({ id: Number(id), words: "new", code: "A" }) }],
    resultKey: () => [id],
    found: {},
    rehearse: false,
    ...more,
  };
}

export interface OracleBench {
  readonly erp: Awaited<ReturnType<typeof oracleSubject>>;
  /** Opened anew for each test. */
  readonly connector: Connector;
  /** Lets the next statement that holds these words meet something. */
  once(words: string, fault: Interfering): void;
  /** The values of the first row, by its key. */
  read(): Promise<unknown>;
  ids(): Promise<unknown>;
}

/** One server for the tests of a `describe`, with a table of one row and a ledger before each of them. */
export function oracleBench(): OracleBench {
  let erp: OracleBench["erp"];
  let connector: Connector;
  beforeAll(async () => {
    erp = await oracleSubject();
    await erp.run("CREATE TABLE fusertest_rows (id INTEGER NOT NULL PRIMARY KEY, words VARCHAR2(20), code CHAR(3))");
    await erp.run("CREATE TABLE fusertest_ledger (command_id VARCHAR2(60) NOT NULL PRIMARY KEY, results VARCHAR2(2000))");
  });
  afterAll(async () => {
    await erp?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await erp.run("DELETE FROM fusertest_rows");
    await erp.run("DELETE FROM fusertest_ledger");
    await erp.run("INSERT INTO fusertest_rows VALUES (1, 'one', 'A')");
    connector = await erp.open({ limits: { batchRows: 2 } });
  });
  afterEach(async () => {
    erp.double.interfere = () => undefined;
    erp.engine.mayLock = true;
    await connector.close();
  });
  return {
    get erp() {
      return erp;
    },
    get connector() {
      return connector;
    },
    once(words, fault) {
      erp.double.interfere = ({ sql }) => {
        if (!sql.includes(words)) return undefined;
        erp.double.interfere = () => undefined;
        return fault;
      };
    },
    read: async () => (await collect(connector.readKeys(rows, ["1"], never))).map(({ row }) => row.values),
    ids: async () => (await erp.rows("SELECT id FROM fusertest_rows ORDER BY id")).flat(),
  };
}
