import { createReadStream, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { FuserError } from "../../base/errors.ts";
import { humanLine } from "../log-line.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { requireSource } from "./names.ts";
import { choiceOption, countOption } from "./options.ts";
import { logDirectory } from "./run.ts";
import type { Session } from "./session.ts";
import { when } from "./times.ts";

const levels = ["error", "warn", "info", "debug"];

interface Wanted {
  level: number;
  source: string | undefined;
}

/** `erpfuser logs [--follow]`: the agent's own log files, for people or as they are. */
export const logs: Register = (program, start) => {
  program
    .command("logs")
    .description("Print the agent's log")
    .option("-f, --follow", "go on as it is written", false)
    .addOption(choiceOption("--level <level>", "this level and worse", levels).default("info"))
    .option("--source <source>", "only lines of this source")
    .addOption(countOption("--last <lines>", "so many lines of the newest file", 200))
    .action(
      start(async (session, _, { follow, level, source, last }) => {
        const config = await readConfiguration(session);
        requireSource(config, source as string | undefined);
        const directory = logDirectory(config);
        const wanted = { level: levels.indexOf(String(level)), source: source as string | undefined };
        let file = newest(directory);
        if (file === undefined) {
          throw new FuserError("rejected", "There is no log yet", {
            code: "not-found-log",
            operation: "read the log",
            place: directory,
            hint: "The agent writes it once it runs: `erpfuser run`",
          });
        }
        const size = statSync(file).size;
        const lines = await readLines(file, 0, size);
        const chosen = lines.flatMap((line) => wantedEntry(line, wanted) ?? []);
        for (const entry of chosen.slice(-(last as number))) print(session, entry);
        if (follow !== true) return exitCodes.ok.code;
        let position = size;
        for (;;) {
          await session.clock.sleep(300, session.signal);
          const grown = statSync(file).size;
          const whole = await readLines(file, position, grown);
          for (const entry of whole.flatMap((line) => wantedEntry(line, wanted) ?? [])) print(session, entry);
          position = grown;
          const next: string | undefined = newest(directory);
          if (next !== undefined && next !== file) [file, position] = [next, 0];
        }
      }),
    );
};

/** The file last written to; names carry the date and, past the size limit, a count. */
function newest(directory: string): string | undefined {
  if (!existsSync(directory)) return undefined;
  const files = readdirSync(directory).filter((name) => /^erpfuser-.*\.log(\.\d+)?$/.test(name));
  const byTime = files.map((name) => ({ path: join(directory, name), at: statSync(join(directory, name)).mtimeMs }));
  return byTime.sort((one, other) => one.at - other.at).at(-1)?.path;
}

async function readLines(file: string, from: number, until: number): Promise<string[]> {
  if (until <= from) return [];
  const lines: string[] = [];
  const input = createReadStream(file, { start: from, end: until - 1 });
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) lines.push(line);
  return lines;
}

/** The line's entry, unless it is not wanted or not whole. */
function wantedEntry(line: string, wanted: Wanted): LogLine | undefined {
  const entry = parse(line);
  if (entry === undefined || levels.indexOf(entry.level) > wanted.level) return undefined;
  return wanted.source === undefined || entry.source === wanted.source ? entry : undefined;
}

function print(session: Session, entry: LogLine): void {
  session.out.line(entry, `${when(Date.parse(entry.timestamp))} ${humanLine(entry)}`);
}

interface LogLine {
  timestamp: string;
  level: string;
  message: string;
  part?: string;
  source?: string;
  code?: string;
  [fact: string]: unknown;
}

/** Undefined for a line that is not (yet) whole. */
function parse(line: string): LogLine | undefined {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}
