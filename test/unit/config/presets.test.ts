import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Config } from "../../../config/config.ts";
import { presetTexts } from "../../../config/generated/presets.ts";
import { parseConfig } from "../../../config/load.ts";
import { erpConfig } from "../../support/erp/config.ts";

const head = (erp: string): string => `agent: { name: Test, portal: "wss://portal.example.com/agent" }
erp: { timezone: Europe/Berlin, ${erp} }
`;
const server = "server: erp01, database: erp, user: fuser, password: { secret: erp-password }";
/** What an admin must say beside the name, for each preset that ships. */
const admins: Readonly<Record<string, string>> = {
  dolibarr: `preset: dolibarr\n${head(server)}vars: { user: "3" }\n`,
  nav: `preset: nav\n${head(server)}vars: { company: "CRONUS International Ltd_" }\n`,
  sample: `preset: sample\n${head("connector: sqlite, file: /tmp/erp.db")}`,
};
const load = (text: string) => parseConfig({ text, file: "/etc/erpfuser.yaml" });
function configOf(text: string): Config {
  const { config, faults } = load(text);
  if (config === undefined) throw new Error(JSON.stringify(faults, undefined, 2));
  return config;
}
const faultsOf = (text: string) => load(text).faults ?? [];
const dolibarr = admins.dolibarr as string;

test("every preset that ships is in the executable, and is without fault below the few lines of an admin's file", () => {
  expect(readdirSync("config/presets").sort()).toEqual(Object.keys(admins).map((name) => `${name}.yaml`));
  expect(Object.keys(presetTexts).sort()).toEqual(Object.keys(admins).sort());
  for (const [name, text] of Object.entries(admins)) {
    expect(faultsOf(text), name).toEqual([]);
    expect(configOf(text).sources.length, name).toBeGreaterThan(4);
  }
});

describe("the sample ERP's", () => {
  const options = { portalUrl: "wss://portal.example.com/agent", state: "/tmp/state", cursorEvery: "5s", grace: "1h" };
  const sample = erpConfig({ dialect: "sqlite", connection: ["file: /tmp/erp.db"], ...options });

  test("is the configuration that all tests of the sample company use, without what an admin says", async () => {
    const from = sample.indexOf("vars:");
    const text = sample.slice(from).replace(/^guards:.*\n/m, "");
    // It differs after the sample's configuration was changed: write it anew with `npx vitest run -u --project unit test/unit/config/presets.test.ts`, then `npm run generate`.
    await expect(`# ${sample.slice(2, sample.indexOf("\n"))}\n${text}`).toMatchFileSnapshot(
      "../../../config/presets/sample.yaml",
    );
  });

  test("makes the same sources and commands below a file of four lines", () => {
    const plain = ({ sources, commands, maps, types, vars, scope }: Config): unknown =>
      JSON.parse(
        JSON.stringify({ sources, commands, maps, types, vars, scope }, (key, value: unknown) =>
          key === "at" ? undefined : value,
        ),
      );
    expect(plain(configOf(admins.sample as string))).toEqual(plain(configOf(sample)));
  });
});

describe("the admin's file goes over the preset", () => {
  test("sources and commands by their keys, fields and lists as a whole, code maps by code", () => {
    const config = configOf(`${dolibarr}maps:
  severity: { read: { CRITICAL: urgent } }
sources:
  tickets: { changes: { every: 1s, compare: 15m }, fields: { title: { value: Ticket } } }
  own: { type: property, table: o, key: id, scope: none, fields: { name: n } }
commands:
  ticket.close: { draft: true }
`);
    const tickets = config.sources.find(({ name }) => name === "tickets");
    expect(tickets?.changes).toMatchObject({ cursor: { every: { ms: 1_000 } }, compare: { ms: 900_000 } });
    expect(tickets?.fields.title?.read).toMatchObject({ kind: "constant", value: "Ticket" });
    expect(tickets?.fields.status?.read).toMatchObject({ kind: "from", map: "ticketStatus" });
    expect(config.sources.at(-1)).toMatchObject({ name: "own" });
    expect(config.maps.severity?.read).toMatchObject({ CRITICAL: "urgent", LOW: "low" });
    expect(config.commands.find(({ name }) => name === "ticket.close")).toMatchObject({
      draft: true,
      idempotency: { way: "base" },
    });
    expect(config.vars).toEqual({ entity: "1", prefix: "llx_", user: "3" });
    expect(configOf(dolibarr.replace('user: "3"', 'user: "3", prefix: erp_')).sources[0]?.from).toMatchObject({
      table: "erp_societe",
    });
  });

  test("what the ERP does not have is left out by its name", () => {
    const out = "{ use: dolibarr, without: [commands.message.create, sources.messages, sources.users.fields.email] }";
    const config = configOf(dolibarr.replace("preset: dolibarr", `preset: ${out}`));
    expect(config.sources.map(({ name }) => name)).not.toContain("messages");
    expect(config.sources.find(({ name }) => name === "users")?.fields).not.toHaveProperty("email");
    expect(config.commands.map(({ name }) => name)).toEqual(["ticket.create", "ticket.update", "ticket.close"]);
  });
});

