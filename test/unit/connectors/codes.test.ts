import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

it("every code of the connectors is documented with what to do, and no other", () => {
  const codes = new Set<string>();
  for (const file of globSync(["connectors/**/*.ts", "base/forecasts.ts"])) {
    for (const [, code] of readFileSync(file, "utf8").matchAll(/"(erp-[a-z-]+)"/g)) codes.add(code as string);
  }
  const page = readFileSync("docs/erp-databases.md", "utf8");
  const table = page.slice(page.indexOf("## Codes"));
  const documented = new Set([...table.matchAll(/`(erp-[a-z-]+)`/g)].map(([, code]) => code as string));
  expect(codes.size).toBeGreaterThan(40);
  expect([...codes].filter((code) => !documented.has(code))).toEqual([]);
  expect([...documented].filter((code) => !codes.has(code))).toEqual([]);
});
