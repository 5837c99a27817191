import { expect, test } from "vitest";
import type { Fault, Source } from "../../../config/config.ts";
import { parseConfig } from "../../../config/load.ts";
import { connectors } from "../../../connectors/registry.ts";

// As a connector with feeds declares them.
Object.assign(connectors.sqlite?.dialect as object, { feeds: ["binlog", "change-tracking"] });

const configuration = (
  tickets: string,
): string => `agent: { name: Test, portal: "wss://portal.example.com/agent", state: /tmp/state }
erp: { connector: sqlite, file: /tmp/erp.db, timezone: Europe/Berlin }
sources:
  tickets: { type: property, key: ID, fields: { name: N }, ${tickets} }
`;
const load = (tickets: string) => parseConfig({ text: configuration(tickets), file: "/etc/erpfuser/erpfuser.yaml" });
const faultsOf = (tickets: string): readonly Fault[] => load(tickets).faults ?? [];
const sourceOf = (tickets: string): Source => {
  const loaded = load(tickets);
  expect(loaded.faults ?? []).toEqual([]);
  return loaded.config?.sources[0] as Source;
};

test("a source on a feed is looked after every half minute and compared each night, and so are its child tables", () => {
  const source = sourceOf("table: T, changes: { feed: binlog }, touchedBy: [{ table: C, key: T_ID, changes: { feed: binlog } }]");
  const changes = {
    cursor: undefined,
    feed: { name: "binlog", everyMs: 30_000 },
    compare: { kind: "cron", cron: "0 3 * * *" },
  };
  expect(source.changes).toMatchObject(changes);
  expect(source.touchedBy[0]?.changes).toMatchObject(changes);
});

test("how often it is looked after and when it is compared can be written", () => {
  expect(sourceOf('table: T, changes: { feed: binlog, every: 10s, compare: "0 4 * * *" }').changes).toMatchObject({
    feed: { everyMs: 10_000 },
    compare: { cron: "0 4 * * *" },
  });
});

test("a query is signalled by a table on a feed", () => {
  const source = sourceOf('query: "SELECT ID, N FROM A JOIN B USING (ID)", signal: { table: A, key: ID, feed: binlog }');
  expect(source).toMatchObject({
    signal: { table: "A", feed: "binlog", column: undefined },
    changes: { feed: { name: "binlog" } },
  });
});

const query = 'query: "SELECT ID, N FROM A"';
test.each([
  ["table: T, changes: { feed: binlgo }", "changes.feed", "no feed of sqlite", "Did you mean `binlog`?"],
  [`${query}, signal: { table: A, key: ID, feed: binlgo }`, "signal.feed", "no feed of sqlite", "Did you mean `binlog`?"],
  ["table: T, changes: { feed: binlog, column: C }", "changes.feed", "two ways to tell the same", "Keep one"],
  ["table: T, changes: { feed: binlog, kind: sequence }", "changes.kind", "needs a column", "compare"],
  ["table: T, changes: { feed: binlog }, append: true", "changes.feed", "goes by its own column", "Add `column"],
  ["table: T, changes: { feed: binlog, every: 100ms }", "changes.every", "at most each second", "30s"],
  ['table: T, changes: { feed: binlog, every: "0 3 * * *" }', "changes.every", "all the time", "30s"],
  ["table: T, changes: { feed: binlog, compare: never }", "changes.compare", "deleted rows are never noticed", "0 3"],
  [`${query}, changes: { feed: binlog }`, "changes.feed", "no table of its own", "signal"],
  [`${query}, signal: { table: A, key: ID }`, "signal", "a column or by a feed", "Name one"],
  [`${query}, signal: { table: A, key: ID, column: C, feed: binlog }`, "signal", "a column or by a feed", "Name one"],
  [
    `${query}, changes: { feed: change-tracking }, signal: { table: A, key: ID, feed: binlog }`,
    "changes.feed",
    "no such feed",
    "Leave",
  ],
  [`${query}, changes: { feed: binlog }, signal: { table: A, key: ID, column: C }`, "changes.feed", "no such feed", "Leave"],
])("{ %s } is told at %s", (tickets, path, message, remedy) => {
  const told = faultsOf(tickets).find((fault) => fault.path === `sources.tickets.${path}` && fault.message.includes(message));
  expect(told, JSON.stringify(faultsOf(tickets))).toMatchObject({ line: 4, remedy: expect.stringContaining(remedy) });
});
