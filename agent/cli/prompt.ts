import { createReadStream } from "node:fs";
import { createInterface } from "node:readline/promises";
import type { Readable } from "node:stream";
import { Writable } from "node:stream";
import { FuserError } from "../../base/errors.ts";
import type { Session } from "./session.ts";

/** Most bytes that a secret may have (config/secrets.ts); nobody pipes a whole disk in. */
const longestBytes = 65_536;

/**
 * A value that is not shown: from a file (`-`: stdin), from stdin where it is no terminal, else asked for. Without its last line break.
 * @throws FuserError `not-found-file`, `usage-value-long`
 */
export async function readValue(session: Session, question: string, file: string | undefined): Promise<string> {
  if (file !== undefined && file !== "-") return await readAll(createReadStream(file), file);
  if (!process.stdin.isTTY) return await readAll(process.stdin, "stdin");
  return await prompt(session, question, { hidden: true });
}

async function readAll(stream: Readable, place: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).byteLength;
      if (bytes > longestBytes) throw tooLong(place);
    }
  } catch (cause) {
    if (cause instanceof FuserError) throw cause;
    throw unreadable(place, cause);
  }
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

function unreadable(place: string, cause: unknown): FuserError {
  return new FuserError("config", "The value can't be read", {
    code: "not-found-file",
    operation: "read a value",
    place,
    hint: "Check that the file is there and may be read",
    cause,
  });
}

function tooLong(place: string): FuserError {
  return new FuserError("config", `A value has at most ${longestBytes} bytes`, {
    code: "usage-value-long",
    operation: "read a value",
    place,
    hint: "Give the value itself",
  });
}

/** Asks on the terminal; what is typed is not shown when `hidden`. @throws FuserError `usage-no-terminal` where nobody can answer */
export async function prompt(
  session: Session,
  question: string,
  options: { hidden?: boolean; default?: string } = {},
): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new FuserError("config", `Nobody can be asked: ${question}`, {
      code: "usage-no-terminal",
      operation: "ask",
      hint: "Give it as an option; see the command's --help",
    });
  }
  const mute = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = options.hidden ? mute : process.stderr;
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  const suffix = options.default === undefined ? "" : ` [${options.default}]`;
  try {
    if (options.hidden) process.stderr.write(`${question} (not shown): `);
    const answer = await lines.question(options.hidden ? "" : `${question}${suffix}: `, { signal: session.signal });
    return answer === "" ? (options.default ?? "") : answer;
  } finally {
    if (options.hidden) process.stderr.write("\n");
    lines.close();
  }
}
