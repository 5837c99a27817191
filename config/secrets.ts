/**
 * The store of secrets: one AES-256-GCM file in the state directory. Its promise: a value is never in clear on disk, in a log or in an error; a file
 * that was tampered with or belongs to another key is refused and left as it is.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import * as z from "zod";
import { systemClock } from "../base/time.ts";
import { withFileLock } from "./file-lock.ts";
import { desktopKeyring } from "./keyring.ts";
import { findMasterKey, type KeyOptions, type Keyring, type MasterKey, makeMasterKey } from "./master-key.ts";
import { checkDirectory, readPrivate, secretsError, writePrivate } from "./private-file.ts";

export interface SecretsOptions {
  /** Names of environment variables and their values: systemd says there where its credentials are. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Keeps the master key in the desktop's keyring: true, or a keyring of the caller's own. */
  keyring?: boolean | Keyring;
  /** Epoch ms; default: the machine's clock. */
  now?: () => number;
}

export interface Secrets {
  /** The value; undefined where there is none. Throws `secrets-tampered`, `master-key-missing`, `master-key-wrong` and those of private-file.ts. */
  get(name: string): Promise<string | undefined>;
  /** The value. Throws `secret-missing` where there is none. */
  require(name: string): Promise<string>;
  /** Stores or replaces a value. Makes store and master key where there are none. */
  set(name: string, value: string): Promise<void>;
  /** Names in order of the alphabet. */
  list(): Promise<readonly string[]>;
  /** When each was stored, epoch ms; without those that were stored by a version that did not note it. */
  storedAt(): Promise<ReadonlyMap<string, number>>;
  /** False when there was none of this name. */
  remove(name: string): Promise<boolean>;
}

const base64 = z.string().regex(/^[A-Za-z0-9+/]+={0,2}$/);
const storeFile = z.strictObject({
  version: z.literal(1),
  cipher: z.literal("aes-256-gcm"),
  /** Where the master key is, for people. */
  keyFrom: z.enum(["systemd", "keyring", "file"]),
  /** Tells a wrong key from a damaged file. */
  keyId: base64,
  entries: z.record(
    z.string(),
    z.strictObject({ nonce: base64, value: base64, tag: base64, storedAt: z.number().int().nonnegative().optional() }),
  ),
  /** Over everything above: an entry can't be taken out or put back in an older state unseen. */
  seal: base64,
});
type StoreFile = z.output<typeof storeFile>;
type Entry = StoreFile["entries"][string];

const namePattern = /^[A-Za-z][A-Za-z0-9._-]{0,99}$/;
const longest = 65_536;

/** Path of the store. */
export const secretsFile = (directory: string): string => join(directory, "secrets.json");

/** Opens the store of a state directory; nothing is read or made before the first call. Every call reads the file anew, so that a rotated secret counts at once. */
export function openSecrets(directory: string, options: SecretsOptions = {}): Secrets {
  const root = resolve(directory);
  const file = secretsFile(root);
  const { now = systemClock.now } = options;
  const keys: KeyOptions = { env: options.env ?? process.env, keyring: keyringOf(root, options.keyring) };
  /** One change after the other among all processes, so that none is lost. */
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => withFileLock(`${file}.lock`, action);
  const read = async (): Promise<Opened | undefined> => {
    const contents = await readPrivate(file);
    return contents && openStore(contents, { file, master: await findMasterKey(root, keys) });
  };
  const write = async (master: MasterKey, entries: StoreFile["entries"]): Promise<void> => {
    await checkDirectory(root);
    await writePrivate(file, sealed(master, entries));
  };
  const get = async (name: string): Promise<string | undefined> => {
    const store = await read();
    const entry = store && Object.hasOwn(store.entries, name) ? store.entries[name] : undefined;
    return store && entry && decrypt(store.master.key, { name, entry, file });
  };
  return {
    get,
    async require(name) {
      const value = await get(name);
      if (value === undefined) throw missing(name, file);
      return value;
    },
    async set(name, value) {
      checkSecret(name, value);
      await makeDirectory(root);
      await inTurn(async () => {
        const store = await read();
        const master = store?.master ?? (await findMasterKey(root, keys)) ?? (await makeMasterKey(root, keys));
        const storedAt = Math.max(0, Math.trunc(now()));
        await write(master, { ...store?.entries, [name]: { ...encrypt(master.key, name, value), storedAt } });
      });
    },
    async list() {
      return Object.keys((await read())?.entries ?? {}).sort();
    },
    async storedAt() {
      const entries = Object.entries((await read())?.entries ?? {});
      return new Map(entries.flatMap(([name, { storedAt }]) => (storedAt === undefined ? [] : [[name, storedAt] as const])));
    },
    async remove(name) {
      if ((await read()) === undefined) return false;
      return inTurn(async () => {
        const store = await read();
        if (store === undefined || !Object.hasOwn(store.entries, name)) return false;
        const { [name]: _, ...rest } = store.entries;
        await write(store.master, rest);
        return true;
      });
    },
  };
}

