import { FuserError } from "../../base/errors.ts";
import { encodeKey } from "../../base/key.ts";
import { silentLog } from "../../base/log.ts";
import type { Config, Source } from "../../config/config.ts";
import type { RowBatch } from "../../connectors/connector.ts";
import { fieldsOf } from "../../protocol/entity-text.ts";
import type { Fields } from "../../protocol/model.ts";
import { compile } from "../compile.ts";
import { openErp } from "../erp.ts";
import { bindStored } from "../lookups.ts";
import type { Mapped, Mapping } from "../map/mapped.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { requireSource } from "./names.ts";
import { type Judge, openJudge, type Sent, sentLines } from "./preview-sent.ts";
import { type WhyField, whyLines, whyOf } from "./preview-why.ts";
import { configurationSecrets } from "./secrets.ts";
import type { Session } from "./session.ts";
import { plain } from "./shown-plan.ts";
import { storedLookups } from "./stored-lookups.ts";
import { keyParts } from "./trace-key.ts";

/** As the mapping made it, with an entity's fields by name. */
type Shown = Exclude<Mapped, { kind: "entity" }> | (Omit<Mapped & { kind: "entity" }, "text"> & { fields: Fields });

interface Previewed {
  key: string;
  row: Record<string, unknown>;
  mapped: Shown;
  /** With `--why`. */
  why?: readonly WhyField[];
  sent?: Sent;
}

/** Live rows of a source beside the entities they become, why, and what would be held back. Nothing is sent. */
export async function previewSource(
  session: Session,
  source: string,
  { rows, key, held, why }: Readonly<Record<string, unknown>>,
): Promise<number> {
  const config = await readConfiguration(session);
  requireSource(config, source);
  const secrets = configurationSecrets(session, config);
  const erp = await openErp({ config, clock: session.clock, log: silentLog, secret: secrets.require });
  try {
    const { mappings } = await compile(config, erp, session.signal);
    bindStored(mappings, storedLookups(config, session.clock));
    const mapping = mappings.find((one) => one.source === source) as Mapping;
    const { clock, signal } = session;
    using judge = why === true ? await openJudge({ config, clock, erp, mappings, mapping, signal }) : undefined;
    const batches =
      typeof key === "string"
        ? erp.readKeys(mapping.query, [keyOf(mapping, key)], session.signal)
        : erp.scan(mapping.query, session.signal);
    const shown = await take(batches, mapping, { count: rows as number, heldOnly: held === true, config, judge });
    if (shown.length === 0 && typeof key === "string") throw noSuchRow(source, key);
    session.out.result({ source, type: mapping.type, rows: shown }, () =>
      shown.length > 0 ? shown.flatMap(explain) : [held === true ? "No row would be held back." : "The source has no rows."],
    );
    return exitCodes.ok.code;
  } finally {
    await erp.close();
  }
}

/** @throws FuserError `not-found-row` when it has another number of parts than the source's key */
function keyOf(mapping: Mapping, given: string): string {
  const parts = keyParts(given);
  if (parts?.length === mapping.query.key.length) return encodeKey(parts);
  throw noSuchRow(mapping.source, given);
}

function noSuchRow(source: string, key: string): FuserError {
  return new FuserError("rejected", `${source} has no row ${key.slice(0, 200)}`, {
    code: "not-found-row",
    operation: "preview a source",
    hint: "Give the parts of its key as the ERP shows them, with commas between, blanks and zeros included; `where` and `scope` count too",
  });
}

async function take(
  batches: AsyncIterable<RowBatch>,
  mapping: Mapping,
  wanted: { count: number; heldOnly: boolean; config: Config; judge: Judge | undefined },
): Promise<Previewed[]> {
  const found: Previewed[] = [];
  const source = wanted.config.sources.find(({ name }) => name === mapping.source) as Source;
  for await (const batch of batches) {
    for (let index = 0; index < batch.length; index++) {
      if (found.length >= wanted.count) return found;
      const key = batch.key(index);
      const row = batch.row(index);
      const judged = await wanted.judge?.judge(batch, index);
      const mapped = judged?.mapped ?? mapping.map(row, key ?? "");
      if (wanted.heldOnly && mapped.kind !== "faulty" && !judged?.sent.held.length) continue;
      const columns = mapping.query.columns.map((column, at) => [column, plain(row.values[at] ?? null)] as const);
      const shown = shownOf(mapped);
      const explained = judged && {
        why: whyOf({ ...wanted, source, query: mapping.query, row, mapped, ...fieldsIn(shown) }),
        sent: judged.sent,
      };
      found.push({ key: key ?? "", row: Object.fromEntries(columns), mapped: shown, ...explained });
    }
  }
  return found;
}

const fieldsIn = (shown: Shown): { fields: Fields | undefined } => ({
  fields: shown.kind === "entity" ? shown.fields : undefined,
});

function explain({ key, row, mapped, why, sent }: Previewed): string[] {
  if (why !== undefined && sent !== undefined)
    return [
      `Row ${key || "without key"}`,
      ...heading(mapped),
      ...sentLines(sent),
      ...why.flatMap((one) => whyLines(one, mapped.kind === "entity")),
      "",
    ];

  const columns = Object.entries(row).map(([name, value]) => `    ${name} = ${JSON.stringify(value)}`);
  return [`Row ${key || "without key"}`, ...columns, ...outcome(mapped), ""];
}

/** With `--why` the fields follow with their reasons; what is wrong with the row as a whole stands here. */
function heading(mapped: Shown): string[] {
  if (mapped.kind === "entity") return [`  becomes ${mapped.id}`];
  const whole = mapped.kind === "faulty" ? mapped.faults.filter(({ field }) => field === "id" || field === "") : [];
  return [outcome(mapped)[0] as string, ...whole.map(({ message, code }) => `    ${message} [${code}]`)];
}

function shownOf(mapped: Mapped): Shown {
  if (mapped.kind !== "entity") return mapped;
  const { text, ...rest } = mapped;
  return { ...rest, fields: fieldsOf(text) };
}

function outcome(mapped: Shown): string[] {
  switch (mapped.kind) {
    case "entity":
      return [
        `  becomes ${mapped.id}`,
        ...Object.entries(mapped.fields).map(([name, value]) => `    ${name}: ${JSON.stringify(value)}`),
        ...mapped.notes.map((note) => `    note: ${note.field}: ${note.code}`),
      ];
    case "cancelled":
      if (mapped.reason === "out-of-scope") return [`  is of an estate that does not take part: ${mapped.id} is not sent`];
      return [`  is marked as deleted: ${mapped.id} is deleted at the portal`];
    case "faulty":
      return [
        "  is held back:",
        ...mapped.faults.map((fault) => `    ${fault.field || fault.column || "row"}: ${fault.message} [${fault.code}]`),
      ];
  }
}
