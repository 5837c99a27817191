import { renameSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { FuserError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import type { FindingName } from "../quality/judged.ts";
import { findingTexts, type Language } from "../quality/texts.ts";
import { type Entry, entriesIn } from "../quality/worklist.ts";
import { worklistCsv } from "../quality/worklist-csv.ts";
import { columnHeads } from "../quality/worklist-heads.ts";
import { worklistHtml } from "../quality/worklist-html.ts";
import type { StoreReader } from "../store/store.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { requireSource } from "./names.ts";
import { choiceOption, countOption } from "./options.ts";
import { counted, table } from "./output.ts";
import { withState } from "./state.ts";

/** A worklist is for people. */
const mostExported = 50_000;

/** `erpfuser quality`: what the rules found, for those who mend it in the ERP. */
export const quality: Register = (program, start) => {
  program
    .command("quality")
    .description("What is wrong with the ERP's data, and how it is mended there")
    .addOption(choiceOption("--lang <language>", "language of the texts", ["de", "en"]).default("en"))
    .addOption(choiceOption("--rule <rule>", "only this rule", Object.keys(findingTexts)))
    .option("--source <source>", "only this source")
    .addOption(countOption("--limit <count>", "show at most so many", 100))
    .addOption(choiceOption("--export <format>", "write all of it to a file, see --to", ["csv", "html"]))
    .option("--to <file>", "file that is written, or replaced")
    .action(
      start(async (session, _, options) => {
        const { lang: language, rule, source, limit, export: format, to } = options as unknown as Options;
        if ((format === undefined) !== (to === undefined)) throw halfExport();
        const config = await readConfiguration(session);
        requireSource(config, source);
        return await withState(session, config, (state) => {
          const most = format === undefined ? limit : mostExported;
          const { total, entries } = worklist(state, config, { language, rule, source, most });
          if (format === undefined || to === undefined) {
            session.out.result({ total, findings: entries }, () => lines(entries, total, language));
            return exitCodes.ok.code;
          }
          const page = { language, name: config.agent.name, day: dayIn(config, session.clock.now()) };
          const text = format === "csv" ? worklistCsv(entries, language) : worklistHtml(entries, page);
          const file = resolve(to);
          writeExport(file, text);
          session.out.result({ file, total, written: entries.length }, () => [
            `${counted(entries.length, "finding")} of ${total} written to ${file}`,
          ]);
          return exitCodes.ok.code;
        });
      }),
    );
};

interface Options {
  lang: Language;
  rule: FindingName | undefined;
  source: string | undefined;
  limit: number;
  export: "csv" | "html" | undefined;
  to: string | undefined;
}

interface Wanted extends Pick<Options, "rule" | "source"> {
  language: Language;
  most: number;
}

function worklist(state: StoreReader, config: Config, { language, rule, source, most }: Wanted) {
  const filter = { ...(rule === undefined ? {} : { rule }), ...(source === undefined ? {} : { source }) };
  const entries = state.findings.list({ ...filter, limit: most }).map(entriesIn(language, config));
  return { total: state.findings.count(filter), entries };
}

const dayIn = ({ erp }: Config, now: number): string => new Intl.DateTimeFormat("sv-SE", { timeZone: erp.timezone }).format(now);

function lines(entries: readonly Entry[], total: number, language: Language): string[] {
  if (total === 0) return ["Nothing is found fault with."];
  const shown = ["finding", "table", "key", "field", "title", "since"] as const;
  const heads = shown.map((column) => columnHeads[language][column].toUpperCase());
  return [
    ...table([heads, ...entries.map((entry) => shown.map((column) => String(entry[column]) || "-"))]),
    ...new Set(entries.map(({ title, mend }) => `${title}: ${mend}`)),
    `${entries.length} of ${total} shown`,
  ];
}

/** Whoever has the file open never sees half of it. */
function writeExport(file: string, text: string): void {
  try {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  } catch (error) {
    throw unwritable(file, error);
  }
}

function unwritable(place: string, cause: unknown): FuserError {
  return new FuserError("config", `The file can't be written (${(cause as NodeJS.ErrnoException).code})`, {
    code: "usage-file-unwritable",
    operation: "export findings",
    place,
    hint: "Name a file in a folder that this account may write to",
    cause,
  });
}

function halfExport(): FuserError {
  return new FuserError("config", "An export needs its format and its file", {
    code: "usage-export",
    operation: "export findings",
    hint: "For example `erpfuser quality --lang de --export html --to worklist.html`",
  });
}
