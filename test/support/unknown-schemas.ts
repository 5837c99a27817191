/** ERPs of other houses than the sample's: their tables as a vendor might have made them, with a few rows. `init` has seen none of them. */
import type { ErpDialect } from "./erp/db.ts";

export interface UnknownSchema {
  /** For test titles. */
  name: string;
  statements(dialect: ErpDialect): string[];
  /** Entities that a person would read out of it, by type. */
  expected: Readonly<Record<string, number>>;
  /** What a person would map, by source: some fields and their columns. */
  reads: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Texts of its rows that say who somebody is. */
  personal: readonly string[];
}

const folded = (dialect: ErpDialect, statements: readonly string[]): string[] =>
  dialect === "postgres" ? statements.map((one) => one.replaceAll("DATETIME", "TIMESTAMP")) : [...statements];

const uuid = (kind: number, count: number): string => `${kind}c5e0a00-77b1-4f2e-9d3a-${String(count).padStart(12, "0")}`;
const many = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const iso = (month: number, day: number, year = 2026): string =>
  `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;

/** English, plural and snake_case, UUIDs, declared foreign keys, words for codes. */
export const english: UnknownSchema = {
  name: "English plurals with UUIDs",
  statements(dialect) {
    const id = dialect === "postgres" ? "UUID" : "CHAR(36)";
    const stamps = "created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL";
    const now = (index: number): string =>
      `'${iso(3, (index % 27) + 1)} 08:15:30', '${iso(9, (index % 27) + 1)} 10:${String(10 + index)}:00'`;
    const states = ["new", "in_progress", "on_hold", "resolved", "cancelled"];
    return folded(dialect, [
      `CREATE TABLE estates (id ${id} PRIMARY KEY, name VARCHAR(80) NOT NULL, street VARCHAR(80), house_number VARCHAR(10), postcode VARCHAR(10), city VARCHAR(60), ${stamps})`,
      `CREATE TABLE buildings (id ${id} PRIMARY KEY, estate_id ${id} NOT NULL REFERENCES estates (id), label VARCHAR(80) NOT NULL, ${stamps})`,
      `CREATE TABLE apartments (id ${id} PRIMARY KEY, building_id ${id} NOT NULL REFERENCES buildings (id), unit_number VARCHAR(10) NOT NULL, floor INTEGER, area_sqm DECIMAL(8,2), room_count DECIMAL(3,1), unit_type VARCHAR(20), ${stamps})`,
      `CREATE TABLE tenants (id ${id} PRIMARY KEY, first_name VARCHAR(60), last_name VARCHAR(60), company_name VARCHAR(80), email VARCHAR(120), phone_number VARCHAR(40), mobile VARCHAR(40), date_of_birth DATE, ${stamps})`,
      `CREATE TABLE leases (id ${id} PRIMARY KEY, apartment_id ${id} NOT NULL, tenant_id ${id} NOT NULL, co_tenant_id ${id}, start_date DATE NOT NULL, end_date DATE, monthly_rent DECIMAL(10,2), deleted_at DATETIME, ${stamps})`,
      `CREATE TABLE maintenance_requests (id ${id} PRIMARY KEY, request_number VARCHAR(20) NOT NULL, apartment_id ${id}, reported_by ${id} REFERENCES tenants (id), subject VARCHAR(200) NOT NULL, description TEXT, status VARCHAR(20) NOT NULL, priority VARCHAR(10), category VARCHAR(30), reported_at DATETIME NOT NULL, resolved_at DATETIME, due_date DATE, ${stamps})`,
      `CREATE TABLE request_comments (id ${id} PRIMARY KEY, maintenance_request_id ${id} NOT NULL REFERENCES maintenance_requests (id), author_name VARCHAR(60), body TEXT NOT NULL, created_at DATETIME NOT NULL)`,
      `CREATE TABLE rent_invoices (id ${id} PRIMARY KEY, invoice_number VARCHAR(20) NOT NULL, lease_id ${id} NOT NULL, issued_on DATE NOT NULL, due_on DATE, total_amount DECIMAL(12,2) NOT NULL, balance DECIMAL(12,2), currency CHAR(3), is_void INTEGER, ${stamps})`,
      "CREATE TABLE request_types (code VARCHAR(10) PRIMARY KEY, name VARCHAR(40))",
      "CREATE TABLE schema_migrations (version VARCHAR(20) PRIMARY KEY)",
      "CREATE TABLE audit_log (id INTEGER PRIMARY KEY, table_name VARCHAR(40), message VARCHAR(200))",
      ...many(2).map(
        (n) =>
          `INSERT INTO estates VALUES ('${uuid(1, n)}', 'Riverside ${n}', 'Quay Street', '${n}', 'M1 1AA', 'Manchester', ${now(n)})`,
      ),
      ...many(3).map((n) => `INSERT INTO buildings VALUES ('${uuid(2, n)}', '${uuid(1, (n % 2) + 1)}', 'Block ${n}', ${now(n)})`),
      ...many(12).map(
        (n) =>
          `INSERT INTO apartments VALUES ('${uuid(3, n)}', '${uuid(2, (n % 3) + 1)}', '${n}a', ${n % 4}, ${50 + n}.25, 2.5, '${["flat", "apartment", "parking", "penthouse"][n % 4]}', ${now(n)})`,
      ),
      ...many(15).map(
        (n) =>
          `INSERT INTO tenants VALUES ('${uuid(4, n)}', 'Philippa${n}', 'Ashcombe${n}', NULL, 'philippa${n}@ashcombe.example', '0161 555 01${10 + n}', NULL, '19${60 + n}-05-0${(n % 9) + 1}', ${now(n)})`,
      ),
      ...many(14).map(
        (n) =>
          `INSERT INTO leases VALUES ('${uuid(5, n)}', '${uuid(3, (n % 12) + 1)}', '${uuid(4, n)}', ${n % 5 === 0 ? `'${uuid(4, 15)}'` : "NULL"}, '${iso(1, n)}', ${n < 4 ? `'${iso(6, n)}'` : "NULL"}, 900.00, ${n === 14 ? "'2026-02-01 00:00:00'" : "NULL"}, ${now(n)})`,
      ),
      ...many(20).map((n) => {
        const status = states[n % 5] as string;
        const resolved = status === "resolved" ? `'${iso(8, n)} 16:00:00'` : "NULL";
        return `INSERT INTO maintenance_requests VALUES ('${uuid(6, n)}', 'MR-${1000 + n}', '${uuid(3, (n % 12) + 1)}', '${uuid(4, (n % 15) + 1)}', 'Leaking tap ${n}', 'It drips', '${status}', '${["low", "medium", "urgent"][n % 3]}', 'plumbing', '${iso(7, n)} 09:30:00', ${resolved}, NULL, ${now(n)})`;
      }),
      ...many(6).map(
        (n) =>
          `INSERT INTO request_comments VALUES ('${uuid(7, n)}', '${uuid(6, n)}', 'Marmaduke Quill', 'Part ordered', '${iso(7, n)} 11:00:00')`,
      ),
      ...many(30).map(
        (n) =>
          `INSERT INTO rent_invoices VALUES ('${uuid(8, n)}', 'INV-${2000 + n}', '${uuid(5, (n % 13) + 1)}', '${iso(5, (n % 27) + 1)}', '${iso(6, (n % 27) + 1)}', 900.00, 0.00, 'GBP', 0, ${now(n)})`,
      ),
      "INSERT INTO request_types VALUES ('PLUMB', 'Plumbing')",
    ]);
  },
  expected: { property: 2, building: 3, unit: 12, person: 15, utilisationPeriod: 13, ticket: 20, message: 6, invoice: 30 },
  reads: {
    units: { name: "unit_number", buildingId: "building_id", areaSquareMetres: "area_sqm", objectType: "unit_type" },
    persons: { lastName: "last_name", firstName: "first_name", emails: "email", birthDate: "date_of_birth" },
    periods: { unitId: "apartment_id", startDate: "start_date", endDate: "end_date", participants: "tenant_id" },
    tickets: {
      title: "subject",
      status: "status",
      unitId: "apartment_id",
      reporterId: "reported_by",
      createdAt: "reported_at",
      closedAt: "resolved_at",
      priority: "priority",
      number: "request_number",
    },
    invoices: {
      total: "total_amount",
      issueDate: "issued_on",
      dueDate: "due_on",
      openAmount: "balance",
      number: "invoice_number",
      subject: "lease_id",
    },
  },
  personal: ["Ashcombe", "Philippa", "Marmaduke", "0161 555"],
};

/** German capitals, composite keys in padded CHAR columns, no foreign keys, text dates with a last day, months after that no stamps. */
export const german: UnknownSchema = {
  name: "German capitals with composite padded keys",
  statements(dialect) {
    const key = "FIRMA CHAR(4) NOT NULL, WENR CHAR(8) NOT NULL";
    const we = (n: number): string => `'1000', 'WE${String(n).padStart(4, "0")}'`;
    const gp = (n: number): string => `GP${String(n).padStart(6, "0")}`;
    const day = (n: number, month: number): string =>
      `${String((n % 27) + 1).padStart(2, "0")}.${String(month).padStart(2, "0")}.2024`;
    return folded(dialect, [
      `CREATE TABLE WIRTSCHAFTSEINHEIT (${key}, BEZEICHNUNG CHAR(40) NOT NULL, STRASSE CHAR(40), PLZ CHAR(5), ORT CHAR(30), PRIMARY KEY (FIRMA, WENR))`,
      `CREATE TABLE GEBAEUDE (${key}, GEBNR CHAR(4) NOT NULL, BEZEICHNUNG CHAR(40), BAUJAHR INTEGER, PRIMARY KEY (FIRMA, WENR, GEBNR))`,
      `CREATE TABLE MIETOBJEKT (${key}, MONR CHAR(6) NOT NULL, GEBNR CHAR(4), LAGE CHAR(30), NUTZART CHAR(4), ETAGE CHAR(4), WFL DECIMAL(9,2), ZIMMER DECIMAL(4,1), PRIMARY KEY (FIRMA, WENR, MONR))`,
      "CREATE TABLE GESCHAEFTSPARTNER (FIRMA CHAR(4) NOT NULL, GPNR CHAR(10) NOT NULL, ANREDE CHAR(10), NACHNAME CHAR(40), VORNAME CHAR(40), E_MAIL CHAR(80), TELEFON CHAR(30), GEBDAT CHAR(10), PRIMARY KEY (FIRMA, GPNR))",
      `CREATE TABLE MIETVERHAELTNIS (${key}, MONR CHAR(6) NOT NULL, LFDNR INTEGER NOT NULL, GPNR CHAR(10), VON CHAR(10), BIS CHAR(10), STORNO CHAR(1), PRIMARY KEY (FIRMA, WENR, MONR, LFDNR))`,
      "CREATE TABLE SCHADENSMELDUNG (FIRMA CHAR(4) NOT NULL, MELDUNGSNR CHAR(10) NOT NULL, WENR CHAR(8), MONR CHAR(6), GPNR CHAR(10), BETREFF CHAR(60), BESCHREIBUNG VARCHAR(500), STATUS CHAR(10), MELDEDATUM CHAR(10), ERLEDIGTAM CHAR(10), PRIMARY KEY (FIRMA, MELDUNGSNR))",
      "CREATE TABLE RECHNUNG (FIRMA CHAR(4) NOT NULL, RENR CHAR(10) NOT NULL, WENR CHAR(8), MONR CHAR(6), LFDNR INTEGER, GPNR CHAR(10), RECHNUNGSDATUM DATE, FAELLIG DATE, BRUTTO DECIMAL(12,2), WAEHRUNG CHAR(3), PRIMARY KEY (FIRMA, RENR))",
      "CREATE TABLE RECHNUNGSPOSITION (FIRMA CHAR(4) NOT NULL, RENR CHAR(10) NOT NULL, POSNR INTEGER NOT NULL, TEXT CHAR(60), BETRAG DECIMAL(12,2), PRIMARY KEY (FIRMA, RENR, POSNR))",
      "CREATE TABLE SCHADENSART (CODE CHAR(4) NOT NULL PRIMARY KEY, TEXT CHAR(40))",
      ...many(3).map(
        (n) => `INSERT INTO WIRTSCHAFTSEINHEIT VALUES (${we(n)}, 'Siedlung ${n}', 'Lindenweg ${n}', '12345', 'Musterstadt')`,
      ),
      ...many(5).map(
        (n) => `INSERT INTO GEBAEUDE VALUES (${we((n % 3) + 1)}, '${String(n).padStart(2, "0")}', 'Haus ${n}', 1960)`,
      ),
      ...many(10).map(
        (n) =>
          `INSERT INTO MIETOBJEKT VALUES (${we((n % 3) + 1)}, '${String(n).padStart(4, "0")}', NULL, 'EG links', '${["WOHN", "GEW", "STP", "WOHN"][n % 4]}', '${n % 4}', ${60 + n}.50, 3.0)`,
      ),
      ...many(11).map(
        (n) =>
          `INSERT INTO GESCHAEFTSPARTNER VALUES ('1000', '${gp(n)}', 'Frau', 'Zschoppe${n}', 'Kunigunde${n}', 'kunigunde${n}@zschoppe.example', '0345 55${10 + n}', '0${(n % 9) + 1}.04.19${70 + n}')`,
      ),
      ...many(12).map((n) => {
        const object = n > 10 ? n - 10 : n;
        return `INSERT INTO MIETVERHAELTNIS VALUES (${we((object % 3) + 1)}, '${String(object).padStart(4, "0")}', ${n > 10 ? 2 : 1}, '${gp((n % 11) + 1)}', '${day(n, 3)}', '${n > 10 ? "31.12.2099" : day(n, 9)}', '${n === 12 ? "J" : "N"}')`;
      }),
      ...many(9).map((n) => {
        const status = ["OFFEN", "INARBEIT", "ERLEDIGT"][n % 3];
        return `INSERT INTO SCHADENSMELDUNG VALUES ('1000', 'SM${n}', ${we((n % 3) + 1).split(", ")[1]}, '${String(n).padStart(4, "0")}', '${gp(n)}', 'Heizung ${n} kalt', 'seit gestern', '${status}', '${day(n, 5)}', '${status === "ERLEDIGT" ? day(n, 6) : ""}')`;
      }),
      ...many(8).map(
        (n) =>
          `INSERT INTO RECHNUNG VALUES ('1000', 'R${100 + n}', ${we((n % 3) + 1).split(", ")[1]}, '${String(n).padStart(4, "0")}', 1, '${gp(n)}', '${iso(4, n)}', '${iso(5, n)}', ${700 + n}.10, 'EUR')`,
      ),
      "INSERT INTO SCHADENSART VALUES ('HEIZ', 'Heizung')",
    ]);
  },
  expected: { property: 3, building: 5, unit: 10, person: 11, utilisationPeriod: 11, ticket: 9, invoice: 8 },
  reads: {
    units: { name: "LAGE", propertyId: "WENR", areaSquareMetres: "WFL", objectType: "NUTZART" },
    persons: { lastName: "NACHNAME", firstName: "VORNAME", emails: "E_MAIL", birthDate: "GEBDAT" },
    periods: { unitId: "MONR", startDate: "VON", endDate: "BIS", participants: "GPNR" },
    tickets: {
      title: "BETREFF",
      status: "STATUS",
      unitId: "MONR",
      reporterId: "GPNR",
      createdAt: "MELDEDATUM",
      closedAt: "ERLEDIGTAM",
    },
    invoices: { total: "BRUTTO", issueDate: "RECHNUNGSDATUM", dueDate: "FAELLIG", subject: "LFDNR" },
  },
  personal: ["Zschoppe", "Kunigunde", "0345 55"],
};

/** One prefix before all tables, another one before the columns of each, numbers as keys, day numbers, and last-change columns that some rows lack. */
export const prefixed: UnknownSchema = {
  name: "prefixed tables and columns with numbers as keys",
  statements(dialect) {
    return folded(dialect, [
      "CREATE TABLE hv_objekte (obj_id INTEGER PRIMARY KEY, obj_bez VARCHAR(60), obj_strasse VARCHAR(60), obj_hnr VARCHAR(8), obj_plz VARCHAR(5), obj_ort VARCHAR(40))",
      "CREATE TABLE hv_haeuser (hs_id INTEGER PRIMARY KEY, hs_obj_id INTEGER NOT NULL, hs_bez VARCHAR(60), hs_baujahr INTEGER)",
      "CREATE TABLE hv_wohnungen (whg_id INTEGER PRIMARY KEY, whg_hs_id INTEGER NOT NULL, whg_nr VARCHAR(8), whg_flaeche DECIMAL(8,2), whg_zimmer DECIMAL(4,1), whg_art INTEGER)",
      "CREATE TABLE hv_mieter (mie_id INTEGER PRIMARY KEY, mie_nachname VARCHAR(60), mie_vorname VARCHAR(60), mie_email VARCHAR(80), mie_gebdat INTEGER, mie_geaendert DATETIME)",
      "CREATE TABLE hv_mietvertraege (mv_id INTEGER PRIMARY KEY, mv_whg_id INTEGER NOT NULL, mv_mie_id INTEGER NOT NULL, mv_beginn INTEGER, mv_ende INTEGER, mv_geloescht INTEGER)",
      "CREATE TABLE hv_tickets (tic_id INTEGER PRIMARY KEY, tic_nummer VARCHAR(20), tic_whg_id INTEGER, tic_mie_id INTEGER, tic_titel VARCHAR(80), tic_text VARCHAR(400), tic_status INTEGER, tic_angelegt_am DATETIME, tic_erledigt_am DATETIME)",
      "CREATE TABLE hv_ticket_status (ts_id INTEGER PRIMARY KEY, ts_bez VARCHAR(20))",
      "CREATE TABLE hv_rechnungen (re_id INTEGER PRIMARY KEY, re_nr VARCHAR(20), re_mv_id INTEGER, re_datum INTEGER, re_faellig INTEGER, re_betrag DECIMAL(12,2))",
      ...many(2).map((n) => `INSERT INTO hv_objekte VALUES (${n}, 'Anlage ${n}', 'Am Anger', '${n}', '54321', 'Beispielhausen')`),
      ...many(4).map((n) => `INSERT INTO hv_haeuser VALUES (${n}, ${(n % 2) + 1}, 'Haus ${n}', 1980)`),
      ...many(9).map((n) => `INSERT INTO hv_wohnungen VALUES (${n}, ${(n % 4) + 1}, 'W${n}', ${40 + n}.00, 2.0, ${n % 2})`),
      ...many(10).map(
        (n) =>
          `INSERT INTO hv_mieter VALUES (${n}, 'Obermoser${n}', 'Xaver${n}', 'xaver${n}@obermoser.example', ${n === 3 ? 0 : 19700100 + n}, ${n > 5 ? `'${iso(2, n)} 10:00:00'` : "NULL"})`,
      ),
      ...many(9).map(
        (n) =>
          `INSERT INTO hv_mietvertraege VALUES (${n}, ${n}, ${n}, ${20200100 + n}, ${n < 5 ? 20241231 : 0}, ${n === 9 ? 1 : 0})`,
      ),
      ...many(8).map(
        (n) =>
          `INSERT INTO hv_tickets VALUES (${n}, 'T-${n}', ${n}, ${n}, 'Licht ${n} defekt', 'flackert', ${[10, 20, 90][n % 3]}, '${iso(3, n)} 07:00:00', ${n % 3 === 2 ? `'${iso(4, n)} 07:00:00'` : "NULL"})`,
      ),
      ...many(3).map((n) => `INSERT INTO hv_ticket_status VALUES (${n}, 'Status ${n}')`),
      ...many(7).map((n) => `INSERT INTO hv_rechnungen VALUES (${n}, 'RE-${n}', ${n}, ${20260100 + n}, ${20260200 + n}, 512.34)`),
    ]);
  },
  expected: { property: 2, building: 4, unit: 9, person: 10, utilisationPeriod: 8, ticket: 8, invoice: 7 },
  reads: {
    units: { name: "whg_nr", buildingId: "whg_hs_id", areaSquareMetres: "whg_flaeche" },
    persons: { lastName: "mie_nachname", emails: "mie_email", birthDate: "mie_gebdat" },
    periods: { unitId: "mv_whg_id", startDate: "mv_beginn", endDate: "mv_ende", participants: "mv_mie_id" },
    tickets: {
      title: "tic_titel",
      status: "tic_status",
      unitId: "tic_whg_id",
      reporterId: "tic_mie_id",
      createdAt: "tic_angelegt_am",
    },
    invoices: { total: "re_betrag", issueDate: "re_datum", dueDate: "re_faellig", subject: "re_mv_id" },
  },
  personal: ["Obermoser", "Xaver"],
};
