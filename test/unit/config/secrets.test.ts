import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FuserError } from "../../../base/errors.ts";
import type { Keyring } from "../../../config/master-key.ts";
import { openSecrets, secretsFile } from "../../../config/secrets.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fuser-secrets-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const open = (env: Record<string, string> = {}) => openSecrets(directory, { env });

async function failure(action: Promise<unknown>): Promise<FuserError> {
  const error = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FuserError);
  return error as FuserError;
}

/** The store as JSON, changed and written back. */
async function edit(change: (store: { entries: Record<string, object> }) => object): Promise<string> {
  const store = JSON.parse(await readFile(secretsFile(directory), "utf8"));
  const text = JSON.stringify({ ...store, ...change(store) });
  await writeFile(secretsFile(directory), text);
  return text;
}

function memoryKeyring(): Keyring & { text: string | null } {
  return {
    text: null,
    async read() {
      return this.text;
    },
    async write(text) {
      this.text = text;
    },
  };
}

describe("what is kept", () => {
  test("a value comes back unchanged through a store that is opened anew", async () => {
    await open().set("erp-password", "hünter2 \n€ 😀");
    expect(await open().get("erp-password")).toBe("hünter2 \n€ 😀");
    expect(await open().require("erp-password")).toBe("hünter2 \n€ 😀");
  });

  test("values of every kind come back unchanged", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, maxLength: 200, unit: "binary" }), async (value) => {
        const well = Buffer.from(value).toString("utf8");
        await open().set("any", well);
        expect(await open().get("any")).toBe(well);
      }),
      { numRuns: 6, interruptAfterTimeLimit: 5_000 },
    );
  });

  test("names are listed in order, removed ones no longer, and values never", async () => {
    const secrets = open();
    await secrets.set("proxy", "one");
    await secrets.set("erp-password", "two");
    expect(await secrets.list()).toEqual(["erp-password", "proxy"]);
    expect(await secrets.remove("proxy")).toBe(true);
    expect(await secrets.remove("proxy")).toBe(false);
    expect(await secrets.list()).toEqual(["erp-password"]);
    expect(await secrets.get("proxy")).toBeUndefined();
  });

  test("a replaced value counts at once for a store that was open before", async () => {
    const agent = open();
    await open().set("erp-password", "old");
    expect(await agent.get("erp-password")).toBe("old");
    await open().set("erp-password", "new");
    expect(await agent.get("erp-password")).toBe("new");
  });

  test("changes made side by side are all kept", async () => {
    const secrets = open();
    await Promise.all(Array.from({ length: 8 }, (_, index) => secrets.set(`name-${index}`, `value ${index}`)));
    expect(await secrets.list()).toHaveLength(8);
  });

  test("changes made by several processes are all kept", async () => {
    const program = `import { openSecrets } from ${JSON.stringify(join(process.cwd(), "config/secrets.ts"))};
      const name = process.argv[2];
      for (let index = 0; index < 3; index++) await openSecrets(process.argv[1], { env: {} }).set(name + "-" + index, name);`;
    const run = promisify(execFile);
    const args = ["--input-type=module", "--eval", program, "--", directory];
    await Promise.all(["a", "b", "c"].map((name) => run(process.execPath, [...args, name])));
    expect(await open().list()).toHaveLength(9);
    expect(await readdir(directory)).toEqual(["master.key", "secrets.json"]);
  });

  test("a lock that a dead process left behind holds nobody up", async () => {
    const child = execFile(process.execPath, ["--eval", ""]);
    await new Promise((resolve) => child.once("exit", resolve));
    await writeFile(`${secretsFile(directory)}.lock`, String(child.pid));
    await open().set("a", "b");
    expect(await open().get("a")).toBe("b");
  });

  test("neither value nor master key stands in clear in the store, and both files are private", async () => {
    await open().set("erp-password", "correct horse battery staple");
    const files = await readdir(directory);
    expect(files.sort()).toEqual(["master.key", "secrets.json"]);
    const contents = await readFile(secretsFile(directory), "utf8");
    expect(contents).not.toContain("correct horse");
    expect(contents).not.toContain(Buffer.from("correct horse battery staple").toString("base64"));
    for (const file of files) expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
  });

  test("the same value is encrypted differently under each name and each time", async () => {
    const secrets = open();
    await secrets.set("a", "same");
    await secrets.set("b", "same");
    const { entries } = JSON.parse(await readFile(secretsFile(directory), "utf8"));
    expect(entries.a.value).not.toBe(entries.b.value);
    await secrets.set("a", "same");
    expect(JSON.parse(await readFile(secretsFile(directory), "utf8")).entries.a.nonce).not.toBe(entries.a.nonce);
  });

  test("a state directory is made, for its owner alone", async () => {
    const inner = join(directory, "deep", "state");
    await openSecrets(inner, { env: {} }).set("a", "b");
    expect((await stat(inner)).mode & 0o777).toBe(0o700);
  });
});

