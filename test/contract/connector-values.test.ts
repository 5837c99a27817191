// Nasty values in both directions: written by the plain driver and read by the connector, written by the connector and read by the plain driver.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connector, PlanStep, StepResults, Value, WritePlan } from "../../connectors/connector.ts";
import { canonical, type GoldenDialect, golden, type Kind, nameOf, plainly } from "./erp/golden.ts";
import { goldenCsv } from "./erp/golden-csv.ts";
import { goldenMssql } from "./erp/golden-mssql.ts";
import { goldenMysql } from "./erp/golden-mysql.ts";
import { goldenOracle } from "./erp/golden-oracle.ts";
import { goldenPostgres } from "./erp/golden-postgres.ts";
import { goldenSqlite } from "./erp/golden-sqlite.ts";
import { collect, never, type Subject, sourceOf } from "./erp/subject.ts";
import { readers } from "./erp/subjects.ts";

/** How each kind of database holds the golden table, by its dialect's name. */
const dialects: Readonly<Record<string, GoldenDialect>> = {
  sqlite: goldenSqlite,
  mysql: goldenMysql,
  mssql: goldenMssql,
  postgres: goldenPostgres,
  csv: goldenCsv,
  oracle: goldenOracle,
};

const kinds = Object.keys(golden) as Kind[];
const tableOf = (kind: Kind): string => `fusertest_${kind.toLowerCase()}`;
/** Rows that the connector wrote. */
const ours = 1_000;

describe.each(readers)("$name: the golden table", ({ make, dialect }) => {
  const held = dialects[dialect.name];
  if (held === undefined) throw new Error(`No golden table for ${dialect.name}: add one to ${import.meta.filename}`);
  const { types, lacks, notByKey, bound = () => "?", plain } = held;
  const writes = !dialect.capabilities.unsupported.includes("write");
  const here = kinds.filter((kind) => typeof types[kind] === "string");
  let erp: Subject;
  let connector: Connector;
  /** What the database is to hold, with the number of its row. */
  const valuesOf = (kind: Kind) =>
    golden[kind]
      .map((value, index) => ({ value, id: index + 1 }))
      .filter(({ value }) => lacks[nameOf(kind, value)] === undefined);
  const store = (kind: Kind, id: number, value: Value) =>
    erp.run(`INSERT INTO ${tableOf(kind)} (id, v) VALUES (?, ${bound(kind)})`, [id, plainly(kind, value)]);
  const seen = async (kind: Kind, from: number) => {
    const rows = (await collect(connector.scan(sourceOf(tableOf(kind), ["id"], ["id", "v"]), never))).map(
      ({ row }) => row.values,
    );
    return new Map(
      rows.filter(([id]) => Number(id) >= from && Number(id) < from + ours).map(([id, v]) => [Number(id) - from, v]),
    );
  };

  beforeAll(async () => {
    erp = await make();
    connector = await erp.open();
    for (const kind of here) {
      await erp.run(`CREATE TABLE ${tableOf(kind)} (id INTEGER NOT NULL PRIMARY KEY, v ${types[kind]})`);
      for (const { id, value } of valuesOf(kind)) await store(kind, id, value);
    }
  });
  afterAll(async () => {
    await connector?.close();
    await erp?.[Symbol.asyncDispose]();
  });

  it.each(here)("%s: what the ERP stored arrives exactly", async (kind) => {
    const rows = await seen(kind, 0);
    const shown = (of: (id: number, value: Value) => Value | undefined) =>
      valuesOf(kind).map(({ id, value }) => [nameOf(kind, value), canonical(kind, of(id, value))]);
    expect(shown((id) => rows.get(id))).toEqual(shown((_, value) => value));
  });

  it.each(writes ? here : [])("%s: what the connector writes, the ERP finds as if it had written it itself", async (kind) => {
    const table = tableOf(kind);
    const steps = valuesOf(kind).map(
      ({ id, value }): PlanStep => ({
        kind: "insert",
        table,
        values: () => ({ id: ours + id, v: value }),
        returning: { [`r${id}`]: "v" },
      }),
    );
    const outcome = await connector.write(planOf(steps), never);
    expect(outcome).toMatchObject({ state: "applied" });
    const plainRows = async (condition: string) => erp.rows(`SELECT ${plain(kind)} FROM ${table} WHERE ${condition} ORDER BY id`);
    const named = (rows: (string | null)[][]) =>
      valuesOf(kind).map(({ value }, index) => [nameOf(kind, value), rows[index]?.[0]]);
    expect(named(await plainRows(`id >= ${ours}`))).toEqual(named(await plainRows(`id < ${ours}`)));
    const { results } = outcome as { results: StepResults };
    const arrived = await seen(kind, ours);
    for (const { id, value } of valuesOf(kind)) {
      expect([nameOf(kind, value), canonical(kind, arrived.get(id))]).toEqual([nameOf(kind, value), canonical(kind, value)]);
      // The session that writes has the server's zone; an instant comes back as one all the same.
      expect([nameOf(kind, value), canonical(kind, results.get(`r${id}`))]).toEqual([
        nameOf(kind, value),
        canonical(kind, value),
      ]);
    }
  });

  it.each(here.filter((kind) => kind !== "longText"))("%s: a row is found by a key that holds the value", async (kind) => {
    const source = sourceOf(tableOf(kind), ["v", "id"], ["v", "id"]);
    const unfound: string[] = [];
    for (const { key, digest, row } of await collect(connector.scan(source, never))) {
      if (key === undefined) continue;
      const [read] = await collect(connector.readKeys(source, [key], never));
      if (read?.key !== key || read.digest !== digest) unfound.push(nameOf(kind, row.values[0] as Value));
    }
    const known = Object.keys(notByKey).filter((name) => name.startsWith(`${kind}: `));
    expect([...new Set(unfound)].sort()).toEqual(known.sort());
  });

  it("what is listed as more than the database can hold is more than it can hold, and each has its reason", async () => {
    const reasons = [...Object.values(lacks), ...Object.values(notByKey), ...kinds.flatMap((kind) => reasonOf(types[kind]))];
    expect(reasons.filter((reason) => reason.length < 10)).toEqual([]);
    const names = kinds.flatMap((kind) => golden[kind].map((value) => nameOf(kind, value)));
    expect(Object.keys({ ...lacks, ...notByKey }).filter((name) => !names.includes(name))).toEqual([]);
    const stale: string[] = [];
    for (const kind of here) {
      for (const [index, value] of golden[kind].entries()) {
        if (lacks[nameOf(kind, value)] === undefined) continue;
        const id = 2 * ours + index;
        const refused = await store(kind, id, value).then(
          () => false,
          () => true,
        );
        const arrived = refused ? undefined : (await seen(kind, 2 * ours)).get(index);
        if (canonical(kind, arrived) === canonical(kind, value)) stale.push(nameOf(kind, value));
      }
    }
    expect(stale).toEqual([]);
  });
});

