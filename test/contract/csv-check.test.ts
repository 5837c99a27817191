import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Finding } from "../../base/findings.ts";
import { tempDirectory } from "../support/servers.ts";

it("`erpfuser check` reads a CSV folder's types before the first import, and refuses commands of whatever steps", async () => {
  await using home = await tempDirectory();
  const [state, folder, file] = ["state", "export", "erpfuser.yaml"].map((name) => join(home.path, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(state);
  await mkdir(folder);
  const lines = [
    `agent: { name: Test, portal: "ws://127.0.0.1:9/agent", state: ${state} }`,
    `erp: { connector: csv, folder: ${folder}, timezone: Europe/Berlin, tables: { T: { full: T.csv, key: ID, columns: { ID: integer, NAME: text } } } }`,
    "sources: { tickets: { type: ticket, table: T, key: ID, fields: { kind: { value: damage }, title: NAME, status: { value: open } } } }",
    "commands:",
    "  ticket.create:",
    '    idempotency: { probe: "SELECT ID FROM T WHERE NAME = :command.id" }',
    '    steps: [ { sql: "UPDATE T SET NAME = :command.id" } ]',
    '    result: { source: tickets, key: "1" }',
  ];
  await writeFile(file, lines.join("\n"));
  const said = await new Promise<string>((resolve) => {
    execFile(process.execPath, ["agent/main.ts", "check", "--config", file, "--json"], (_, stdout) => resolve(stdout));
  });
  const { findings } = JSON.parse(said) as { findings: Finding[] };
  expect(findings).toContainEqual(expect.objectContaining({ severity: "error", code: "erp-read-only", place: "commands" }));
  expect(findings).toContainEqual(expect.objectContaining({ severity: "warning", code: "erp-export-awaited", place: "T" }));
  // The columns of the source are known: no fault of its fields.
  expect(findings.filter(({ place }) => place.includes("tickets"))).toEqual([]);
}, 60_000);
