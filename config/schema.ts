/**
 * The one schema of the configuration file: it validates, converts, gives defaults, and the reference page and the editor's JSON Schema
 * are made from it (config/generate.ts).
 */
import * as z from "zod";
import { presetTexts } from "./generated/presets.ts";
import { command } from "./schema-command.ts";
import { ownType } from "./schema-own-types.ts";
import { persons } from "./schema-persons.ts";
import { quality } from "./schema-quality.ts";
import { source } from "./schema-source.ts";
import {
  address,
  anyText,
  between,
  duration,
  flag,
  keys,
  listOf,
  named,
  oneOf,
  percent,
  secret,
  size,
  text,
  timezone,
  whole,
} from "./schema-values.ts";

const agent = keys({
  name: text.max(100).describe("Name of this agent, shown at the portal"),
  portal: address(["wss:", "ws:"]).describe("Address of the portal's channel"),
  stage: oneOf(["test", "live"])
    .prefault("test")
    .describe("`test`: sends to the portal's test tenant, commands are rolled back. `erpfuser go-live` switches"),
  state: text
    .optional()
    .describe("Directory of store, secrets and journal. Default: /var/lib/erpfuser, on Windows %ProgramData%\\ErpFuser\\state"),
  logs: text.optional().describe("Directory of the log files. Default: `logs` in the state directory"),
  proxy: keys({
    url: address(["http:", "https:"]).describe("Address of the proxy"),
    user: text.optional().describe("User at the proxy"),
    password: secret.optional().describe("Name of the stored secret"),
  })
    .optional()
    .describe("HTTP proxy on the way to the portal"),
  caFile: text.optional().describe("File with further root certificates (PEM), where TLS is inspected"),
});

const courtesy = keys({
  pace: oneOf(["gentle", "full"])
    .prefault("gentle")
    .describe(
      "`gentle`: compares read at an even, slow pace and rest when the ERP answers slowly; `full`: as fast as it answers",
    ),
  rowsPerSecond: whole(1, 10_000_000).optional().describe("Most rows read per second, at either pace"),
  statementTimeout: duration.prefault("30s").describe("Longest time for one statement; what it waits for locks comes on top"),
  lockTimeout: duration.prefault("2s").describe("Longest wait for a lock"),
  blackout: listOf(keys({ between: between.describe("From and until, local time of `timezone`") }))
    .optional()
    .describe("Times of the day in which the ERP is not read"),
  commands: oneOf(["run", "hold"]).prefault("run").describe("What becomes of commands in a blackout"),
});

const erp = z
  .looseObject({
    connector: text.describe("Kind of database"),
    timezone: timezone.describe("What local times in this database mean, such as Europe/Berlin"),
    confirmAfter: duration
      .prefault("2s")
      .describe(
        "Longest time until a committed row is visible to the agent's account: longer where it reads a replica that lags behind. Each key that changed is read again after it, and a row is believed gone only when both reads found none",
      ),
    courtesy: courtesy.prefault({}).describe("Limits that keep the ERP undisturbed"),
  })
  .describe("The ERP's database. Further keys are those of the connector; a secret is written `{ secret: name }`");

const noLetters = "Parts are yyyy, MM, dd, HH, mm, ss and S (fraction).";
const dateType = keys({
  integer: text.optional().describe(`Pattern of a number. ${noLetters}`),
  text: text
    .optional()
    .describe(`Pattern of a text. ${noLetters} Other characters stand for themselves, letters in single quotes`),
  native: flag.optional().describe("`true`: the column is a date or time of the database"),
  empty: listOf(anyText).optional().describe("Values that mean that there is none"),
  openEnd: listOf(anyText).optional().describe("Values that mean that there is no end"),
  zone: timezone
    .optional()
    .describe("What local times of these columns mean where it is not `erp: timezone`: `UTC`, for applications that store it"),
  invalid: oneOf(["quarantine", "null-and-report"])
    .prefault("quarantine")
    .describe("What becomes of an impossible date: the row is held back, or the field is sent empty and reported"),
});