describe("what is refused", () => {
  test("a missing secret is named, with the command that sets it", async () => {
    const error = await failure(open().require("erp-password"));
    expect(error).toMatchObject({ kind: "config", code: "secret-missing" });
    expect(error.hint).toContain("erpfuser secret set erp-password");
  });

  test("an impossible name or an empty value is refused, and a name that may be a value is not repeated", async () => {
    const error = await failure(open().set("hunter 2!", "x"));
    expect(error.code).toBe("secret-name-invalid");
    expect(`${error.message}${error.hint}${error.place}`).not.toContain("hunter");
    expect((await failure(open().set("name", ""))).code).toBe("secret-value-invalid");
    expect((await failure(open().require("hunter 2!"))).message).not.toContain("hunter");
    expect(await readdir(directory)).toEqual([]);
  });

  test("a lost master key is said, with where it was, and nothing is overwritten", async () => {
    await open().set("erp-password", "x");
    const before = await readFile(secretsFile(directory), "utf8");
    await rm(join(directory, "master.key"));
    for (const action of [() => open().get("erp-password"), () => open().set("other", "y"), () => open().list()]) {
      const error = await failure(action());
      expect(error).toMatchObject({ kind: "config", code: "master-key-missing" });
      expect(error.hint).toContain("master.key");
    }
    expect(await readFile(secretsFile(directory), "utf8")).toBe(before);
    expect(await readdir(directory)).toEqual(["secrets.json"]);
  });

  test("another master key is told from a damaged file, and nothing is overwritten", async () => {
    await open().set("erp-password", "x");
    const before = await readFile(secretsFile(directory), "utf8");
    await writeFile(join(directory, "master.key"), Buffer.alloc(32, 7).toString("base64"), { mode: 0o600 });
    expect((await failure(open().get("erp-password"))).code).toBe("master-key-wrong");
    expect((await failure(open().set("other", "y"))).code).toBe("master-key-wrong");
    expect(await readFile(secretsFile(directory), "utf8")).toBe(before);
  });

  test.each([
    [
      "a changed value",
      ({ entries }) => ({ entries: { ...entries, b: { ...entries.b, value: Buffer.from("zzz").toString("base64") } } }),
    ],
    ["an entry that was taken out", ({ entries }) => ({ entries: { b: entries.b } })],
    ["entries that changed places", ({ entries }) => ({ entries: { a: entries.b, b: entries.a } })],
    ["a changed header", () => ({ keyFrom: "systemd" })],
    ["a changed seal", () => ({ seal: Buffer.alloc(32).toString("base64") })],
    ["an additional key", () => ({ extra: "1" })],
  ] satisfies [string, Parameters<typeof edit>[0]][])("%s is noticed, and nothing is overwritten", async (_, change) => {
    await open().set("a", "first");
    await open().set("b", "second");
    const text = await edit(change);
    for (const action of [() => open().get("a"), () => open().list(), () => open().set("c", "third")])
      expect(await failure(action())).toMatchObject({ kind: "config", code: "secrets-tampered" });
    expect(await readFile(secretsFile(directory), "utf8")).toBe(text);
  });

  test.each(["", "{", "null", "[]", '{"version":2}', "\0\0\0\0"])("a store that holds %j is refused and kept", async (text) => {
    await writeFile(secretsFile(directory), text, { mode: 0o600 });
    expect((await failure(open().set("a", "b"))).code).toBe("secrets-tampered");
    expect(await readFile(secretsFile(directory), "utf8")).toBe(text);
  });

  test.each(["secrets.json", "master.key"])("%s that others may read is refused with the command that mends it", async (name) => {
    await open().set("a", "b");
    await chmod(join(directory, name), 0o640);
    const error = await failure(open().get("a"));
    expect(error.code).toBe("secrets-permissions");
    expect(error.hint).toContain(`chmod 600 ${join(directory, name)}`);
  });

  test("a state directory into which others may write is refused", async () => {
    await chmod(directory, 0o777);
    expect((await failure(open().set("a", "b"))).code).toBe("secrets-permissions");
  });

  test("a symbolic link in place of the store is not followed", async () => {
    await writeFile(join(directory, "elsewhere"), "{}", { mode: 0o600 });
    await symlink(join(directory, "elsewhere"), secretsFile(directory));
    expect((await failure(open().get("a"))).code).toBe("secrets-unreadable");
  });

  test("a directory in place of a file is an error with a hint, not a crash", async () => {
    await mkdir(secretsFile(directory), { mode: 0o700 });
    expect((await failure(open().get("a"))).code).toBe("secrets-unreadable");
  });

  test("a state directory that can't be made is an error with a hint", async () => {
    await writeFile(join(directory, "file"), "");
    const error = await failure(openSecrets(join(directory, "file", "state"), { env: {} }).set("a", "b"));
    expect(error).toMatchObject({ kind: "config" });
    expect(error.hint).not.toBe(undefined);
  });

  test("no error repeats a value", async () => {
    await open().set("a", "hunter2");
    await edit(() => ({ seal: "" }));
    const error = await failure(open().set("a", "hunter3"));
    expect(JSON.stringify([error.message, error.hint, error.place, String(error.cause)])).not.toMatch(/hunter/);
  });
});

