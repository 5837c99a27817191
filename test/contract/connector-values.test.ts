import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connector, PlanStep, StepResults, Value, WritePlan } from "../../connectors/connector.ts";
import { collect, never, type Subject, sourceOf } from "./erp/subject.ts";
import { readers } from "./erp/subjects.ts";

/** One nasty value: its column's type, how the ERP stores it, how it must arrive. `write: false` where a plan can't write it; `byKey: false` where no text of it finds the stored form. */
interface Golden {
  type: string;
  stored: string;
  value: Value;
  write?: false;
  byKey?: false;
}

const mysqlGolden: Golden[] = [
  {
    type: "DECIMAL(38,10)",
    stored: "'1234567890123456789012345678.1234567890'",
    value: "1234567890123456789012345678.1234567890",
  },
  { type: "DECIMAL(10,2)", stored: "0.10", value: "0.10" },
  { type: "DECIMAL(10,2)", stored: "-0.01", value: "-0.01" },
  { type: "BIGINT", stored: "9007199254740991", value: 9007199254740991 },
  { type: "BIGINT", stored: "-9223372036854775808", value: -9223372036854775808n },
  { type: "BIGINT UNSIGNED", stored: "18446744073709551615", value: 18446744073709551615n },
  { type: "INT(5) ZEROFILL", stored: "42", value: 42 },
  { type: "TINYINT(1)", stored: "1", value: 1 },
  { type: "BIT(1)", stored: "b'1'", value: true },
  { type: "BIT(10)", stored: "b'1000000001'", value: 513 },
  { type: "DOUBLE", stored: "0.1", value: 0.1 },
  { type: "FLOAT", stored: "1.5", value: 1.5 },
  { type: "DATE", stored: "'2026-03-29'", value: "2026-03-29" },
  { type: "DATE", stored: "'9999-12-31'", value: "9999-12-31" },
  { type: "DATE", stored: "'0000-00-00'", value: "0000-00-00" },
  { type: "DATE", stored: "'1101-01-00'", value: "1101-01-00" },
  { type: "DATETIME", stored: "'2026-03-29 02:30:00'", value: "2026-03-29T02:30:00" },
  { type: "DATETIME(6)", stored: "'2026-10-25 02:30:00.000001'", value: "2026-10-25T02:30:00.000001" },
  { type: "DATETIME(3)", stored: "'2026-10-25 02:30:00.500'", value: "2026-10-25T02:30:00.5" },
  { type: "DATETIME", stored: "'1753-01-01 00:00:00'", value: "1753-01-01T00:00:00" },
  { type: "TIMESTAMP NULL", stored: "FROM_UNIXTIME(1774747800)", value: "2026-03-29T01:30:00Z" },
  { type: "TIMESTAMP(3) NULL", stored: "FROM_UNIXTIME(1792890000.250)", value: "2026-10-25T01:00:00.25Z" },
  { type: "TIME", stored: "'-12:30:00'", value: "-12:30:00" },
  { type: "TIME", stored: "'838:59:59'", value: "838:59:59" },
  { type: "YEAR", stored: "2026", value: 2026 },
  { type: "CHAR(10)", stored: "'ab '", value: "ab" },
  { type: "VARCHAR(10)", stored: "'ab '", value: "ab " },
  { type: "VARCHAR(10)", stored: "''", value: "" },
  { type: "VARCHAR(10)", stored: "NULL", value: null },
  { type: "VARCHAR(40) CHARACTER SET latin1", stored: "'Müßig – €'", value: "Müßig – €" },
  { type: "VARCHAR(40) CHARACTER SET utf8mb4", stored: "'🏠 Ä\\\\\\'\\\"'", value: "🏠 Ä\\'\"" },
  { type: "TEXT", stored: "'line\\nline\\r\\n\\t'", value: "line\nline\r\n\t" },
  { type: "ENUM('a','ü')", stored: "'ü'", value: "ü" },
  { type: "SET('a','b')", stored: "'a,b'", value: "a,b" },
  { type: "JSON", stored: "'{\"a\": 1.10}'", value: '{"a": 1.10}' },
  { type: "VARBINARY(10)", stored: "X'00FF27'", value: new Uint8Array([0, 255, 39]) },
  { type: "BLOB", stored: "X''", value: new Uint8Array([]) },
  { type: "UUID", stored: "'123e4567-e89b-12d3-a456-426614174000'", value: "123e4567-e89b-12d3-a456-426614174000" },
];

const sqliteGolden: Golden[] = [
  { type: "DECIMAL(10,2)", stored: "0.1", value: "0.10" },
  { type: "DECIMAL(10,2)", stored: "0.1 + 0.2", value: "0.30", byKey: false },
  { type: "DECIMAL(10,2)", stored: "12", value: "12.00" },
  { type: "DECIMAL(10,2)", stored: "12.345", value: "12.345", write: false },
  { type: "NUMERIC", stored: "1e-7", value: "0.0000001" },
  { type: "INTEGER", stored: "9007199254740991", value: 9007199254740991 },
  { type: "BIGINT", stored: "9223372036854775807", value: 9223372036854775807n },
  { type: "INTEGER", stored: "'x12'", value: "x12" },
  { type: "BOOLEAN", stored: "1", value: true },
  { type: "BOOLEAN", stored: "'N'", value: "N" },
  { type: "REAL", stored: "0.1", value: 0.1 },
  { type: "REAL", stored: "2", value: 2 },
  { type: "DATE", stored: "'2026-03-29'", value: "2026-03-29" },
  { type: "DATE", stored: "'0000-00-00'", value: "0000-00-00" },
  { type: "DATE", stored: "20260329", value: "20260329", write: false },
  { type: "DATETIME", stored: "'2026-03-29 02:30:00'", value: "2026-03-29T02:30:00" },
  { type: "DATETIME", stored: "'2026-03-29T02:30'", value: "2026-03-29T02:30:00" },
  { type: "DATETIME", stored: "'junk'", value: "junk" },
  { type: "TIMESTAMP", stored: "'2026-10-25 02:30:00.500'", value: "2026-10-25T02:30:00.500" },
  { type: "TIME", stored: "'23:59:59'", value: "23:59:59" },
  { type: "CHAR(10)", stored: "'ab        '", value: "ab" },
  { type: "CHAR(10)", stored: "'ab '", value: "ab ", write: false },
  { type: "VARCHAR(10)", stored: "'ab '", value: "ab " },
  { type: "VARCHAR(10)", stored: "''", value: "" },
  { type: "VARCHAR(10)", stored: "NULL", value: null },
  { type: "VARCHAR(10)", stored: "X'FF00'", value: "0xff00", write: false, byKey: false },
  { type: "TEXT", stored: "'🏠 Ä''\\\"'", value: "🏠 Ä'\\\"" },
  { type: "TEXT", stored: "'5'", value: "5" },
  { type: "BLOB", stored: "X'00FF27'", value: new Uint8Array([0, 255, 39]) },
];

