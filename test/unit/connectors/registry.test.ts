import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

/** Imports one module in a Node of its own and prints the packages that came with it. */
const packagesOf = (module: string): string[] => {
  const script = `
    import { registerHooks } from "node:module";
    const found = new Set();
    registerHooks({
      resolve(specifier, context, next) {
        const resolved = next(specifier, context);
        const name = /\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(resolved.url)?.[1];
        if (name !== undefined) found.add(name);
        return resolved;
      },
    });
    await import(${JSON.stringify(module)});
    console.log(JSON.stringify([...found]));`;
  const args = ["--input-type=module", "--eval", script];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8", cwd: process.cwd() })) as string[];
};

test("an agent loads the driver of its own database alone: those of all would cost it 25 MB", () => {
  expect(packagesOf("./connectors/registry.ts")).toEqual(["zod"]);
  expect(packagesOf("./connectors/mysql/open.ts")).toContain("mysql2");
});
