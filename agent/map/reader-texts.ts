/** Why a command is refused, in words for the person who reads the ticket. No text holds more of the command than the name of a field. */
export type RejectionCode =
  | "field-unknown"
  | "field-not-writable"
  | "field-owned-by-erp"
  | "field-missing"
  | "value-invalid"
  | "value-unknown"
  | "value-ambiguous"
  | "lookup-missing"
  | "value-fixed"
  | "value-unfit"
  | "text-too-long"
  | "characters-unfit"
  | "reference-unknown"
  | "entity-unknown"
  | "entity-ended"
  | "base-missing"
  | "nothing-to-write";

/** As protocol/messages.ts has it in `result.error`, with the field it is about. */
export interface Rejection {
  code: RejectionCode;
  de: string;
  en: string;
  field?: string;
}

interface Sentence {
  de: (field: string) => string;
  en: (field: string) => string;
}

const sentences: Readonly<Record<RejectionCode, Sentence>> = {
  "field-unknown": {
    de: (field) => `Die Angabe „${field}“ ist nicht bekannt.`,
    en: (field) => `The field "${field}" is not known.`,
  },
  "field-not-writable": {
    de: (field) => `„${field}“ kann in der Verwaltungssoftware nicht geändert werden.`,
    en: (field) => `"${field}" can't be changed in the management software.`,
  },
  "field-owned-by-erp": {
    de: (field) => `„${field}“ wird in der Verwaltungssoftware gepflegt und kann hier nicht geändert werden.`,
    en: (field) => `"${field}" is kept in the management software and can't be changed here.`,
  },
  "field-missing": {
    de: (field) => `„${field}“ fehlt, wird aber in der Verwaltungssoftware benötigt.`,
    en: (field) => `"${field}" is missing, and the management software needs it.`,
  },
  "value-invalid": {
    de: (field) => `Die Angabe bei „${field}“ ist nicht gültig.`,
    en: (field) => `The value of "${field}" is not valid.`,
  },
  "value-unknown": {
    de: (field) => `Für die Auswahl bei „${field}“ gibt es in der Verwaltungssoftware keine Entsprechung.`,
    en: (field) => `The choice for "${field}" has no counterpart in the management software.`,
  },
  "value-ambiguous": {
    de: (field) => `Für die Auswahl bei „${field}“ gibt es in der Verwaltungssoftware mehrere Entsprechungen.`,
    en: (field) => `The choice for "${field}" has several counterparts in the management software.`,
  },
  "lookup-missing": {
    de: (field) => `Die Auswahlliste zu „${field}“ wurde noch nicht übertragen.`,
    en: (field) => `The list of choices for "${field}" has not been sent yet.`,
  },
  "value-fixed": {
    de: (field) => `„${field}“ hat hier einen festen Wert und kann nicht anders gesetzt werden.`,
    en: (field) => `"${field}" has a fixed value here and can't be set to another one.`,
  },
  "value-unfit": {
    de: (field) => `Die Angabe bei „${field}“ passt nicht in das Feld der Verwaltungssoftware.`,
    en: (field) => `The value of "${field}" does not fit the management software's field.`,
  },
  "text-too-long": {
    de: (field) => `Der Text bei „${field}“ ist zu lang für die Verwaltungssoftware. Bitte kürzen Sie ihn.`,
    en: (field) => `The text of "${field}" is too long for the management software. Please shorten it.`,
  },
  "characters-unfit": {
    de: (field) =>
      `Der Text bei „${field}“ enthält Zeichen, die die Verwaltungssoftware nicht kennt, zum Beispiel Emojis. Bitte entfernen Sie diese.`,
    en: (field) =>
      `The text of "${field}" holds characters that the management software does not know, such as emoji. Please remove them.`,
  },
  "reference-unknown": {
    de: (field) => `„${field}“ verweist auf etwas, das die Verwaltungssoftware nicht kennt.`,
    en: (field) => `"${field}" points at something that the management software does not know.`,
  },
  "entity-unknown": {
    de: () => "Der Vorgang ist in der Verwaltungssoftware nicht bekannt.",
    en: () => "The management software does not know what this is about.",
  },
  "entity-ended": {
    de: () => "Die Nummer gehört in der Verwaltungssoftware inzwischen zu einem neuen Vorgang; der frühere ist abgeschlossen.",
    en: () => "In the management software the number now belongs to a new record; the former one has ended.",
  },
  "base-missing": {
    de: (field) => `„${field}“ kann nicht geändert werden, weil der bisherige Stand nicht mitgeschickt wurde.`,
    en: (field) => `"${field}" can't be changed because its previous value was not sent.`,
  },
  "nothing-to-write": {
    de: () => "Es gibt nichts zu ändern.",
    en: () => "There is nothing to change.",
  },
};

/** What people call the fields; one without a name here goes by its own. */
const labels: Readonly<Record<string, { de: string; en: string }>> = {
  title: { de: "Betreff", en: "Title" },
  description: { de: "Beschreibung", en: "Description" },
  kind: { de: "Art", en: "Kind" },
  category: { de: "Kategorie", en: "Category" },
  status: { de: "Status", en: "Status" },
  priority: { de: "Dringlichkeit", en: "Priority" },
  severity: { de: "Schwere", en: "Severity" },
  dueDate: { de: "Termin", en: "Due date" },
  appointment: { de: "Termin", en: "Appointment" },
  unitId: { de: "Wohnung", en: "Flat" },
  buildingId: { de: "Gebäude", en: "Building" },
  propertyId: { de: "Liegenschaft", en: "Property" },
  reporterId: { de: "Melder", en: "Reporter" },
  assigneeId: { de: "Sachbearbeiter", en: "Assignee" },
  serviceProviderId: { de: "Dienstleister", en: "Service provider" },
  ticketId: { de: "Vorgang", en: "Ticket" },
  meterId: { de: "Zähler", en: "Meter" },
  body: { de: "Nachricht", en: "Message" },
  author: { de: "Verfasser", en: "Author" },
  value: { de: "Zählerstand", en: "Reading" },
  lastName: { de: "Nachname", en: "Last name" },
  firstName: { de: "Vorname", en: "First name" },
  emails: { de: "E-Mail", en: "E-mail" },
  phones: { de: "Telefon", en: "Phone" },
  address: { de: "Anschrift", en: "Address" },
  amount: { de: "Betrag", en: "Amount" },
};

export function rejection(code: RejectionCode, field?: string): Rejection {
  const label = labels[field ?? ""] ?? { de: field ?? "", en: field ?? "" };
  const text = { code, de: sentences[code].de(label.de), en: sentences[code].en(label.en) };
  return field === undefined ? text : { ...text, field };
}

/** A value that can't be written, found while a plan's values are worked out. */
export class Unwritable extends Error {
  readonly code: RejectionCode;
  readonly field: string | undefined;

  constructor(code: RejectionCode, field?: string, options?: ErrorOptions) {
    super(rejection(code, field).en, options);
    this.code = code;
    this.field = field;
  }
}