function keyringOf(directory: string, keyring: boolean | Keyring | undefined): Keyring | undefined {
  if (typeof keyring === "object") return keyring;
  return keyring ? desktopKeyring(directory) : undefined;
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw unwritableDirectory(directory, cause);
  }
}

function unwritableDirectory(directory: string, cause: unknown) {
  const hint = "Check that the service's account may write there.";
  return secretsError("secrets-unwritable", "The state directory can't be made", { place: directory, hint, cause });
}

function checkSecret(name: string, value: string): void {
  const hint = "Names are letters, digits, `.`, `_` and `-`, begin with a letter and are at most 100 long.";
  if (!namePattern.test(name)) throw secretsError("secret-name-invalid", "This can't be the name of a secret", { hint });
  if (value === "" || Buffer.byteLength(value) > longest)
    throw secretsError("secret-value-invalid", "A secret has 1 to 65,536 bytes", { place: name, hint: "Give the value itself." });
}

function missing(name: string, file: string) {
  const known = namePattern.test(name);
  return secretsError("secret-missing", known ? `No secret \`${name}\` is stored` : "No such secret is stored", {
    place: file,
    hint: `Run \`erpfuser secret set ${known ? name : "NAME"}\`.`,
  });
}

interface Opened {
  entries: StoreFile["entries"];
  master: MasterKey;
}

/** Checks form, key and seal of the store, in this order. */
function openStore(contents: Buffer, { file, master }: { file: string; master: MasterKey | undefined }): Opened {
  const store = parsed(contents);
  if (store === undefined) throw tampered(file);
  const where = {
    systemd: "the systemd credential erpfuser-master-key",
    keyring: "the desktop's keyring",
    file: "the file master.key",
  }[store.keyFrom];
  const again = "or remove secrets.json, set every secret again, and enrol again";
  if (master === undefined)
    throw secretsError("master-key-missing", "The master key of the secrets is missing", {
      place: file,
      hint: `Bring back ${where}, ${again}.`,
    });
  if (!same(store.keyId, keyId(master.key)))
    throw secretsError("master-key-wrong", "The secrets were stored with another master key", {
      place: file,
      hint: `Bring back the key of ${where}, ${again}.`,
    });
  if (!same(store.seal, sealOf(master.key, store))) throw tampered(file);
  return { entries: store.entries, master };
}

function parsed(contents: Buffer): StoreFile | undefined {
  try {
    return storeFile.safeParse(JSON.parse(contents.toString("utf8"))).data;
  } catch {
    return undefined;
  }
}

function tampered(file: string, cause?: unknown) {
  return secretsError("secrets-tampered", "The file of the secrets is damaged or was tampered with", {
    place: file,
    cause,
    hint: "Bring back the last good copy, or remove the file, set every secret again, and enrol again.",
  });
}

const derived = (key: Buffer, purpose: string): Buffer =>
  Buffer.from(hkdfSync("sha256", key, "", `erpfuser secrets 1 ${purpose}`, 32));
const keyId = (key: Buffer): string => derived(key, "id").subarray(0, 12).toString("base64");
const boundTo = (name: string): Buffer => Buffer.from(`erpfuser secrets 1 ${name}`);
const same = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

function sealOf(key: Buffer, store: Omit<StoreFile, "seal">): string {
  const entries = Object.entries(store.entries).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([
    store.version,
    store.cipher,
    store.keyFrom,
    // Entries of before there was a time keep their seal.
    entries.map(([name, { nonce, value, tag, storedAt }]) => [
      name,
      nonce,
      value,
      tag,
      ...(storedAt === undefined ? [] : [storedAt]),
    ]),
  ]);
  return createHmac("sha256", derived(key, "seal")).update(text).digest("base64");
}

function sealed(master: MasterKey, entries: StoreFile["entries"]): string {
  const store = { version: 1, cipher: "aes-256-gcm", keyFrom: master.origin, keyId: keyId(master.key), entries } as const;
  return `${JSON.stringify({ ...store, seal: sealOf(master.key, store) }, null, 2)}\n`;
}

function encrypt(key: Buffer, name: string, value: string): Entry {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", derived(key, "encrypt"), nonce).setAAD(boundTo(name));
  const encrypted = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
  return { nonce: nonce.toString("base64"), value: encrypted.toString("base64"), tag: cipher.getAuthTag().toString("base64") };
}

function decrypt(key: Buffer, { name, entry, file }: { name: string; entry: Entry; file: string }): string {
  try {
    const decipher = createDecipheriv("aes-256-gcm", derived(key, "encrypt"), Buffer.from(entry.nonce, "base64"), {
      authTagLength: 16,
    });
    decipher.setAAD(boundTo(name)).setAuthTag(Buffer.from(entry.tag, "base64"));
    return Buffer.concat([decipher.update(Buffer.from(entry.value, "base64")), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw tampered(file, cause);
  }
}
