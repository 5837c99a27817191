/** What the portal must hold of the sample ERP, type by type: plain SQL per table and a hand-written rendering of each row. */
import type { ErpRow, ErpSession } from "./db.ts";
import { asVouched, asWritten, type Reachable } from "./oracle-addresses.ts";
import { day, decimal, emails, filled, idOf, instant, money, type OracleFields, type OracleJson, str } from "./oracle-values.ts";

/** The company that takes part; rows of any other MANDANT must not be at the portal. */
const mandant = "001";

interface ExpectedType {
  type: string;
  sql: string;
  /** False: no `?` for the company in the SQL. */
  scoped?: boolean;
  /** The entity of a row; undefined for a row that must not reach the portal. */
  entity: (
    row: ErpRow,
    has: (type: string, id: string) => boolean,
    reachable: Reachable,
  ) => { id: string; fields: OracleFields } | undefined;
}

export interface ExpectedEntity {
  id: string;
  fields: OracleFields;
}

const code = (codes: Record<string, string>, row: ErpRow, column: string): string | undefined => codes[str(row, column)];
const addressOf = (row: ErpRow): OracleJson => ({
  street: str(row, "STRASSE"),
  houseNumber: str(row, "HNR"),
  postalCode: str(row, "PLZ"),
  city: str(row, "ORT"),
  country: "DE",
});
const estateId = (row: ErpRow): string => idOf(str(row, "MANDANT"), str(row, "OBJNR"));
const buildingId = (row: ErpRow): string => idOf(str(row, "MANDANT"), str(row, "OBJNR"), str(row, "HAUSNR"));
const unitId = (row: ErpRow): string => idOf(str(row, "MANDANT"), str(row, "OBJNR"), str(row, "HAUSNR"), str(row, "WOHNNR"));
const periodId = (row: ErpRow): string => `${unitId(row)}.${str(row, "FOLGE")}`;
const personId = (row: ErpRow, column = "PERSNR"): string => idOf(str(row, "MANDANT"), str(row, column), "1");

const statusCodes = { "0": "open", "1": "in-progress", "2": "waiting-for-external", "9": "closed" };
const priorityCodes = { "1": "high", "2": "normal", "3": "low" };
const orderKinds = { S: "damage", A: "request", M: "defect" };
const channels = { T: "phone", E: "email", B: "letter", P: "portal" };
const unitKinds = { WO: "flat", GE: "office", ST: "parking-space" };
const meterKinds = { KW: "cold-water", WW: "hot-water", ST: "electricity", HK: "heat-cost" };
const origins = { F: "remote", M: "tenant", A: "agent" };