const reasonOf = (type: string | { lacks: string }): string[] => (typeof type === "string" ? [] : [type.lacks]);

function planOf(steps: PlanStep[]): WritePlan {
  return {
    commandId: "golden",
    idempotency: { way: "base" },
    mayBeRepeated: false,
    steps,
    resultKey: () => ["2"],
    found: {},
    rehearse: false,
  };
}

const withOwn = readers.filter(({ dialect }) => (dialects[dialect.name]?.own.length ?? 0) > 0);

describe.each(withOwn)("$name: values of its own types", ({ make, dialect }) => {
  const golden = dialects[dialect.name]?.own ?? [];
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
    for (const [index, { type, stored, byKey }] of golden.entries()) {
      const source = sourceOf("fusertest_golden", [`v${index}`, "id"], ["id", ...columns]);
      if (byKey === "refused") {
        await expect(collect(connector.scan(source, never))).rejects.toMatchObject({ kind: "config", code: "erp-key-unusable" });
        continue;
      }
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
    const outcome = await connector.write(planOf([step]), never);
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
    expect(described.columns.map(({ name, type }) => [erp.catalogued?.(name) ?? name, type])).toEqual(
      table?.columns.map(({ name, type }) => [name, type]),
    );
    for (const [index, { value, type: declared }] of golden.entries()) {
      const type = described.columns[index + 1]?.type;
      const kinds: Record<string, unknown[]> = {
        integer: ["number", "bigint", "string"],
        // NaN is no number to what comes behind.
        float: ["number", "string"],
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
