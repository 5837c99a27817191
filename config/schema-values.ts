/** The kinds of value that the configuration's texts are converted to. Each says what it expects and what to write instead. */
import { validate } from "node-cron";
import * as z from "zod";
import { didYouMean } from "../base/nearest.ts";
import { durationMs } from "../base/time.ts";
import { complaint, knownKeys } from "./fault-text.ts";

const oneText = complaint("must be one text", "Write a single value here, no list and no nested keys.");

/** Any text, empty ones too. */
export const anyText = z.string({ error: oneText });
export const text = anyText.min(1, complaint("is empty", "Write a value, or remove the key."));
export const identifier = text.regex(
  /^[A-Za-z_][A-Za-z0-9_]*$/,
  complaint("is no plain name", "Use letters, digits and `_`, beginning with a letter."),
);

/** A text that stands for something else; `convert` gives undefined when it does not. */
export function scalar<T>(convert: (text: string) => T | undefined, expected: string, remedy: string): z.ZodType<T, string> {
  return anyText
    .transform((value, context): T => {
      const converted = convert(value.trim());
      if (converted !== undefined) return converted;
      context.issues.push({ code: "custom", message: complaint(`must be ${expected}`, remedy), input: value });
      return z.NEVER;
    })
    .meta({ takes: expected.replace(/^an? /, "") });
}

export const flag = scalar(
  (value) => (value === "true" ? true : value === "false" ? false : undefined),
  "true or false",
  "Write `true` or `false`; `yes`, `no`, `on` and `off` are not taken.",
);

export function whole(least: number, most = Number.MAX_SAFE_INTEGER) {
  const expected =
    most === Number.MAX_SAFE_INTEGER ? `a whole number of at least ${least}` : `a whole number from ${least} to ${most}`;
  return scalar(
    (value) => (/^\d{1,16}$/.test(value) && Number(value) >= least && Number(value) <= most ? Number(value) : undefined),
    expected,
    "Write digits only.",
  );
}

export const percent = scalar(
  (value) => (/^\d{1,3}(\.\d{1,3})?$/.test(value) && Number(value) <= 100 ? Number(value) : undefined),
  "a number from 0 to 100",
  "Write digits only, without the percent sign.",
);

/** Milliseconds. */
export const duration = scalar(durationMs, "a duration", "Write a number and a unit: 250ms, 5s, 15m, 2h or 1d.");

const byteUnits = { KB: 1_024, MB: 1_048_576, GB: 1_073_741_824 } as const;
/** Bytes. */
export const size = scalar(
  (value) => {
    const match = /^(\d{1,6}) ?(KB|MB|GB)$/.exec(value);
    return match ? Number(match[1]) * byteUnits[match[2] as keyof typeof byteUnits] : undefined;
  },
  "a size",
  "Write a number and a unit: 512KB, 100MB or 1GB.",
);

/** True for a cron line of five fields: minute, hour, day of month, month, day of week. */
function isCron(value: string): boolean {
  return value.split(/\s+/).length === 5 && validate(value);
}

/** A duration of at least `least`, or a cron line. */
const scheduleFrom = (least: string) =>
  scalar(
    (value): { kind: "every"; ms: number } | { kind: "cron"; cron: string } | undefined => {
      const ms = durationMs(value);
      if (ms !== undefined) return ms >= (durationMs(least) as number) ? { kind: "every", ms } : undefined;
      return isCron(value) ? { kind: "cron", cron: value } : undefined;
    },
    `a duration of at least ${least} or a cron line`,
    'Write a duration such as 15m, or the five fields of a cron line in quotes such as "0 3 * * *".',
  );
export const schedule = scheduleFrom("100ms");
/** Polls are short and one at a time: more often than each 20 ms they would hardly find more, and the database would do little else. */
export const pollSchedule = scheduleFrom("20ms");

export const never = scalar((value) => (value === "never" ? ("never" as const) : undefined), "never", "Write `never`.");

