import { ticketCommands } from "./config-commands.ts";
import { formsOf } from "./config-forms.ts";
import { bookingSources, estateSources, peopleSources, ticketSources } from "./config-sources.ts";
import type { ErpDialect } from "./db.ts";
import { mainMandant } from "./generate.ts";
import { ledgerTable, tables } from "./schema.ts";

export interface ErpConfigOptions {
  /** Of the database, or `csv`: the files that csv-drops.ts writes. They can only be read, so that there are no commands. */
  dialect: ErpDialect | "csv";
  /** The lines under `erp:` that say how to reach the database, e.g. `["file: /tmp/erp.db"]`. Without them the agent can't connect. */
  connection: readonly string[];
  /** Address of the portal's channel, e.g. `ws://127.0.0.1:4000/agent`. */
  portalUrl: string;
  /** Directory of the agent's store, secrets and journal. */
  state: string;
  stage?: "test" | "live";
  /** How often cursor columns are asked. Default 1s. */
  cursorEvery?: string;
  /** How often a source without cursor is compared. Default 15m. */
  compareEvery?: string;
  /** How often a source with cursor is compared. Default `0 3 * * *`. */
  netEvery?: string;
  /** The database's own feed, on which all sources live but the one that only grows, and the one whose keys no table has. */
  feed?: string;
  /** How often the feed is looked after. Default 30s. */
  feedEvery?: string;
  /** How the ERP remembers the commands that create tickets and messages. Default `column`. */
  idempotency?: "column" | "ledger" | "probe";
  /** Time for which an inferred delete waits. Default 0s. */
  grace?: string;
  /** Value of `erp: confirmAfter:`. */
  confirmAfter?: string;
  /** Value of `erp: courtesy:`, e.g. `{ lockTimeout: 1s }`. */
  courtesy?: string;
  /** Limit of deletes in one pass. Default 500 rows and 50 %. */
  guards?: { rows: number; percent: number };
  /** No rule of quality looks at what is sent. */
  unjudged?: boolean;
}

/** Its name, by which a database's server knows the agent. */
export const agentName = "Musterstadt";

/**
 * The configuration (erpfuser.yaml) that maps the sample ERP onto the portal's model: what the oracle expects, said in the mapping language. The preset `sample` is made from it
 * (test/unit/config/presets.test.ts says how).
 */
export function erpConfig(options: ErpConfigOptions): string {
  const body = [
    dictionaries(options),
    estateSources(options),
    peopleSources(options),
    ticketSources(options),
    bookingSources(options),
    ...(options.dialect === "csv" ? [] : [ticketCommands(options)]),
  ].join("\n");
  return `${head(options)}\n${options.dialect === "postgres" ? folded(body) : body}`;
}

const ownNames = [
  ...Object.entries(tables).flatMap(([name, { columns }]) => [name, ...columns.map(([column]) => column)]),
  ...["TEIL", "NAME", "VORNAME", ledgerTable],
];
/** AUFTRAG is a table, and a value of the column KREIS. */
const ownName = new RegExp(`(?<!KREIS: )\\b(${[...new Set(ownNames)].join("|")})\\b`, "g");

/** PostgreSQL holds names that nobody quoted in small letters, and the agent quotes what the configuration says. */
const folded = (yaml: string): string => yaml.replace(ownName, (name) => name.toLowerCase());

const limits = ({ rows, percent }: { rows: number; percent: number }): string => `{ rows: ${rows}, percent: ${percent} }`;

function head({
  dialect,
  connection,
  portalUrl,
  state,
  stage = "live",
  confirmAfter,
  courtesy,
  guards = { rows: 500, percent: 100 },
  unjudged = false,
}: ErpConfigOptions): string {
  // The clerks of a test correct a small company several times over within an hour.
  const ofValues = { ...guards, percent: 100 };
  return `# Sample housing company: composite padded keys, YYYYMMDD integers, codes, no foreign keys.
agent: { name: ${agentName}, portal: "${portalUrl}", stage: ${stage}, state: "${state}" }
erp:
  connector: ${dialect}
${connection.map((line) => `  ${line}`).join("\n")}
  timezone: Europe/Berlin${confirmAfter === undefined ? "" : `\n  confirmAfter: ${confirmAfter}`}${courtesy === undefined ? "" : `\n  courtesy: ${courtesy}`}
vars: { mandant: "${mainMandant}" }
scope: { ${dialect === "postgres" ? "mandant" : "MANDANT"}: "\${vars.mandant}" }
guards: { deletes: ${limits(guards)}, emptied: ${limits(ofValues)}, moved: ${limits(ofValues)} }${unjudged ? "\nquality: { rules: false }" : ""}`;
}

const dictionaries = (options: ErpConfigOptions): string => `types:
  ymd: { integer: yyyyMMdd, empty: ["0"], openEnd: ["99991231"], invalid: quarantine }
  hms: { integer: HHmmss }${options.dialect === "postgres" ? "\n  day: { native: true }" : ""}
maps:
  unitKind: { read: { WO: flat, GE: office, ST: parking-space }, unknown: { value: other } }
  usage: { read: { ${formsOf(options).yes}: owned, ${formsOf(options).no}: rented }, unknown: quarantine }
  managementType: { read: { M: rental, W: condominium }, unknown: quarantine }
  personKind: { read: { N: natural, J: legal }, unknown: quarantine }
  role: { read: { SB: clerk, HW: caretaker }, unknown: quarantine }
  orderKind: { read: { S: damage, A: request, M: defect }, write: { damage: S, request: A, defect: M }, unknown: quarantine }
  orderStatus:
    read: { "0": open, "1": in-progress, "2": waiting-for-external, "9": closed }
    write: { open: "0", in-progress: "1", waiting-for-external: "2", closed: "9" }
    unknown: quarantine
  priority: { read: { "1": high, "2": normal, "3": low }, write: { high: "1", normal: "2", low: "3" }, unknown: { value: normal } }
  channel: { read: { T: phone, E: email, B: letter, P: portal }, unknown: { value: other } }
  visibility: { read: { N: tenant, I: internal }, write: { tenant: N, internal: I }, unknown: { value: internal } }
  meterKind: { read: { KW: cold-water, WW: hot-water, ST: electricity, HK: heat-cost }, unknown: quarantine }
  readingOrigin: { read: { F: remote, M: tenant, A: agent }, unknown: quarantine }
sources:`;
