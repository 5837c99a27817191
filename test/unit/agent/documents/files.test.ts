import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Content } from "../../../../agent/documents/content.ts";
import { openFile } from "../../../../agent/documents/files.ts";

const maxBytes = 1_000;
let folder = "";
let root = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "erpfuser-files-"));
  root = join(folder, "archive");
  mkdirSync(join(root, "2024"), { recursive: true });
  writeFileSync(join(folder, "secret"), "secret");
  writeFileSync(join(root, "2024", "a.pdf"), "0123456789");
  writeFileSync(join(root, "large.pdf"), Buffer.alloc(maxBytes + 1));
  symlinkSync(join(folder, "secret"), join(root, "link-out"));
  symlinkSync(folder, join(root, "folder-out"));
  symlinkSync("2024/a.pdf", join(root, "link-in"));
  symlinkSync("nowhere", join(root, "link-dead"));
  execFileSync("mkfifo", [join(root, "pipe")]);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function opened(told: string): Promise<Content> {
  const found = await openFile({ root, told, maxBytes });
  if (typeof found === "string") throw new Error(found);
  return found;
}

test("A file is read from any offset on, and through a link that stays below the root", async () => {
  for (const told of ["2024/a.pdf", "link-in"]) {
    await using content = await opened(told);
    expect(content.sizeBytes).toBe(10);
    expect(Buffer.from(await content.read(4, 100)).toString()).toBe("456789");
    expect(await content.read(10, 100)).toHaveLength(0);
    expect(await content.isSame()).toBe(true);
  }
});

test.each([
  ["2024/none.pdf", "missing"],
  ["2024/a.pdf/deeper", "missing"],
  ["link-dead", "missing"],
  ["2024", "unreadable"],
  ["pipe", "unreadable"],
  ["large.pdf", "too-large"],
  ["link-out", "outside"],
  ["folder-out/secret", "outside"],
  ["../secret", "outside"],
])("Of %s nothing is read: %s", async (told, fault) => {
  expect(await openFile({ root, told, maxBytes })).toBe(fault);
});

test("A root that is a link itself is where it leads to", async () => {
  const link = join(folder, "link-to-root");
  symlinkSync(root, link);
  await using content = (await openFile({ root: link, told: "2024/a.pdf", maxBytes })) as Content;
  expect(content.sizeBytes).toBe(10);
  expect(await openFile({ root: link, told: "link-out", maxBytes })).toBe("outside");
});

test("A file that is written to while it is read is another one, and one that is exchanged is read as it was", async () => {
  writeFileSync(join(root, "b.pdf"), "first");
  await using before = await opened("b.pdf");
  writeFileSync(join(root, "b.new"), "other");
  renameSync(join(root, "b.new"), join(root, "b.pdf"));
  await using after = await opened("b.pdf");
  expect(after.version).not.toBe(before.version);
  expect(Buffer.from(await before.read(0, 9)).toString()).toBe("first");
  expect(await before.isSame()).toBe(true);
  appendFileSync(join(root, "b.pdf"), "!");
  expect(await after.isSame()).toBe(false);
});
