import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { FuserError } from "../../base/errors.ts";
import type { Session } from "./session.ts";

/** All of stdin as text, without the last line break: for `secret set NAME < file` and pipes. */
export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
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
    if (options.hidden) process.stderr.write(`${question}: `);
    const answer = await lines.question(options.hidden ? "" : `${question}${suffix}: `, { signal: session.signal });
    return answer === "" ? (options.default ?? "") : answer;
  } finally {
    if (options.hidden) process.stderr.write("\n");
    lines.close();
  }
}
