/**
 * The key under which the secrets are encrypted. Sources in order: a systemd credential, the desktop's keyring where asked for, a file with mode
 * 0600. (Windows DPAPI comes with the Windows service: it goes between the first two.)
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createPrivate, readPrivate, secretsError } from "./private-file.ts";

/** A keyring entry that holds one text. */
export interface Keyring {
  /** Null where there is none. Throws when the keyring can't be reached. */
  read(): Promise<string | null>;
  write(text: string): Promise<void>;
}

export interface KeyOptions {
  env: Readonly<Record<string, string | undefined>>;
  /** For interactive use only: a service has no keyring. */
  keyring?: Keyring | undefined;
}

export interface MasterKey {
  key: Buffer;
  /** Where it came from; stands in the secrets' file so that a person knows what to bring back. */
  origin: "systemd" | "keyring" | "file";
}

const credential = "erpfuser-master-key";
const keyBytes = 32;

/** Path of the key file of last resort. */
export const keyFile = (directory: string): string => join(directory, "master.key");

/** The master key; undefined where none was ever made. Throws `master-key-invalid`, `master-key-unreachable` and those of private-file.ts. */
export async function findMasterKey(directory: string, options: KeyOptions): Promise<MasterKey | undefined> {
  const systemd = options.env.CREDENTIALS_DIRECTORY;
  if (systemd !== undefined && systemd !== "") {
    const place = join(systemd, credential);
    const contents = await readFile(place).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw secretsError("master-key-unreachable", "The systemd credential can't be read", {
        place,
        hint: "Check `LoadCredentialEncrypted=erpfuser-master-key` in the unit.",
        cause: error,
      });
    });
    if (contents) return { key: decode(contents, place), origin: "systemd" };
  }
  if (options.keyring) {
    const text = await fromKeyring(() => options.keyring?.read() ?? Promise.resolve(null));
    if (text !== null) return { key: decode(Buffer.from(text), "keyring"), origin: "keyring" };
  }
  const file = keyFile(directory);
  const contents = await readPrivate(file);
  return contents && { key: decode(contents, file), origin: "file" };
}

/** Makes and keeps a master key: in the keyring where asked for, else in the key file. Another process may have been first: its key counts. */
export async function makeMasterKey(directory: string, options: KeyOptions): Promise<MasterKey> {
  const text = randomBytes(keyBytes).toString("base64");
  if (options.keyring) {
    const keyring = options.keyring;
    await fromKeyring(() => keyring.write(text));
    return { key: Buffer.from(text, "base64"), origin: "keyring" };
  }
  const file = keyFile(directory);
  if (await createPrivate(file, `${text}\n`)) return { key: Buffer.from(text, "base64"), origin: "file" };
  return { key: decode((await readPrivate(file)) ?? Buffer.alloc(0), file), origin: "file" };
}

/** 32 bytes: as they are, as base64 or as hex. */
function decode(contents: Buffer, place: string): Buffer {
  if (contents.length === keyBytes) return contents;
  const text = contents.toString("latin1").trim();
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, "hex");
  if (/^[A-Za-z0-9+/]{43}=?$/.test(text)) return Buffer.from(text, "base64");
  throw secretsError("master-key-invalid", "The master key is not one of 32 bytes", {
    place,
    hint: "Bring back the key that the secrets were stored with, or make a new one: `openssl rand -base64 32`, and set all secrets again.",
  });
}

async function fromKeyring<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw unreachable(cause);
  }
}

function unreachable(cause: unknown) {
  return secretsError("master-key-unreachable", "The desktop's keyring can't be reached", {
    hint: "Unlock it, or work without it: a service uses a systemd credential or the key file.",
    cause,
  });
}