describe("faults", () => {
  test("a variable that only the admin knows is told with what it is, once", () => {
    expect(faultsOf(dolibarr.replace(/vars:.*\n/, ""))).toMatchObject([
      { path: "vars.user", line: 1, message: "The preset needs `vars.user`", remedy: expect.stringContaining("llx_user.rowid") },
    ]);
  });

  test("what is wrong with the preset below this file stands in the line of `preset`, what is wrong in the file in its own", () => {
    const text = `${dolibarr}sources: { contacts: { table: 7a; } }\nscope: { entity: "\${vars.entiti}" }\n`;
    expect(faultsOf(text.replace('user: "3"', 'user: "3", prefix: "llx;"'))).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ path: "sources.companies.table", line: 1 }),
        expect.objectContaining({ path: "sources.contacts.table", line: 5 }),
        expect.objectContaining({ path: "scope.entity", line: 6 }),
      ]),
    );
  });

  test("a field of the file's own is judged by itself, whatever the preset's says", () => {
    const text = `${dolibarr}sources:\n  messages:\n    fields:\n      ticketId: { ref: tickets }\n`;
    expect(faultsOf(text)).toMatchObject([
      { path: "sources.messages.fields.ticketId.key", line: 8, message: "`key` is missing" },
    ]);
  });

  test.each([
    ["preset: dolibar", "preset", "Did you mean `dolibarr`?"],
    ["preset: { use: dolibar }", "preset.use", "Did you mean `dolibarr`?"],
    ["preset: { use: dolibarr, without: [sources.ticket] }", "preset.without[0]", "sources.NAME"],
    ["preset: { use: dolibarr, without: [vars.user] }", "preset.without[0]", "sources.NAME"],
  ])("%s is told at %s", (preset, path, remedy) => {
    expect(faultsOf(dolibarr.replace("preset: dolibarr", preset))).toEqual(
      expect.arrayContaining([expect.objectContaining({ path, line: 1, remedy: expect.stringContaining(remedy) })]),
    );
  });
});

describe("names with variables", () => {
  const named = (
    company: string,
    table: string,
  ): string => `${head("connector: sqlite, file: /tmp/erp.db")}vars: { company: ${JSON.stringify(company)} }
sources: { things: { type: property, ${table}, key: No_, fields: { name: Name } } }
`;
  const table = 'table: "${vars.company}$Job"';
  const query = "query: 'SELECT No_, Name FROM [${vars.company}$Job]'";

  test.each(["CRONUS International Ltd_", "Müller & Söhne", "A+B 2"])(
    "a company called %s is part of a table's name, and of one in quotes",
    (company) => {
      expect(configOf(named(company, table)).sources[0]?.from).toMatchObject({ table: `${company}$Job` });
      expect(configOf(named(company, query)).sources[0]?.from).toMatchObject({
        query: { sql: `SELECT No_, Name FROM [${company}$Job]` },
      });
    },
  );

  test.each(["a]b", 'a"b', "a'b", "a;b", "a--b; x", "a  b", "a(b)", " a", "", "a.b"])("%j is not", (company) => {
    for (const from of [table, query])
      expect(faultsOf(named(company, from)), from).toMatchObject([{ message: expect.stringContaining("no identifier") }]);
  });

  test("outside of quotes only an identifier becomes part of SQL", () => {
    const open = "query: 'SELECT No_, \"Name\" FROM ${vars.company}_job'";
    expect(faultsOf(named("CRONUS Ltd", open))).toMatchObject([{ message: expect.stringContaining("no identifier") }]);
    expect(faultsOf(named("CRONUS", open))).toEqual([]);
  });
});