/** Parents before children. */
const expectedTypes: readonly ExpectedType[] = [
  {
    type: "property",
    sql: "SELECT MANDANT, OBJNR, BEZ, STRASSE, HNR, PLZ, ORT, VERWART FROM OBJEKT WHERE MANDANT = ?",
    entity: (row) => ({
      id: estateId(row),
      fields: { name: str(row, "BEZ"), address: addressOf(row), managementType: row.VERWART === "W" ? "condominium" : "rental" },
    }),
  },
  {
    type: "building",
    sql: "SELECT MANDANT, OBJNR, HAUSNR, BEZ, STRASSE, HNR, PLZ, ORT FROM HAUS WHERE MANDANT = ?",
    entity: (row, has) =>
      has("property", estateId(row))
        ? { id: buildingId(row), fields: { propertyId: estateId(row), name: str(row, "BEZ"), address: addressOf(row) } }
        : undefined,
  },
  {
    type: "unit",
    sql: "SELECT MANDANT, OBJNR, HAUSNR, WOHNNR, LAGE, ART, ETAGE, FLAECHE, ZIMMER, EIGENTUM FROM WOHNUNG WHERE MANDANT = ?",
    entity: (row, has) => {
      if (!has("building", buildingId(row))) return undefined;
      const fields = {
        buildingId: buildingId(row),
        name: str(row, "LAGE").trim(),
        objectType: code(unitKinds, row, "ART") ?? "other",
        usage: row.EIGENTUM === "J" ? "owned" : "rented",
        floor: str(row, "ETAGE"),
        areaSquareMetres: decimal(row, "FLAECHE"),
        rooms: decimal(row, "ZIMMER"),
      };
      return { id: unitId(row), fields };
    },
  },
  {
    type: "person",
    sql: "SELECT MANDANT, PERSNR, ART, ANREDE, NAME1, VORNAME1, EMAIL, TELEFON, STRASSE, HNR, PLZ, ORT, GEBDAT FROM PERSON WHERE MANDANT = ?",
    entity: (row, _has, reachable) => {
      const birthDate = day(row, "GEBDAT");
      if (birthDate === undefined) return undefined;
      const name = str(row, "NAME1");
      const fields = {
        ...(row.ART === "J" ? { kind: "legal", companyName: name } : { kind: "natural", lastName: name }),
        firstName: filled(row, "VORNAME1"),
        salutation: filled(row, "ANREDE"),
        emails: reachable.emails(row),
        phones: reachable.phones(row),
        address: addressOf(row),
        birthDate,
      };
      return { id: personId(row), fields };
    },
  },
  {
    // The second person of a row, known by name only.
    type: "person",
    sql: "SELECT MANDANT, PERSNR, ART, NAME2, VORNAME2, STRASSE, HNR, PLZ, ORT FROM PERSON WHERE MANDANT = ? AND NAME2 <> ''",
    entity: (row) => {
      const name = str(row, "NAME2");
      const who = row.ART === "J" ? { kind: "legal", companyName: name } : { kind: "natural", lastName: name };
      const nothing = { salutation: null, emails: null, phones: [], birthDate: null };
      const fields = { ...who, firstName: filled(row, "VORNAME2"), ...nothing, address: addressOf(row) };
      return { id: idOf(str(row, "MANDANT"), str(row, "PERSNR"), "2"), fields };
    },
  },
  {
    type: "teamMember",
    sql: "SELECT MANDANT, SBNR, NAME, EMAIL, ROLLE FROM SACHBEARBEITER WHERE MANDANT = ?",
    entity: (row) => ({
      id: idOf(str(row, "MANDANT"), str(row, "SBNR")),
      fields: { name: str(row, "NAME"), email: filled(row, "EMAIL"), roles: [row.ROLLE === "HW" ? "caretaker" : "clerk"] },
    }),
  },
  {
    type: "serviceProvider",
    sql: "SELECT MANDANT, KREDNR, NAME, GEWERK, EMAIL, PLZ, ORT FROM KREDITOR WHERE MANDANT = ? AND SPERRE = 'N'",
    entity: (row) => ({
      id: idOf(str(row, "MANDANT"), str(row, "KREDNR")),
      fields: {
        name: str(row, "NAME"),
        kind: "craft",
        emails: emails(row),
        trades: [str(row, "GEWERK")],
        address: { postalCode: str(row, "PLZ"), city: str(row, "ORT") },
      },
    }),
  },
  {
    type: "catalogEntry",
    sql: "SELECT KATALOG, CODE, TEXT_DE, TEXT_EN, OBERCODE, AKTIV FROM KATALOG",
    scoped: false,
    entity: (row) => ({
      id: idOf(str(row, "KATALOG"), str(row, "CODE")),
      fields: {
        catalog: "ticket-category",
        code: str(row, "CODE"),
        label: { de: str(row, "TEXT_DE"), en: str(row, "TEXT_EN") },
        parentCode: filled(row, "OBERCODE"),
        active: row.AKTIV === "J",
      },
    }),
  },
  {
    type: "utilisationPeriod",
    sql: `SELECT MANDANT, OBJNR, HAUSNR, WOHNNR, FOLGE, PERSNR, MITPERSNR, BEGINN, ENDE FROM MIETVERTRAG
          WHERE MANDANT = ? AND LEERSTAND = 'N' AND STORNO = 'N'`,
    entity: (row, has) => {
      const [startDate, endDate] = [day(row, "BEGINN"), day(row, "ENDE")];
      const participants = [{ personId: personId(row), role: "main" }];
      if (str(row, "MITPERSNR") !== "") participants.push({ personId: personId(row, "MITPERSNR"), role: "co-tenant" });
      const held = !has("unit", unitId(row)) || participants.some((participant) => !has("person", participant.personId));
      if (held || startDate === undefined || endDate === undefined) return undefined;
      return { id: periodId(row), fields: { unitId: unitId(row), kind: "tenant", startDate, endDate, participants } };
    },
  },
  {
    type: "ticket",
    sql: `SELECT A.MANDANT, A.AUFTRNR, A.OBJNR, A.HAUSNR, A.WOHNNR, A.MELDER, A.SBNR, A.KREDNR, A.ART, A.KURZTEXT, A.STATUS, A.PRIO, A.KATEGORIE,
            A.KANAL, A.ANLDAT, A.ANLZEIT, A.ERLDAT, A.ERLZEIT, A.TERMIN, T.LFDNR, T.ZEILE
          FROM AUFTRAG A LEFT JOIN AUFTRTEXT T ON T.MANDANT = A.MANDANT AND T.AUFTRNR = A.AUFTRNR AND T.ART = 'B'
          WHERE A.MANDANT = ? ORDER BY A.AUFTRNR, T.LFDNR`,
    entity: ticketOf,
  },
  {
    type: "invoice",
    sql: `SELECT MANDANT, SOLLNR, OBJNR, HAUSNR, WOHNNR, FOLGE, PERSNR, SOLLDAT, FAELLIG, BETRAG, OFFEN FROM SOLLSTELLUNG
          WHERE MANDANT = ? AND STORNO = 'N'`,
    entity: (row, has) => {
      const [issueDate, dueDate] = [day(row, "SOLLDAT"), day(row, "FAELLIG")];
      if (!issueDate || dueDate === undefined) return undefined;
      if (!has("utilisationPeriod", periodId(row)) || !has("person", personId(row))) return undefined;
      const subject = [
        { type: "utilisationPeriod", id: periodId(row) },
        { type: "person", id: personId(row) },
      ];
      const number = str(row, "SOLLNR");
      const fields = { number, subject, issueDate, dueDate, total: money(row, "BETRAG"), openAmount: money(row, "OFFEN") };
      return { id: idOf(str(row, "MANDANT"), number), fields };
    },
  },
  {
    type: "meter",
    sql: "SELECT MANDANT, ZAEHLNR, OBJNR, HAUSNR, WOHNNR, ART, SERIENNR, EINHEIT FROM ZAEHLER WHERE MANDANT = ?",
    entity: (row, has) => {
      const kind = code(meterKinds, row, "ART");
      if (!kind || !has("unit", unitId(row))) return undefined;
      const fields = { unitId: unitId(row), kind, serial: filled(row, "SERIENNR"), unitOfMeasure: str(row, "EINHEIT") };
      return { id: idOf(str(row, "MANDANT"), str(row, "ZAEHLNR")), fields };
    },
  },
  {
    type: "message",
    sql: `SELECT MANDANT, AUFTRNR, LFDNR, ART, VERFASSER, ZEILE, ERFDAT, ERFZEIT FROM AUFTRTEXT WHERE MANDANT = ? AND ART <> 'B'`,
    entity: (row, has) => {
      const ticketId = idOf(str(row, "MANDANT"), str(row, "AUFTRNR"));
      const createdAt = instant(row, "ERFDAT", "ERFZEIT");
      if (!has("ticket", ticketId) || createdAt === undefined) return undefined;
      const visibility = row.ART === "N" ? "tenant" : "internal";
      const fields = { ticketId, author: filled(row, "VERFASSER"), body: str(row, "ZEILE"), visibility, createdAt };
      return { id: `${ticketId}.${str(row, "LFDNR")}`, fields };
    },
  },
  {
    type: "meterReading",
    sql: "SELECT LFDID, MANDANT, ZAEHLNR, ABLDAT, STAND, HERKUNFT FROM ZAEHLERSTAND WHERE MANDANT = ?",
    entity: (row, has) => {
      const meterId = idOf(str(row, "MANDANT"), str(row, "ZAEHLNR"));
      const [readAt, origin] = [day(row, "ABLDAT"), code(origins, row, "HERKUNFT")];
      if (!has("meter", meterId) || !readAt || !origin) return undefined;
      return { id: str(row, "LFDID"), fields: { meterId, readAt, value: decimal(row, "STAND"), origin } };
    },
  },
];

