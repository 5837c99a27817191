import { describe, expect, test } from "vitest";
import { importBreaches } from "../../support/import-rules.ts";

function reasons(path: string, text: string): string[] {
  return importBreaches([{ path, text }]).map((breach) => breach.reason);
}

describe("the import rules refuse", () => {
  const forbidden: [from: string, specifier: string][] = [
    ["base/log.ts", "../protocol/model.ts"],
    ["base/log.ts", "../agent/agent.ts"],
    ["protocol/model.ts", "../base/errors.ts"],
    ["connectors/mysql/connector.ts", "../sqlite/values.ts"],
    ["connectors/mysql/connector.ts", "../registry.ts"],
    ["connectors/mysql/connector.ts", "../../config/schema.ts"],
    ["connectors/connector.ts", "../protocol/model.ts"],
    ["connectors/connector.ts", "./mysql/values.ts"],
    ["config/load.ts", "../connectors/mysql/config.ts"],
    ["config/load.ts", "../agent/map/mapping.ts"],
    ["agent/capture/drain.ts", "../map/mapping.ts"],
    ["agent/capture/drain.ts", "../channel/session.ts"],
    ["agent/map/mapping.ts", "../store/facts.ts"],
    ["agent/quality/findings.ts", "../store/facts.ts"],
    ["agent/channel/session.ts", "../writeback/writeback.ts"],
    ["agent/store/outbox.ts", "../channel/acks.ts"],
    ["agent/writeback/writeback.ts", "../capture/scan.ts"],
    ["agent/capture/scan.ts", "../../connectors/registry.ts"],
    ["agent/capture/scan.ts", "../../connectors/mysql/connector.ts"],
    ["agent/capture/scan.ts", "../agent.ts"],
    ["agent/capture/scan.ts", "../cli/run.ts"],
    ["agent/capture/scan.ts", "../../portal/gateway.ts"],
    ["agent/agent.ts", "./cli/run.ts"],
    ["agent/agent.ts", "../portal/gateway.ts"],
    ["agent/agent.ts", "../installer/build.ts"],
    ["agent/agent.ts", "../connectors/mysql/connector.ts"],
    ["agent/cli/run.ts", "../../test/support/servers.ts"],
    ["portal/gateway.ts", "../agent/store/database.ts"],
    ["portal/gateway.ts", "../config/schema.ts"],
    ["installer/build.ts", "../agent/main.ts"],
    ["bench/sync.ts", "../agent/capture/scan.ts"],
  ];

  test.each(forbidden)("%s importing %s", (from, specifier) => {
    expect(reasons(from, `import { thing } from "${specifier}";\n`)).toHaveLength(1);
    expect(reasons(from, `import type { Thing } from "${specifier}";\n`)).toHaveLength(1);
  });

  test.each([
    ["agent/capture/scan.ts", "../../connectors/connector.ts"],
    ["agent/map/mapping.ts", "../../config/schema.ts"],
    ["agent/capture/judging.ts", "../quality/judged.ts"],
    ["agent/store/facts.ts", "../quality/judged.ts"],
  ])("the values, but not the types, that %s imports from %s", (from, specifier) => {
    expect(reasons(from, `import { thing } from "${specifier}";`)).toEqual([expect.stringContaining("types only")]);
    expect(reasons(from, `import type { Thing } from "${specifier}";`)).toEqual([]);
  });

  test.each(["node:fs", "node:fs/promises", "node:net", "node:sqlite", "node:child_process", "ws", "mysql2/promise", "winston"])(
    "%s in the parts that do no I/O",
    (module) => {
      const text = `import { thing } from "${module}";`;
      for (const path of ["agent/map/mapping.ts", "agent/quality/guards.ts", "agent/channel/acks.ts"]) {
        expect(reasons(path, text)).toEqual(["this part does no I/O"]);
      }
      expect(reasons("agent/channel/session.ts", text)).toEqual([]);
    },
  );

  test.each([
    ["over several lines", 'import {\n  one,\n  two,\n} from "../map/mapping.ts";'],
    ["as a re-export", 'export { one } from "../map/mapping.ts";'],
    ["as a star re-export", 'export * from "../map/mapping.ts";'],
    ["for its side effect", 'import "../map/mapping.ts";'],
    ["with a default", 'import mapping, { one } from "../map/mapping.ts";'],
    ["as a namespace", 'import * as mapping from "../map/mapping.ts";'],
    ["at run time", 'const mapping = await import("../map/mapping.ts");'],
    ["after an import of another file", 'import { a } from "../../base/log.ts";\nimport { b } from "../map/mapping.ts";'],
  ])("a forbidden file imported %s", (_how, text) => {
    expect(reasons("agent/capture/drain.ts", text)).toHaveLength(1);
  });

  test("a file that stands in no room, and an import that leads out of the project", () => {
    expect(reasons("agent/helpers/things.ts", "")).toEqual(["stands in no room of architecture.md"]);
    expect(reasons("base/log.ts", 'import "../../elsewhere.ts";')).toEqual(["leads out of the project"]);
  });
});

describe("the import rules allow", () => {
  test.each([
    ["base/loop.ts", "./time.ts"],
    ["connectors/mysql/connector.ts", "../connector.ts"],
    ["connectors/mysql/connector.ts", "./values.ts"],
    ["connectors/registry.ts", "./mysql/connector.ts"],
    ["config/schema.ts", "../connectors/registry.ts"],
    ["agent/capture/drain.ts", "../store/pending.ts"],
    ["agent/channel/session.ts", "../../protocol/messages.ts"],
    ["agent/agent.ts", "./map/mapping.ts"],
    ["agent/agent.ts", "../connectors/registry.ts"],
    ["agent/main.ts", "./cli/run.ts"],
    ["agent/cli/demo.ts", "../../portal/gateway.ts"],
    ["agent/cli/demo.ts", "../../test/support/erp/company.ts"],
    ["portal/gateway.ts", "../protocol/messages.ts"],
    ["test/fault/kill.test.ts", "../../agent/store/outbox.ts"],
    ["bench/portal-helper.ts", "../portal/gateway.ts"],
    ["bench/scene.ts", "../test/support/servers.ts"],
  ])("%s to import %s", (from, specifier) => {
    expect(reasons(from, `import { thing } from "${specifier}";`)).toEqual([]);
  });

  test("what only looks like an import", () => {
    const text =
      '// import { one } from "../map/mapping.ts";\nconst hint = `see from "../map/mapping.ts"`;\nexport const one = 1;\nexport type Two = "../map/x.ts";\n';
    expect(reasons("agent/capture/drain.ts", text)).toEqual([]);
  });
});
