/** The bench's mappings and periods without a database. */
import type { Mapping } from "../../agent/map/mapped.ts";
import { compileMapping } from "../../agent/map/mapping.ts";
import { buildQuery } from "../../agent/map/query.ts";
import { configuration } from "../../bench/configuration.ts";
import { mandant } from "../../bench/erp.ts";
import { parseConfig } from "../../config/load.ts";
import type { Column, ColumnType, RowBatch, Value } from "../../connectors/connector.ts";
import { batchOfSent, fieldOf, sentOf } from "./packed-batch.ts";

/** The mapping of every source of a configuration whose columns are of these types, in any table; sources with child queries are left out. */
export function mappingsOf(text: string, typeOf: (column: string) => ColumnType, only?: string): readonly Mapping[] {
  const { config, faults } = parseConfig({ text, file: "/tmp/erpfuser.yaml" });
  if (config === undefined) throw new Error(JSON.stringify(faults));
  return config.sources.flatMap((source) => {
    const query = buildQuery(source, config);
    if (query.children.length > 0 || (only !== undefined && source.name !== only)) return [];
    const columns = query.columns.map((name): Column => {
      return { name, type: typeOf(name), nullable: true, length: undefined, hasDefault: false, autoIncrement: false };
    });
    const compiled = compileMapping({ config, source, query, described: { columns, children: [], rows: undefined } });
    if ("faults" in compiled) throw new Error(JSON.stringify(compiled.faults));
    return [compiled.mapping];
  });
}

/** Type of a column of the bench's tables. */
export function benchType(column: string): ColumnType {
  if (column === "AENDTS") return "datetime";
  return ["FOLGE", "BEGINN", "ENDE", "ANLDAT", "ANLZEIT"].includes(column) ? "integer" : "text";
}

export function benchMappings(): readonly Mapping[] {
  const wishes = {
    connection: ["server: 127.0.0.1", "database: bench", "user: bench", "password: { secret: bench }"],
    courtesy: "{ pace: full }",
  };
  return mappingsOf(
    configuration({ ...wishes, portalUrl: "ws://127.0.0.1:1/agent", state: "/tmp/bench", periods: true }),
    benchType,
  );
}

/** Rows of a mapping's query as the MySQL connector gives them. */
export function batchFor(
  mapping: Mapping,
  rows: readonly Record<string, Value>[],
  typeOf: (column: string) => ColumnType,
): RowBatch {
  const { columns, key, flags } = mapping.query;
  const no = Buffer.from("0");
  const sent = rows.map((row) => [...columns.map((name) => sentOf(row[name] ?? null, typeOf(name))), ...flags.map(() => no)]);
  const fields = columns.map((name) => fieldOf(typeOf(name)));
  return batchOfSent(sent, { fields, key: key.map((name) => columns.indexOf(name)), flags: flags.length });
}

const padded = (number: number, width: number): string => String(number).padStart(width, "0");
/** Whole number in [0, below), the same in every run. */
const chance = (seed: number, below: number): number => (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 4) % below;
const name = (seed: number): string =>
  ["Jürgen Müller", "Käthe Großmann", "Hans-Jörg Böhm", "Friederike Lindenberger"][chance(seed, 4)] as string;

/** A period as bench/erp.ts makes them. */
export function periodRow(at: number): Record<string, Value> {
  const person = (purpose: number): string => padded(chance(at * 8 + purpose, 200_000) + 1, 10);
  const two = chance(at, 10) < 4;
  return {
    MANDANT: mandant,
    OBJNR: padded(Math.floor(at / 500) + 1, 6),
    HAUSNR: padded((Math.floor(at / 100) % 5) + 1, 4),
    WOHNNR: padded((Math.floor(at / 10) % 10) + 1, 6),
    FOLGE: (at % 10) + 1,
    VERTRAGNR: `MV ${mandant}/${padded(Math.floor(at / 500) + 1, 6)}/${padded(chance(at, 2 ** 28), 10)}`.padEnd(60),
    ART: chance(at + 1, 10) === 0 ? "EV" : "MV",
    BEGINN: 19900101 + chance(at + 2, 30) * 10_000 + chance(at + 3, 12) * 100 + chance(at + 4, 28),
    ENDE: chance(at + 5, 2) === 0 ? 99991231 : 20200101 + chance(at + 6, 12) * 100 + chance(at + 7, 28),
    PERSNR: person(0),
    NAME1: name(at).padEnd(50),
    MITPERSNR: two ? person(1) : "",
    NAME2: two ? name(at + 1).padEnd(30) : "",
    BUERGNR: chance(at + 8, 20) === 0 ? person(2) : "",
  };
}
