import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { cleanSteps as known } from "../../../agent/map/clean-steps.ts";
import { generatedFiles } from "../../../config/generate.ts";
import { loadConfig } from "../../../config/load.ts";
import { editorSchema } from "../../../config/reference.ts";
import { cleanSteps } from "../../../config/schema-read.ts";
import { erpConfig } from "../../support/erp/config.ts";

const examples = "config/examples";
const files = [examples, "docs/examples"].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => `${folder}/${name}`),
);

test.each(Object.entries(generatedFiles()))("%s is as `npm run generate` writes it", (path, contents) => {
  expect(readFileSync(path, "utf8")).toBe(contents);
});

test("the reference page names every key of the file at its top and every form of a value", () => {
  const page = generatedFiles()["docs/configuration.md"] as string;
  for (const word of ["agent", "erp", "vars", "scope", "types", "maps", "sources", "commands", "guards", "journal"])
    expect(page).toContain(`\n## ${word}\n`);
  for (const key of [
    "from",
    "ref",
    "date",
    "rows",
    "value",
    "object",
    "insert",
    "update",
    "number",
    "sql",
    "ledger",
    "probe",
    "touchedBy",
  ])
    expect(page).toMatch(new RegExp(`\\| \`${key}\``));
  expect(page).not.toContain("undefined");
});

describe("the editor's JSON Schema", () => {
  const validate = new Ajv2020({ allowUnionTypes: true, strict: false }).compile(editorSchema());

  test.each(files)("takes %s as an editor reads it, with numbers and booleans", (file) => {
    expect(validate(parse(readFileSync(file, "utf8"))), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true);
  });

  test("refuses a misspelt key", () => {
    const file = parse(readFileSync(`${examples}/smallest.yaml`, "utf8"));
    expect(validate({ ...file, sorces: {} })).toBe(false);
    expect(validate({ ...file, agent: { ...file.agent, stage: "life" } })).toBe(false);
  });
});

describe("whole configurations", () => {
  test.each(files)("%s is without fault", async (file) => {
    expect((await loadConfig(file)).faults ?? []).toEqual([]);
  });

  const connections = {
    sqlite: ["file: /tmp/erp.db"],
    mysql: ["server: 127.0.0.1", "port: 3307", "database: erp", "user: fuser"],
  };
  const variants = (["sqlite", "mysql"] as const).flatMap((dialect) =>
    (["column", "ledger", "probe"] as const).map((idempotency) => ({ dialect, idempotency })),
  );
  test.each(variants)(
    "the sample ERP's on $dialect, with idempotency by $idempotency, is without fault and has all of it",
    async (variant) => {
      const { dialect, idempotency } = variant;
      const text = erpConfig({
        ...variant,
        connection: connections[dialect],
        portalUrl: "ws://127.0.0.1:4000/agent",
        state: "/tmp/state",
      });
      const loaded = await loadConfig({ text, file: "/tmp/erpfuser.yaml" });
      expect(loaded.faults ?? []).toEqual([]);
      expect(loaded.config?.sources.map((source) => source.name)).toEqual(
        expect.arrayContaining(["properties", "units", "persons", "tickets", "messages", "readings"]),
      );
      expect(loaded.config?.commands.map((command) => command.name)).toEqual([
        "ticket.create",
        "ticket.update",
        "ticket.close",
        "message.create",
      ]);
      expect(loaded.config?.commands[0]?.idempotency.way).toBe(idempotency);
    },
  );
});

test("the configuration knows exactly the cleaning steps that the mapping carries out", () => {
  expect([...cleanSteps].sort()).toEqual(Object.keys(known).sort());
});
