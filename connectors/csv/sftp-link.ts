/** One connection to an SFTP server, opened when it is wanted and anew after it broke. The server is who it is by the fingerprint of its key alone. */
import { createHash } from "node:crypto";
import { Client, type SFTPWrapper } from "ssh2";
import type { ReadSecret } from "../module.ts";
import type { SftpSettings } from "./config.ts";
import { connectError, hostKeyError } from "./sftp-errors.ts";

/** What a callback of ssh2 gives, as a promise. */
export function asked<T>(ask: (done: (error: Error | null | undefined, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => ask((error, value) => (error ? reject(error) : resolve(value))));
}

const readyMs = 20_000;
/** A server that does not answer three of these is gone. */
const keepaliveMs = 10_000;

export interface SftpLink extends AsyncDisposable {
  /** @throws FuserError `erp-login-refused`, `erp-host-key`, `erp-unreachable` */
  sftp(): Promise<SFTPWrapper>;
  /** Gives the connection up at once: whoever waits on it gets an error. The next request opens another. */
  abandon(): void;
}

interface Opened {
  client: Client;
  sftp: SFTPWrapper;
  closed: Promise<void>;
}

export function sftpLink(settings: SftpSettings, secret: ReadSecret, place: string): SftpLink {
  let opening: Promise<Opened> | undefined;
  let current: Client | undefined;

  async function connect(): Promise<Opened> {
    const read = async (name: { secret: string } | undefined): Promise<string | undefined> =>
      name === undefined ? undefined : secret(name.secret);
    const [password, privateKey, passphrase] = [
      await read(settings.password),
      await read(settings.privateKey),
      await read(settings.passphrase),
    ];
    const client = new Client();
    current = client;
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    let seen: string | undefined;
    const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
      client.once("error", (error) => {
        reject(
          seen !== undefined && seen !== plainPrint(settings.hostKey)
            ? hostKeyError(seen, settings.hostKey, place)
            : connectError(error, place),
        );
      });
      // Servers that ask for the password themselves (PAM) take it in no other way.
      client.on("keyboard-interactive", (...[, , , prompts, answer]) =>
        answer(prompts.map(({ echo }) => (echo ? "" : (password ?? "")))),
      );
      client.once("ready", () => client.sftp((error, opened) => (error ? reject(connectError(error, place)) : resolve(opened))));
      try {
        client.connect({
          host: settings.host,
          port: settings.port ?? 22,
          username: settings.user,
          ...(password === undefined ? {} : { password }),
          ...(privateKey === undefined ? {} : { privateKey }),
          ...(passphrase === undefined ? {} : { passphrase }),
          tryKeyboard: password !== undefined,
          readyTimeout: readyMs,
          keepaliveInterval: keepaliveMs,
          hostVerifier: (key: Buffer) => {
            seen = fingerprint(key);
            return seen === plainPrint(settings.hostKey);
          },
        });
      } catch (error) {
        // A private key that can't be read.
        reject(connectError(error, place));
      }
    }).catch(async (error: unknown) => {
      client.destroy();
      throw error;
    });
    // What happens later shows itself to whoever waits for an answer.
    client.on("error", () => {});
    return { client, sftp, closed };
  }

  return {
    async sftp() {
      opening ??= connect().then((opened) => {
        opened.closed.then(() => {
          opening = undefined;
        });
        return opened;
      });
      try {
        return (await opening).sftp;
      } catch (error) {
        opening = undefined;
        throw error;
      }
    },
    abandon() {
      opening = undefined;
      current?.destroy();
    },
    async [Symbol.asyncDispose]() {
      const opened = await opening?.catch(() => undefined);
      opening = undefined;
      if (opened === undefined) return;
      opened.client.end();
      await opened.closed;
    },
  };
}

/** As OpenSSH prints it. */
function fingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

const plainPrint = (text: string | undefined): string | undefined => text?.replace(/=+$/, "");