describe("where the master key comes from", () => {
  const withCredential = async (contents: string | Buffer): Promise<Record<string, string>> => {
    const credentials = join(directory, "credentials");
    await mkdir(credentials, { recursive: true });
    await writeFile(join(credentials, "erpfuser-master-key"), contents);
    return { CREDENTIALS_DIRECTORY: credentials };
  };

  test.each([
    ["raw bytes", Buffer.alloc(32, 200)],
    ["base64", `${Buffer.alloc(32, 200).toString("base64")}\n`],
    ["hex", Buffer.alloc(32, 200).toString("hex")],
  ])("a systemd credential of %s comes first, and no key file is made", async (_, contents) => {
    const env = await withCredential(contents);
    await open(env).set("a", "b");
    expect(await open(env).get("a")).toBe("b");
    expect(await readdir(directory)).toEqual(["credentials", "secrets.json"]);
    expect((await failure(open().get("a"))).hint).toContain("systemd credential");
  });

  test("a credential that is no key is refused before anything is written", async () => {
    const env = await withCredential("too short");
    expect((await failure(open(env).set("a", "b"))).code).toBe("master-key-invalid");
    expect(await readdir(directory)).toEqual(["credentials"]);
  });

  test("an empty credentials directory falls back to the key file", async () => {
    await open({ CREDENTIALS_DIRECTORY: join(directory, "none") }).set("a", "b");
    expect(await open().get("a")).toBe("b");
  });

  test("a keyring that is asked for holds the key, and no key file is made", async () => {
    const keyring = memoryKeyring();
    await openSecrets(directory, { env: {}, keyring }).set("a", "b");
    expect(await readdir(directory)).toEqual(["secrets.json"]);
    expect(await openSecrets(directory, { env: {}, keyring }).get("a")).toBe("b");
    expect((await failure(open().get("a"))).hint).toContain("keyring");
  });

  test("a keyring that can't be reached is said with its way round", async () => {
    const keyring: Keyring = {
      read: () => Promise.reject(new Error("locked")),
      write: () => Promise.reject(new Error("locked")),
    };
    const error = await failure(openSecrets(directory, { env: {}, keyring }).set("a", "b"));
    expect(error.code).toBe("master-key-unreachable");
    expect(await readdir(directory)).toEqual([]);
  });

  test("a key file that two processes make at the same time is one key", async () => {
    const stores = Array.from({ length: 5 }, () => open());
    await Promise.all(stores.map((store, index) => store.set("a", `value ${index}`)));
    expect(await open().get("a")).toMatch(/^value \d$/);
  });
});

test("When a secret was stored is kept with it, under the seal", async () => {
  let now = 1_000;
  const secrets = openSecrets(directory, { env: {}, now: () => now });
  await secrets.set("one", "a");
  now = 2_000;
  await secrets.set("two", "b");
  now = 3_000;
  await secrets.set("two", "c");
  expect(await secrets.storedAt()).toEqual(
    new Map([
      ["one", 1_000],
      ["two", 3_000],
    ]),
  );
  await edit(({ entries }) => ({ entries: { ...entries, one: { ...entries.one, storedAt: 4_000 } } }));
  expect((await failure(secrets.get("one"))).code).toBe("secrets-tampered");
});