function ticketOf(row: ErpRow, has: (type: string, id: string) => boolean): ExpectedEntity | undefined {
  const [createdAt, closedAt, dueDate] = [
    instant(row, "ANLDAT", "ANLZEIT"),
    instant(row, "ERLDAT", "ERLZEIT"),
    day(row, "TERMIN"),
  ];
  const [status, kind] = [code(statusCodes, row, "STATUS"), code(orderKinds, row, "ART")];
  if (!status || !kind || createdAt === undefined || closedAt === undefined || dueDate === undefined) return undefined;
  const ofUnit = str(row, "WOHNNR") !== "";
  if (!has(ofUnit ? "unit" : "building", ofUnit ? unitId(row) : buildingId(row))) return undefined;
  const [clerk, provider] = [str(row, "SBNR"), str(row, "KREDNR")];
  const fields: OracleFields = {
    number: str(row, "AUFTRNR"),
    kind,
    title: str(row, "KURZTEXT"),
    description: str(row, "ZEILE") === "" ? null : str(row, "ZEILE"),
    category: str(row, "KATEGORIE"),
    status,
    priority: code(priorityCodes, row, "PRIO") ?? "normal",
    ...(ofUnit ? { unitId: unitId(row) } : { buildingId: buildingId(row) }),
    ...(str(row, "MELDER") !== "" && has("person", personId(row, "MELDER")) ? { reporterId: personId(row, "MELDER") } : {}),
    ...(clerk === "" ? {} : { assigneeId: idOf(mandant, clerk) }),
    ...(provider === "" ? {} : { serviceProviderId: idOf(mandant, provider) }),
    channel: code(channels, row, "KANAL") ?? "other",
    createdAt,
    closedAt,
    dueDate,
  };
  if (clerk !== "" && !has("teamMember", idOf(mandant, clerk))) return undefined;
  if (provider !== "" && !has("serviceProvider", idOf(mandant, provider))) return undefined;
  return { id: idOf(str(row, "MANDANT"), str(row, "AUFTRNR")), fields };
}

