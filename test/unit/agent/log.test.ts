import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { openLog } from "../../../agent/log.ts";
import { tempDirectory } from "../../support/servers.ts";

test("Log files that can't be written cost their lines and are told once; with their directory back they go on", async () => {
  await using folder = await tempDirectory();
  const directory = join(folder.path, "logs");
  writeFileSync(directory, "a file in the directory's place");
  const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  let now = 0;
  const log = openLog({ level: "info", directory, console: "off", clock: { monotonic: () => now } });
  log.info("lost");
  log.info("lost too");
  await vi.waitFor(() => expect(said).toHaveBeenCalled());
  rmSync(directory);
  mkdirSync(directory);
  now += 60_000;
  log.warn("kept", { code: "some-code" });
  await log.close();
  expect(said.mock.calls.map(([text]) => text)).toEqual([
    expect.stringMatching(/^The log can't be written: .*Check the log directory and the disk/),
  ]);
  said.mockRestore();
  const [file] = readdirSync(directory).filter((name) => name.endsWith(".log"));
  const lines = readFileSync(join(directory, file ?? ""), "utf8")
    .trimEnd()
    .split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ level: "warn", message: "kept", code: "some-code" }),
  ]);
});