const goldenOf: Readonly<Record<string, Golden[]>> = { sqlite: sqliteGolden, mysql: mysqlGolden };

describe.each(readers)("$name: values", ({ make, dialect }) => {
  const golden = goldenOf[dialect.name] ?? [];
  let erp: Subject;
  let connector: Connector;
  const columns = golden.map((_, index) => `v${index}`);
  beforeAll(async () => {
    erp = await make();
    connector = await erp.open();
    const types = golden.map(({ type }, index) => `v${index} ${type}`).join(", ");
    await erp.run(`CREATE TABLE fusertest_golden (id INTEGER PRIMARY KEY, ${types})`);
    if (dialect.name === "mysql") await erp.run("SET sql_mode = ''");
    await erp.run(`INSERT INTO fusertest_golden VALUES (1, ${golden.map(({ stored }) => stored).join(", ")})`);
  });
  afterAll(async () => {
    await connector?.close();
    await erp?.[Symbol.asyncDispose]();
  });

  it("every nasty value arrives exactly as it is stored", async () => {
    const [found] = await collect(connector.scan(sourceOf("fusertest_golden", ["id"], ["id", ...columns]), never));
    const seen = golden.map(({ type, stored }, index) => [type, stored, plain(found?.row.values[index + 1] as Value)]);
    expect(seen).toEqual(golden.map(({ type, stored, value }) => [type, stored, plain(value)]));
  });

  it("a nasty value in a key is scanned and read by key with the same digests, and its key's digest is the one of its text", async () => {
    const unlike: string[] = [];
    for (const [index, { type, stored }] of golden.entries()) {
      const source = sourceOf("fusertest_golden", [`v${index}`, "id"], ["id", ...columns]);
      const [scanned] = await collect(connector.scan(source, never));
      if (scanned?.key === undefined) continue;
      const [read] = await collect(connector.readKeys(source, [scanned.key], never));
      if (read?.key !== scanned.key || read.digest !== scanned.digest) unlike.push(`${type} ${stored}`);
      else expect(read.row).toEqual(scanned.row);
    }
    expect(unlike).toEqual(golden.filter(({ byKey }) => byKey === false).map(({ type, stored }) => `${type} ${stored}`));
  });

  it("what arrived can be written and arrives again unchanged", async () => {
    const writable = golden.map((entry, index) => ({ ...entry, column: `v${index}` })).filter(({ write }) => write !== false);
    const step: PlanStep = {
      kind: "insert",
      table: "fusertest_golden",
      values: () => ({ id: 2, ...Object.fromEntries(writable.map(({ column, value }) => [column, value])) }),
      returning: Object.fromEntries(writable.map(({ column }) => [column, column])),
    };
    const plan: WritePlan = {
      commandId: "golden",
      idempotency: { way: "base" },
      mayBeRepeated: false,
      steps: [step],
      resultKey: () => ["2"],
      found: {},
      rehearse: false,
    };
    const outcome = await connector.write(plan, never);
    expect(outcome).toMatchObject({ state: "applied" });
    const [, again] = await collect(connector.scan(sourceOf("fusertest_golden", ["id"], ["id", ...columns]), never));
    const back = writable.map(({ column, type }) => [
      column,
      type,
      plain(again?.row.values[1 + columns.indexOf(column)] as Value),
    ]);
    expect(back).toEqual(writable.map(({ column, type, value }) => [column, type, plain(value)]));
    const { results } = outcome as { results: StepResults };
    const returned = writable.map(({ column, type }) => [column, type, plain(results.get(column) as Value)]);
    expect(returned).toEqual(back);
  });

  it("the description names for each column the type that its values arrive as", async () => {
    const described = await connector.describeQuery(sourceOf("fusertest_golden", ["id"], ["id", ...columns]), never);
    const [table] = await connector.describe(never, ["fusertest_golden"]);
    expect(described.columns.map(({ name, type }) => [name, type])).toEqual(table?.columns.map(({ name, type }) => [name, type]));
    for (const [index, { value, type: declared }] of golden.entries()) {
      const type = described.columns[index + 1]?.type;
      const kinds: Record<string, unknown[]> = {
        integer: ["number", "bigint", "string"],
        float: ["number"],
        boolean: ["boolean", "string"],
        bytes: ["object"],
      };
      if (value !== null) expect([declared, ...(kinds[type ?? ""] ?? ["string"])]).toContain(typeof value);
    }
  });
});

/** Values that `toEqual` compares exactly. */
function plain(value: Value): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  return value === null ? "null" : `${typeof value} ${value}`;
}
