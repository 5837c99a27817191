/** What the tests of the printed rights configure, and that all of it goes through with them. */
import { expect } from "vitest";
import { compile } from "../../../agent/compile.ts";
import type { Config } from "../../../config/config.ts";
import { parseConfig } from "../../../config/load.ts";
import type { Connector } from "../../../connectors/connector.ts";
import { never } from "./subject.ts";

/** @param erp the section of the database; `steps`: lines that stand behind the number of the command */
export function rightsConfig(erp: string, steps: readonly string[] = []): Config {
  const more = steps.map((line) => `\n      ${line}`).join("");
  const text = `agent: { name: Test, portal: "wss://portal.example.com/agent", state: /tmp/state }
erp: ${erp}
sources:
  persons:
    type: person
    table: person
    key: nr
    where: "active = 'J'"
    changes: { column: changed, kind: timestamp, compare: 1h }
    fields: { kind: { value: natural }, lastName: name }
  tickets:
    type: ticket
    table: orders
    key: id
    fields: { kind: { value: damage }, status: { value: open }, title: title }
commands:
  ticket.create:
    idempotency: { ledger: ledger }
    steps:
      - number: { as: nr, counter: { table: counters, column: value, where: { name: orders } } }${more}
      - insert: orders
        values: { title: { from: title }, nr: "\${nr}" }
        blanks: { text: "" }
        returning: { key: id }
      - update: orders
        key: { id: "\${key}" }
        values: { state: neu }
    result: { source: tickets, key: "\${key}" }
`;
  const { config, faults } = parseConfig({ text, file: "/x.yaml" });
  if (config === undefined) throw new Error(JSON.stringify(faults));
  return config;
}

/** Both persons are shown as changed, and the one who is active; the ticket is written once, with what its tables need. */
export async function readsAndWrites(erp: Connector, config: Config): Promise<void> {
  const { sources, commands } = await compile(config, erp, never);
  for (const { mapping, cursor } of sources) {
    await Array.fromAsync(erp.scan(mapping.query, never));
    await Array.fromAsync(erp.readKeys(mapping.query, ["1"], never));
    await erp.aggregate(mapping.query, cursor?.query, never);
    if (cursor === undefined) continue;
    const from = "2026-01-01T00:00:00";
    expect((await Array.fromAsync(erp.changedSince(cursor.query, from, never))).flat()).toHaveLength(2);
    const shown = await erp.changedRows?.(mapping.query, cursor.query, { from, most: 10, signal: never });
    if (erp.changedRows !== undefined) expect(shown?.rows).toHaveLength(1);
  }
  const values = { title: "Kalt" };
  const message = { type: "command", id: "c-1", command: "ticket.create", values, issuedAt: "2026-07-01T08:30:00Z" };
  const context = { now: Date.now(), rehearse: false, mayBeRepeated: false, resolve: () => undefined };
  const plan = commands.get("ticket.create")?.plan(message as never, context);
  if (plan === undefined || "rejected" in plan) throw new Error(JSON.stringify(plan));
  expect(await erp.write(plan, never)).toMatchObject({ state: "applied", repeated: false });
  expect(await erp.write({ ...plan, mayBeRepeated: true }, never)).toMatchObject({ state: "applied", repeated: true });
}
