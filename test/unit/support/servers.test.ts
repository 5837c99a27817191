import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { freePort, has, knownServers, programOf, requiredServers, tempDirectory } from "../../support/servers.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("a temporary directory exists while it is used, and is gone with all it holds once disposed", async () => {
  let path = "";
  {
    await using directory = await tempDirectory();
    path = directory.path;
    await writeFile(join(path, "file"), "content");
  }
  expect(existsSync(path)).toBe(false);
});

test("a free port can be listened on, and no outgoing connection of the system will take it", async () => {
  const port = await freePort();
  expect(port).toBeLessThan(32_768);
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  await new Promise((resolve) => server.close(resolve));
});

test("servers are required by name, with or without blanks between, and a required one counts as there", () => {
  vi.stubEnv("ERPFUSER_TEST_REQUIRE", " mariadb, chromium ,");
  expect(requiredServers()).toEqual(["mariadb", "chromium"]);
  expect([has("mariadb"), has("chromium")]).toEqual([true, true]);
  vi.stubEnv("ERPFUSER_TEST_REQUIRE", "");
  expect(requiredServers()).toEqual([]);
});

test("a server that is not installed is named together with what was looked for", () => {
  vi.stubEnv("PATH", "/nonexistent");
  expect(() => programOf("chromium")).toThrow(/^chromium is not installed: none of chromium, /);
});

test("continuous integration insists on every server that tests know", () => {
  const required = /ERPFUSER_TEST_REQUIRE=(\S+)/.exec(readFileSync(".ci/run", "utf8"))?.[1];
  expect(required?.split(",").sort()).toEqual([...knownServers].sort());
});
