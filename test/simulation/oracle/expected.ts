/** What the portal should show of the ERP's rows, said once more and on its own: it shares no code with the agent's mapping. */
import type { TableName } from "../erp/schema.ts";
import type { ErpServer, Row } from "../erp/server.ts";

export type Fields = Readonly<Record<string, unknown>>;

export interface Expectation {
  fields: Fields;
  /** The mapping can't read the row: it is held, and what the portal showed before stays. */
  unreadable: boolean;
  /** `type id` of what must be at the portal first. */
  parents: readonly string[];
}

export const nameOf = (type: string, id: string): string => `${type} ${id}`;

const text = (value: unknown): string => String(value);
const place = (row: Row, last: string): string => [row.OBJ, row.HAUS, row[last]].map(text).join(".");
const date = (value: unknown): string | null => {
  const digits = text(value);
  return digits === "0" ? null : `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}`;
};
const statuses: Readonly<Record<string, string>> = { "0": "open", "1": "in-progress", "9": "closed" };
const priorities: Readonly<Record<string, string>> = { "1": "high", "2": "normal", "3": "low" };

/** By `type id`. */
export function expectedEntities(erp: ErpServer): Map<string, Expectation> {
  const expected = new Map<string, Expectation>();
  const add = (type: string, id: string, fields: Fields, parents: string[] = []): void =>
    void expected.set(nameOf(type, id), { fields, unreadable: false, parents });
  for (const row of erp.rows("OBJEKT")) add("property", text(row.NR), { name: row.NAME });
  for (const row of erp.rows("HAUS"))
    add("building", `${row.OBJ}.${row.NR}`, { propertyId: row.OBJ, name: row.NAME }, [nameOf("property", text(row.OBJ))]);
  for (const row of erp.rows("WOHNUNG")) {
    const buildingId = `${row.OBJ}.${row.HAUS}`;
    add("unit", place(row, "NR"), { buildingId, name: row.LAGE, objectType: "flat" }, [nameOf("building", buildingId)]);
  }
  for (const row of erp.rows("PERSON")) add("person", text(row.NR), { kind: "natural", lastName: row.NAME });
  for (const row of erp.rows("MIETE")) {
    if (row.STORNO === "J") continue;
    const unitId = place(row, "WOHN");
    const fields = {
      unitId,
      kind: "tenant",
      startDate: date(row.BEGINN),
      endDate: date(row.ENDE),
      participants: [{ personId: row.PERS, role: "main" }],
    };
    add("utilisationPeriod", text(row.NR), fields, [nameOf("unit", unitId), nameOf("person", text(row.PERS))]);
  }
  addTickets(erp, expected);
  for (const row of erp.rows("NOTIZ")) {
    const fields = { ticketId: row.AUFTR, body: row.ZEILE, visibility: "tenant" };
    add("message", `${row.AUFTR}.${row.LFD}`, fields, [nameOf("ticket", text(row.AUFTR))]);
  }
  return expected;
}

function addTickets(erp: ErpServer, expected: Map<string, Expectation>): void {
  const lines = erp.rows("BESCHR").sort((one, other) => Number(one.LFD) - Number(other.LFD));
  for (const row of erp.rows("AUFTRAG")) {
    const unitId = place(row, "WOHN");
    const own = lines.filter((line) => line.AUFTR === row.NR).map((line) => text(line.ZEILE));
    const status = statuses[text(row.STATUS)];
    const fields = {
      number: row.NR,
      kind: "damage",
      title: row.TITEL,
      description: own.length === 0 ? null : own.join(" / "),
      status,
      priority: priorities[text(row.PRIO)] ?? "normal",
      unitId,
      reporterId: erp.row("PERSON", text(row.MELDER)) === undefined ? null : row.MELDER,
    };
    expected.set(nameOf("ticket", text(row.NR)), { fields, unreadable: status === undefined, parents: [nameOf("unit", unitId)] });
  }
}

/** Table and key of the row behind an entity. */
export function rowBehind(type: string, id: string): { table: TableName; key: string } {
  const table = (
    {
      property: "OBJEKT",
      building: "HAUS",
      unit: "WOHNUNG",
      person: "PERSON",
      utilisationPeriod: "MIETE",
      ticket: "AUFTRAG",
      message: "NOTIZ",
    } as const
  )[type];
  if (table === undefined) throw new Error(`No table is behind ${type}`);
  return { table, key: id.split(".").join("|") };
}