const valueMap = keys({
  read: named(anyText).describe("Code of the ERP: value of the model"),
  write: named(anyText).optional().describe("Value of the model: code of the ERP. Default: the inverse of `read`"),
  unknown: z
    .union([oneOf(["quarantine"]), keys({ value: anyText.describe("The value that stands for it") })])
    .prefault("quarantine")
    .describe(
      "What becomes of a code that is not listed: the row is held back, or the code is replaced and counted as a finding",
    ),
  publish: keys({
    catalog: text.max(100).describe("Name of the catalog at the portal"),
    labels: named(named(text)).describe("Value of the model: its texts by language, such as `open: { de: Offen, en: Open }`"),
  })
    .optional()
    .describe(
      "The values of the map become entries of a catalog of the portal, each with its texts. A change of the file changes them, and deletes those that it no longer has; no row of the ERP is read for it",
    ),
});

const presetName = oneOf(Object.keys(presetTexts) as [string, ...string[]]);
const preset = z.union([
  presetName.describe("Name of the preset"),
  keys({
    use: presetName.describe("Name of the preset"),
    without: listOf(text).optional().describe("What is left out: `sources.NAME`, `sources.NAME.fields.FIELD`, `commands.NAME`"),
  }),
]);

export const configFile = keys(
  {
    preset: preset
      .optional()
      .describe(
        "A configuration for an ERP that ships with the agent. What stands in this file goes over it: sections, sources and commands by name and key, code maps by code, fields as a whole",
      ),
    agent: agent.describe("The agent and its way to the portal"),
    erp,
    vars: named(anyText).prefault({}).describe("Named values, used as `${vars.name}` and `:vars.name`"),
    scope: named(anyText)
      .prefault({})
      .describe("Column: value. Added as a condition to every source; one without the column says `scope: none`"),
    types: named(dateType).prefault({}).describe("Named formats of dates and times, used by `as:`"),
    ownTypes: named(ownType)
      .optional()
      .describe(
        "Types of entities of your own, which the portal's model does not have: `x-` and small letters. A source or a command (`x-NAME.create`, `x-NAME.update`) names them like any other",
      ),
    maps: named(valueMap).prefault({}).describe("Named code maps, used by `map:`"),
    sources: named(source).describe("What is read from the ERP"),
    properties: keys({
      take: listOf(anyText).optional().describe("Ids of the estates as the portal and `erpfuser preview` show them"),
      lookup: text
        .optional()
        .describe("Name of a table that the portal pushes: an estate takes part while its id stands in the first field of a row"),
    })
      .optional()
      .describe(
        "Which estates take part; default: all. The others, and what belongs to them by references that wait for them or by estate, building and unit alone, are not sent, or deleted as out of scope; what comes back in is read again. Persons, team members and service providers stand for themselves",
      ),
    commands: named(command).prefault({}).describe("What the portal may ask for, and how it is written"),
    guards: keys({
      deletes: keys({
        rows: whole(0).prefault("100").describe("Most deletes of one source within a pass or an hour"),
        percent: percent.prefault("10").describe("This share of the source in percent is held, from three deletes on"),
      }).prefault({}),
      emptied: keys({
        rows: whole(0).prefault("100").describe("Most entities of one source that lose a value within a pass or an hour"),
        percent: percent.prefault("10").describe("This share of the source in percent is held, from three on"),
      }).prefault({}),
      moved: keys({
        rows: whole(0).prefault("100").describe("Most entities of one source that get another parent within a pass or an hour"),
        percent: percent.prefault("10").describe("This share of the source in percent is held, from three on"),
      }).prefault({}),
    })
      .prefault({})
      .describe("Limits beyond which nothing of a source is sent until a person approves"),
    reconcile: keys({
      between: between.prefault("20:00-06:00").describe("Idle hours, in local time of `timezone`"),
      every: duration.prefault("5m").describe("From one look into the ERP to the next"),
      records: whole(0, 100_000)
        .prefault("500")
        .describe("About how many records of a source are read again at each look; `0`: nothing is checked by itself"),
    })
      .prefault({})
      .describe(
        "Checks in idle hours: once a night what the portal holds is compared with what was sent, and a few records at a time it is looked up whether the ERP still says what was read. Differences are mended and counted",
      ),
    quality,
    persons,
    journal: keys({
      keepDays: whole(1, 3_650).prefault("30").describe("Days that the journal is kept"),
      max: size.prefault("100MB").describe("Largest size of the journal"),
    })
      .prefault({})
      .describe("The record of every sync and command"),
  },
  {
    lookups: "A table of the portal is named where a value is read: `{ from: COLUMN, lookup: NAME }`.",
  },
);

export type FileNode = z.output<typeof configFile>;