const dayMinute = (hours: string | undefined, minutes: string | undefined): number | undefined => {
  const at = Number(hours) * 60 + Number(minutes);
  return Number(hours) <= 24 && Number(minutes) < 60 && at <= 1_440 ? at : undefined;
};
/** Minutes of the day, from inclusive, until exclusive; over midnight `until` is the smaller one. */
export const between = scalar(
  (value) => {
    const match = /^(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)$/.exec(value);
    const from = dayMinute(match?.[1], match?.[2]);
    const until = dayMinute(match?.[3], match?.[4]);
    return from === undefined || until === undefined || from === until || from === 1_440 ? undefined : { from, until };
  },
  "two times of the day",
  'Write them as "07:30-08:00", in quotes; "22:00-05:00" goes over midnight.',
);

/** Calendar days, forwards or back. */
export const days = scalar(
  (value) => (/^[+-]?\d{1,5}d$/.test(value) ? Number(value.slice(0, -1)) : undefined),
  "a number of days",
  "Write it as -1d or 1d.",
);

export const currency = text.regex(
  /^[A-Z]{3}$/,
  complaint("is no currency", "Write the three capital letters of ISO 4217, such as EUR."),
);

export const timezone = text.refine(isTimezone, {
  error: (issue) =>
    complaint(
      "is no time zone",
      didYouMean(String(issue.input), Intl.supportedValuesOf("timeZone").slice()).replace(/ ?Known: .*/s, "") ||
        "Write a name such as Europe/Berlin.",
    ),
});

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}

/** An address of one of these protocols, without user and password in it. */
export function address(protocols: readonly string[]) {
  const example = `${protocols[0]}//host.example.com`;
  return text.superRefine((value, context) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    const fault = (message: string, remedy: string): void =>
      context.addIssue({ code: "custom", message: complaint(message, remedy) });
    if (url === undefined || !protocols.includes(url.protocol) || url.hostname === "")
      fault(`must be an address with ${protocols.join(" or ")}`, `Write it as ${example}.`);
    else if (url.username !== "" || url.password !== "")
      fault(
        "holds a user or a password",
        "Take it out of the address: secrets are never in the configuration (`erpfuser secret set NAME`).",
      );
  });
}

/** One of several words. `later` are words that a later version brings, each with what to do until then. */
export function oneOf<const V extends readonly [string, ...string[]]>(values: V, later: Readonly<Record<string, string>> = {}) {
  return z.enum(values, {
    error: (issue) => {
      const given = issue.input;
      if (typeof given !== "string") return oneText;
      const until = later[given];
      if (until !== undefined) return complaint(`\`${given}\` is not supported yet by this version`, until);
      return complaint(`\`${given.slice(0, 60)}\` is not known here`, didYouMean(given, values));
    },
  });
}

/** Keys of which no other may stand there. */
export function keys<S extends z.ZodRawShape>(shape: S, later: Readonly<Record<string, string>> = {}) {
  const known = knownKeys({ known: Object.keys(shape), later });
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? known
        : complaint("must hold keys and values", `Write one or more of these keys below it: ${Object.keys(shape).join(", ")}.`),
  });
}

export function listOf<T extends z.ZodType>(item: T, most = 1_000) {
  return z
    .array(item, { error: complaint("must be a list", "Write `[a, b]`, or one item per line after `- `.") })
    .min(1, complaint("is empty", "Write at least one item, or remove the key."))
    .max(most, complaint("is too long", `Write at most ${most} items.`));
}

/** Named things. */
export function named<T extends z.ZodType>(value: T) {
  return z.record(anyText, value, { error: complaint("must hold names and what they stand for", "Write `name: …` below it.") });
}

/** A secret by its name in the credential store. The value itself is never repeated in a fault. */
export const secret = z.strictObject(
  { secret: identifierLike() },
  { error: (issue) => (issue.code === "unrecognized_keys" ? knownKeys({ known: ["secret"], later: {} }) : plainSecret("NAME")) },
);

function identifierLike() {
  return text.regex(
    /^[A-Za-z][A-Za-z0-9._-]{0,99}$/,
    complaint("is no name of a secret", "Use letters, digits, `.`, `_` and `-`, beginning with a letter."),
  );
}

/** The complaint about a secret that stands in the configuration itself. */
export function plainSecret(name: string): string {
  return complaint(
    "holds a secret in plain text",
    `Store it with \`erpfuser secret set ${name}\`, write \`{ secret: ${name} }\` here, and change it in the ERP: it has stood in a file.`,
  );
}