/** Calls `each` for every entity of one table's rows; a ticket's joined text lines come as one entity. */
async function readTable(session: ErpSession, table: ExpectedType, onRow: (row: ErpRow) => void): Promise<void> {
  const rows = session.each(table.sql, table.scoped === false ? [] : [mandant]);
  if (table.type !== "ticket") {
    for await (const row of rows) onRow(row);
    return;
  }
  let open: ErpRow | undefined;
  for await (const row of rows) {
    if (open && open.AUFTRNR === row.AUFTRNR) {
      open.ZEILE = `${str(open, "ZEILE")}\n${str(row, "ZEILE")}`;
      continue;
    }
    if (open) onRow(open);
    open = { ...row };
  }
  if (open) onRow(open);
}

/**
 * All that the portal must hold, one type at a time, so that no more than one type stands in memory.
 * @param onType called with the expected entities of a type, parents before children
 */
export async function expectEntities(
  session: ErpSession,
  onType: (type: string, entities: Map<string, OracleFields>) => void,
  unjudged = false,
): Promise<void> {
  const reachable = unjudged ? asWritten : await asVouched(session, mandant);
  const present = new Map<string, Set<string>>();
  const has = (type: string, id: string): boolean => present.get(type)?.has(id) ?? false;
  let entities = new Map<string, OracleFields>();
  for (const [index, table] of expectedTypes.entries()) {
    await readTable(session, table, (row) => {
      const entity = table.entity(row, has, reachable);
      if (entity) entities.set(entity.id, entity.fields);
    });
    if (expectedTypes[index + 1]?.type === table.type) continue;
    present.set(table.type, new Set(entities.keys()));
    onType(table.type, entities);
    entities = new Map();
  }
}
