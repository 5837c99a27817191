// The two ways of a MySQL connector to read rows: as the packets that the server sends, and parsed by the driver.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Log, LogFields } from "../../base/log.ts";
import type { Connector, RowBatch } from "../../connectors/connector.ts";
import type { MysqlSettings } from "../../connectors/mysql/config.ts";
import { mysql } from "../../connectors/mysql/connector.ts";
import type { MariaDb } from "../support/mariadb.ts";
import { has, mariadb } from "../support/servers.ts";
import { mysqlSubject } from "./erp/mysql.ts";
import { collect, contextOf, keysOf, never, type OpenOptions, type Subject, sourceOf } from "./erp/subject.ts";

/** The driver's commands, which a newer version might change. */
const load = createRequire(import.meta.url);
const query = load(join(dirname(load.resolve("mysql2")), "lib/commands/query.js")).prototype as Record<string, unknown>;

describe.skipIf(!has("mariadb"))("MariaDB: rows as packets and rows parsed by the driver", () => {
  let server: MariaDb;
  let erp: Subject & { database: string };
  const inDriver = { row: query.row, fieldsEOF: query.fieldsEOF };

  beforeAll(async () => {
    server = await mariadb();
    erp = await mysqlSubject(server);
    await erp.run("CREATE TABLE numbers (n INT PRIMARY KEY)");
    await erp.run("INSERT INTO numbers SELECT seq FROM seq_1_to_30000");
  });
  afterEach(() => {
    Object.assign(query, inDriver);
  });
  afterAll(async () => {
    await erp?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  function open(settings: Partial<MysqlSettings>, options: OpenOptions = {}) {
    const access = { server: server.host, port: server.port, user: server.user, password: { secret: "erp" } };
    return mysql.open({ ...access, database: erp.database, ...settings }, async () => server.password, contextOf(options));
  }

  /** Rows of `numbers`, each with columns of its own making. */
  const made = (columns: Record<string, string>, where = "TRUE") =>
    sourceOf("made", ["n"], ["n", ...Object.keys(columns)], {
      from: {
        query: `SELECT n, ${Object.entries(columns)
          .map(([name, sql]) => `${sql} AS ${name}`)
          .join(", ")} FROM numbers WHERE ${where}`,
        parameters: {},
      },
    });

  it("a scan lets its table be altered while its rows are still worked on, and goes on behind with each of them once", async () => {
    await erp.run(
      "CREATE TABLE wide (n INT PRIMARY KEY, a VARCHAR(4000)) SELECT seq AS n, REPEAT('x', 4000) AS a FROM seq_1_to_4000",
    );
    await erp.run("SET SESSION lock_wait_timeout = 10");
    for (const rawRows of [true, false]) {
      await using connector = closing(await open({ rawRows }, { limits: { alterableMs: 300, batchRows: 500 } }));
      const seen = new Set<string>();
      for await (const batch of connector.scan(sourceOf("wide", ["n"], ["n", "a"]), never)) {
        // The server waits to send the rest of the rows.
        if (seen.size === 0) await erp.run(`ALTER TABLE wide ADD COLUMN ${rawRows ? "b" : "c"} INT NULL`);
        for (let index = 0; index < batch.length; index++) {
          expect(seen.has(batch.key(index) as string)).toBe(false);
          seen.add(batch.key(index) as string);
        }
      }
      expect(seen.size).toBe(4_000);
    }
  });

  it("both give the same rows and digests for values of every length", async () => {
    await using packets = closing(await open({}));
    await using parsed = closing(await open({ rawRows: false }));
    const lengths = "ELT(n, 0, 1, 249, 250, 251, 252, 65534, 65535, 65536, 65537, 200000)";
    const source = made({ a: `REPEAT('a', ${lengths})`, b: "NULLIF(n % 3, 0)", c: `REPEAT('ü', ${lengths})` }, "n <= 11");
    const one = await collect(packets.scan(source, never));
    expect(one.map(({ row }) => (row.values[1] as string).length)).toEqual([
      0, 1, 249, 250, 251, 252, 65534, 65535, 65536, 65537, 200000,
    ]);
    expect(await collect(parsed.scan(source, never))).toEqual(one);
    const keys = one.map(({ key }) => key as string);
    for (const connector of [packets, parsed]) expect(await collect(connector.readKeys(source, keys, never))).toEqual(one);
  });

  it("both give the same thousands of rows of all sizes, although packets are read into the same memory again and again", async () => {
    await using packets = closing(await open({}));
    await using parsed = closing(await open({ rawRows: false }));
    // From a few bytes to more than one read brings, in no order.
    const source = made({ pad: "REPEAT(MD5(n), IF(n % 997 = 0, 5000, n % 53))", n2: "n * 7" }, "n <= 20000");
    const scanned = parsed.scan(source, never)[Symbol.asyncIterator]();
    let rows: RowBatch | undefined;
    let at = 0;
    let compared = 0;
    for await (const batch of packets.scan(source, never)) {
      for (let index = 0; index < batch.length; index++, at++) {
        if (rows === undefined || at === rows.length) {
          rows = (await scanned.next()).value as RowBatch;
          at = 0;
        }
        if (batch.digests[index] !== rows.digests[at]) throw new Error(`The row ${rows.key(at)} differs`);
        if (compared % 10 === 0) expect(batch.row(index)).toEqual(rows.row(at));
        compared += 1;
      }
    }
    expect(compared).toBe(20_000);
    expect((await scanned.next()).done).toBe(true);
  });

  it("a row larger than a packet can be arrives whole, and so do its neighbours", async () => {
    const source = made({ a: "IF(n = 2, REPEAT('a', 9000000), 'small')", b: "IF(n = 2, REPEAT('b', 9000001), n)" }, "n <= 3");
    for (const settings of [{}, { rawRows: false }]) {
      await using connector = closing(await open(settings));
      const rows = await collect(connector.scan(source, never));
      expect(rows.map(({ key }) => key)).toEqual(["1", "2", "3"]);
      const [, a, b] = (rows[1] as (typeof rows)[number]).row.values as [number, string, string];
      expect([a.length, b.length, a.replace(/a+/, ""), b.replace(/b+/, "")]).toEqual([9_000_000, 9_000_001, "", ""]);
      expect(rows[2]?.row.values).toEqual([3, "small", "3"]);
    }
  });

  it("columns, flags, children and scope in any order give the same either way", async () => {
    const source = sourceOf("made", ["word", "n"], ["word", "nothing", "n"], {
      from: {
        query: "SELECT n, CONCAT('w', n) AS word, NULL AS nothing, n % 2 AS side FROM numbers WHERE n <= 700",
        parameters: {},
      },
      scope: [{ column: "side", value: "1" }],
      flags: [
        { sql: "n > 3", parameters: {} },
        { sql: "n IS NULL", parameters: {} },
      ],
      children: [{ sql: "SELECT n, NULL FROM numbers WHERE n BETWEEN :row.n AND :row.n + 1 AND n < 600", parameters: {} }],
    });
    await using packets = closing(await open({}));
    await using parsed = closing(await open({ rawRows: false }));
    const one = await collect(packets.scan(source, never));
    expect(one).toHaveLength(350);
    expect(one[0]).toMatchObject({
      key: "w1.1",
      row: {
        values: ["w1", null, 1],
        flags: [false, false],
        children: [
          [
            [1, null],
            [2, null],
          ],
        ],
      },
    });
    expect(await collect(parsed.scan(source, never))).toEqual(one);
    expect(await collect(packets.readKeys(source, ["w1.1", "w699.699"], never))).toEqual([
      one[0],
      one.find(({ key }) => key === "w699.699"),
    ]);
  });

  describe.each([
    { way: "as packets", settings: {} },
    { way: "parsed by the driver", settings: { rawRows: false } },
  ])("rows $way", ({ settings }) => {
    const wide = () => made({ pad: "REPEAT('p', 1000)" });

    it("wait in the server while the consumer takes its time, and all come in the end", async () => {
      await using connector = closing(await open(settings, { sessionName: "slow" }));
      const seen: string[] = [];
      for await (const batch of connector.scan(wide(), never)) {
        seen.push(...(keysOf(batch) as string[]));
        if (seen.length === batch.length) {
          // 30 MB are wanted; what the socket's buffers do not hold stays in the server.
          await expect
            .poll(() => erp.rows("SELECT STATE FROM information_schema.PROCESSLIST WHERE STATE = 'Writing to net'"))
            .toHaveLength(1);
        }
      }
      expect(seen).toEqual(Array.from({ length: 30_000 }, (_, index) => String(index + 1)));
    });

    it("can be asked for until the next batch is, and never stand for others afterwards", async () => {
      await using connector = closing(await open(settings));
      let before: RowBatch | undefined;
      for await (const batch of connector.scan(wide(), never)) {
        expect(batch.row(0).values[0]).toBe(Number(batch.key(0)));
        const over = before;
        if (over) {
          expect(() => over.row(0)).toThrow(RangeError);
          expect(() => over.key(0)).toThrow(RangeError);
        }
        before = batch;
      }
    });

    it("a statement killed while it is held back is transient, and the next scan is whole", async () => {
      await using connector = closing(await open(settings));
      const scanning = (async () => {
        for await (const _ of connector.scan(wide(), never)) {
          const running = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE '%REPEAT(%' AND ID <> CONNECTION_ID()";
          // One of an earlier scan may end by itself meanwhile.
          for (const [id] of await erp.rows(running)) await erp.run(`KILL ${id}`).catch(() => {});
        }
      })();
      await expect(scanning).rejects.toMatchObject({ kind: "transient", code: "erp-connection-lost" });
      expect(await collect(connector.scan(made({ pad: "1" }), never))).toHaveLength(30_000);
    });

    it("a scan cut again and again while its consumer is slow gives every row once", async () => {
      await using connector = closing(await open(settings, { limits: { snapshotMs: 5, batchRows: 700 } }));
      const seen: (string | undefined)[] = [];
      for await (const batch of connector.scan(wide(), never)) {
        seen.push(...keysOf(batch));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      expect(seen).toHaveLength(30_000);
      expect(new Set(seen).size).toBe(30_000);
    });

    it("an abort while rows are held back leaves no session behind", async () => {
      const abort = new AbortController();
      const connector = await open(settings);
      const scanning = (async () => {
        for await (const _ of connector.scan(wide(), abort.signal)) abort.abort();
      })();
      await expect(scanning).rejects.toMatchObject({ name: "AbortError" });
      await connector.close();
      const sessions = "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER NOT LIKE 'system%'";
      await expect.poll(() => erp.rows(sessions)).toHaveLength(0);
    });
  });

  type OnPacket = (this: unknown, packet: object, connection: unknown) => unknown;
  const changes: { what: string; fieldsEOF: (this: { row: OnPacket }) => OnPacket }[] = [
    { what: "never asks a command for its row", fieldsEOF: () => inDriver.row as OnPacket },
    {
      what: "begins a packet elsewhere",
      fieldsEOF() {
        const { row } = this;
        if (row === inDriver.row) return row;
        return (packet, connection) => row.call(this, Object.create(packet, { offset: { value: 5 } }), connection);
      },
    },
  ];
  it.each(changes)("a driver that $what is read in its own way, and the log says so once", async ({ fieldsEOF }) => {
    await using unchanged = closing(await open({}));
    const source = made({ word: "'same'" }, "n < 50");
    const wanted = await collect(unchanged.scan(source, never));
    query.fieldsEOF = fieldsEOF;
    const lines: string[] = [];
    await using connector = closing(await open({}, { log: collecting(lines) }));
    expect(await collect(connector.scan(source, never))).toEqual(wanted);
    expect(await collect(connector.readKeys(source, ["7"], never))).toEqual([wanted[6]]);
    expect(lines).toEqual([expect.stringMatching(/^erp-rows-slower: .*slower way/)]);
  });

  it("a server that is gone at the first read is a fault of the server, not of the driver", async () => {
    const lines: string[] = [];
    await using connector = closing(await open({}, { log: collecting(lines) }));
    const source = made({ word: "'same'" }, "n < 50");
    await server.kill9();
    await expect(collect(connector.scan(source, never))).rejects.toMatchObject({ kind: "transient" });
    await server.restart();
    expect(await collect(connector.scan(source, never))).toHaveLength(49);
    expect(lines).toEqual([]);
  });
});

function closing(connector: Connector): Connector & AsyncDisposable {
  return { ...connector, [Symbol.asyncDispose]: () => connector.close() };
}

function collecting(lines: string[]): Log {
  const add = (message: string, fields?: LogFields): void => {
    lines.push(`${fields?.code}: ${message}`);
  };
  return { error: add, warn: add, info: add, debug: () => {}, part: () => collecting(lines) };
}
