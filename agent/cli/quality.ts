import { resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import { FuserError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import { leftText, writeWorklists } from "../deliver.ts";
import type { FindingName } from "../quality/judged.ts";
import { findingTexts, type Language } from "../quality/texts.ts";
import { type Entry, entriesIn } from "../quality/worklist.ts";
import { worklistCsv } from "../quality/worklist-csv.ts";
import { columnHeads } from "../quality/worklist-heads.ts";
import { worklistHtml } from "../quality/worklist-html.ts";
import { replaceFile } from "../replace-file.ts";
import type { StoreReader } from "../store/store.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { requireSource } from "./names.ts";
import { choiceOption, countOf, countOption } from "./options.ts";
import { counted, table } from "./output.ts";
import { ask, withState } from "./state.ts";

/** A worklist is for people. */
const mostExported = 50_000;

/** `erpfuser quality [accept|deliver]`: what the rules found, for those who mend it in the ERP, and what may stay as it is. */
export const quality: Register = (program, start) => {
  const group = program
    .command("quality")
    .description("What is wrong with the ERP's data, and how it is mended there")
    .addOption(choiceOption("--lang <language>", "language of the texts", ["de", "en"]).default("en"))
    .addOption(choiceOption("--rule <rule>", "only this rule", Object.keys(findingTexts)))
    .option("--source <source>", "only this source")
    .option("--accepted", "those that were accepted as they are", false)
    .addOption(countOption("--limit <count>", "show at most so many", 100))
    .addOption(choiceOption("--export <format>", "write all of it to a file, see --to", ["csv", "html"]))
    .option("--to <file>", "file that is written, or replaced")
    .action(
      start(async (session, _, options) => {
        const { lang: language, rule, source, limit, accepted, export: format, to } = options as unknown as Options;
        if ((format === undefined) !== (to === undefined)) throw halfExport();
        const config = await readConfiguration(session);
        requireSource(config, source);
        return await withState(session, config, (state) => {
          const now = session.clock.now();
          const wanted: Wanted = { state, config, language, rule, source, now };
          if (format === undefined || to === undefined) {
            const { total, entries } = worklist(wanted, accepted, limit);
            const others = worklist(wanted, !accepted, 0).total;
            const counts = accepted ? { total, open: others } : { total, accepted: others };
            session.out.result({ ...counts, findings: entries }, () => [
              ...lines(entries, total, language),
              ...(accepted || others === 0 ? [] : [`${others} accepted: \`erpfuser quality --accepted\``]),
            ]);
            return exitCodes.ok.code;
          }
          const open = worklist(wanted, false, mostExported);
          const silenced = worklist(wanted, true, mostExported);
          const entries = [...open.entries, ...silenced.entries];
          const page = { language, name: config.agent.name, day: dayIn(config, now) };
          const text = format === "csv" ? worklistCsv(entries, language) : worklistHtml(entries, page);
          const file = resolve(to);
          writeExport(file, text);
          const total = open.total + silenced.total;
          session.out.result({ file, total, written: entries.length }, () => [
            `${counted(entries.length, "finding")} of ${total} written to ${file}`,
          ]);
          return exitCodes.ok.code;
        });
      }),
    );

  group
    .command("accept")
    .description("Say that one finding may stay as it is; said again, reason and day are replaced")
    .argument("<finding>", "its number, as `erpfuser quality` prints it", countOf)
    .requiredOption("--reason <reason>", "why, without names", reasonOf)
    .option("--until <day>", "last day on which that holds, such as 2026-12-31", dayOf)
    .action(
      start(async (session, [finding], { reason, until: day }) => {
        const config = await readConfiguration(session);
        const until = day === undefined ? undefined : endOfDay(String(day), config.erp.timezone);
        if (until !== undefined && until <= session.clock.now()) throw pastDay(String(day));
        const answer = await ask(session, config, { kind: "accept", finding: Number(finding), reason: String(reason), until });
        session.out.result(answer, () => [answer.message]);
        return exitCodes.ok.code;
      }),
    );

  group
    .command("deliver")
    .description("Write the worklists of `quality: deliver:` now, one for each team")
    .action(
      start(async (session) => {
        const config = await readConfiguration(session);
        const deliver = config.worklists;
        if (deliver === undefined) throw nothingToDeliver();
        return await withState(session, config, async (state) => {
          const { lists: written, left } = await writeWorklists({ state, config, deliver, now: session.clock.now() });
          session.out.result({ written, left }, () => [
            ...written.map(({ team, findings, files }) => `${team}: ${counted(findings, "finding")}, ${files.join(", ")}`),
            ...(left === 0 ? [] : [leftText(left)]),
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
  accepted: boolean;
  export: "csv" | "html" | undefined;
  to: string | undefined;
}

interface Wanted extends Pick<Options, "rule" | "source"> {
  state: StoreReader;
  config: Config;
  language: Language;
  now: number;
}

function worklist({ state, config, language, rule, source, now }: Wanted, accepted: boolean, limit: number) {
  const named = { ...(rule === undefined ? {} : { rule }), ...(source === undefined ? {} : { source }) };
  const filter = { ...named, accepted: { is: accepted, at: now } };
  const found = state.findings.list({ ...filter, limit });
  return { total: state.findings.count(filter), entries: found.map(entriesIn(language, config, now)) };
}

const mostReason = 500;

/** @throws InvalidArgumentError */
function reasonOf(text: string): string {
  const reason = text.trim();
  if (reason.length > 0 && reason.length <= mostReason) return reason;
  throw new InvalidArgumentError(`Write why, in at most ${mostReason} characters.`);
}

/** @throws InvalidArgumentError */
function dayOf(text: string): string {
  if (isDay(text)) return text;
  throw new InvalidArgumentError("Write a day as 2026-12-31.");
}

function isDay(text: string): boolean {
  try {
    return Temporal.PlainDate.from(text).toString() === text;
  } catch {
    return false;
  }
}

/** Epoch ms at which the day is over in a zone. */
const endOfDay = (day: string, timezone: string): number =>
  Temporal.PlainDate.from(day).add({ days: 1 }).toZonedDateTime(timezone).epochMilliseconds;

const dayIn = ({ erp }: Config, now: number): string => new Intl.DateTimeFormat("sv-SE", { timeZone: erp.timezone }).format(now);

function lines(entries: readonly Entry[], total: number, language: Language): string[] {
  if (total === 0) return ["Nothing."];
  const shown = (["finding", "table", "key", "field", "title", "since", "accepted"] as const).filter(
    (column) => column !== "accepted" || entries.some(({ accepted }) => accepted !== ""),
  );
  const heads = shown.map((column) => columnHeads[language][column].toUpperCase());
  return [
    ...table([heads, ...entries.map((entry) => shown.map((column) => String(entry[column]) || "-"))]),
    ...new Set(entries.map(({ title, mend }) => `${title}: ${mend}`)),
    `${entries.length} of ${total} shown`,
  ];
}

function writeExport(file: string, text: string): void {
  try {
    replaceFile(file, text);
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

function pastDay(day: string): FuserError {
  return new FuserError("config", `${day} is over already`, {
    code: "usage-until",
    operation: "accept a finding",
    hint: "Name the last day on which the reason holds, or leave --until out",
  });
}

function nothingToDeliver(): FuserError {
  return new FuserError("config", "The configuration does not say where worklists go", {
    code: "config-no-delivery",
    operation: "deliver worklists",
    hint: "Write `quality: { deliver: { folder: … } }`, or use `erpfuser quality --export`",
  });
}

function halfExport(): FuserError {
  return new FuserError("config", "An export needs its format and its file", {
    code: "usage-export",
    operation: "export findings",
    hint: "For example `erpfuser quality --lang de --export html --to worklist.html`",
  });
}
