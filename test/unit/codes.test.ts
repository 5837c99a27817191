import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const pages = ["docs/codes.md", "docs/erp-databases.md", "docs/portal-and-command-codes.md"];

/** `code: "x"`, `code: given ? "x" : "y"`, and what the secrets' own function is called with. */
const written = [/\bcode: (?:[^",\n]+ \? )?"([a-z][a-z-]+)"(?: : "([a-z-]+)")?/g, /secretsError\(\s*"([a-z-]+)"/g];
/** Not ours to explain: zod's own issues, and events of the reference gateway. */
const others = new Set(["custom", "connected", "disconnected", "enrolled"]);

function codesOfSource(): Set<string> {
  const found = new Set<string>();
  for (const file of globSync("{agent,base,config,connectors,portal,protocol}/**/*.ts")) {
    const text = readFileSync(file, "utf8");
    for (const pattern of written)
      for (const [, ...codes] of text.matchAll(pattern)) for (const code of codes) if (code !== undefined) found.add(code);
  }
  return found;
}

it("every code that the source can say is documented with its meaning", () => {
  const documented = new Set(
    pages.flatMap((page) => [...readFileSync(page, "utf8").matchAll(/`-?([a-z][a-z-]+)`/g)].map(([, code]) => code)),
  );
  // `enrol-code-unknown`, `-used`, `-expired` share a line.
  const codes = [...codesOfSource()].filter((code) => !others.has(code));
  expect(codes.length).toBeGreaterThan(150);
  expect(codes.filter((code) => !documented.has(code))).toEqual([]);
});

it("every code of docs/codes.md is said somewhere in the source", () => {
  const source = globSync("{agent,base,config,connectors,portal,protocol}/**/*.ts")
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  const page = readFileSync("docs/codes.md", "utf8");
  const named = page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line) => [...(line.split("|")[1] ?? "").matchAll(/`([a-z][a-z-]+)`/g)].map(([, code]) => code as string));
  expect(named.filter((code) => !source.includes(`"${code}"`))).toEqual([]);
});
