/** Drafts of invoices, meters and their readings. */
import type { Column } from "../../../connectors/connector.ts";
import type { TypeName } from "../../../protocol/model.ts";
import { type Bench, cleaned, referenceField } from "./bench.ts";
import { codeWords } from "./code-words.ts";
import { type DraftedField, quoted, quotedList } from "./drafted.ts";
import type { Built } from "./estate.ts";
import { number } from "./tickets.ts";

const isAmount = ({ type }: Column): boolean => type === "decimal" || type === "float" || type === "integer";

export function invoice(bench: Bench): Built | undefined {
  const total = bench.columns.one("total", isAmount);
  const [issued] = bench.day("issueDate", bench.columns.one("issued") ?? bench.columns.one("createdAt"));
  const subject = subjects(bench);
  if (total === undefined || issued === undefined || issued.off !== undefined || subject.length === 0) return undefined;
  const money = moneyOf(bench);
  const open = bench.columns.one("open", isAmount);
  const amount = (column: Column): string => `{ from: ${quoted(column.name)}, currency: ${money.currency} }`;
  return {
    lead: money.lead,
    fields: [
      ...number(bench),
      { name: "subject", yaml: `[${subject.join(", ")}]` },
      issued,
      ...bench.day("dueDate", bench.columns.one("due")),
      { name: "total", yaml: amount(total) },
      ...(open ? [{ name: "openAmount", yaml: amount(open) }] : []),
    ],
  };
}

/** What the invoice is about: the contract, else the unit; and who pays. */
function subjects(bench: Bench): string[] {
  const item = (type: TypeName): string[] => {
    const [one] = bench.references(type);
    return one ? [`{ type: { value: ${type} }, id: { ref: ${one.parent.source}, key: ${quotedList(one.found.columns)} } }`] : [];
  };
  const period = item("utilisationPeriod");
  return [...(period.length > 0 ? period : item("unit")), ...item("person")];
}

/** The currency that all rows are in; EUR where no column says it. */
function moneyOf(bench: Bench): { currency: string; lead: string[] } {
  const column = bench.text("currency");
  const codes = column === undefined ? [] : (bench.codes(column)?.codes ?? []).filter(({ code }) => /^[A-Z]{3}$/.test(code));
  const [first, ...others] = codes;
  if (first === undefined) return { currency: "EUR", lead: ["No column was recognised as the currency: EUR is assumed."] };
  const several = `${column?.name} holds several currencies (${codes.map(({ code, rows }) => `${code} ${rows}`).join(", ")}): all amounts are sent as ${first.code} until \`where\` or a query parts them.`;
  return { currency: first.code, lead: others.length === 0 ? [] : [several] };
}

export function meter(bench: Bench): Built | undefined {
  const place = [...bench.references("unit"), ...bench.references("building")][0];
  const kind = bench.columns.one("meterKind", ({ type }) => type === "text" || type === "integer");
  const measure = bench.text("unitOfMeasure");
  if (place === undefined || kind === undefined) return undefined;
  const serial = bench.text("serial");
  const mapped = bench.mapped("kind", kind, { map: "meterKind", meanings: codeWords.meterKind, otherwise: "other" });
  return {
    fields: [
      referenceField(place.parent.type === "unit" ? "unitId" : "buildingId", place, { evidence: bench.evidence, optional: true }),
      mapped ?? { name: "kind", yaml: quoted(kind.name), note: "as the ERP names it" },
      ...(serial ? [{ name: "serial", yaml: cleaned(serial.name, "trim", "empty-to-null") }] : []),
      measure
        ? { name: "unitOfMeasure", yaml: quoted(measure.name) }
        : { name: "unitOfMeasure", yaml: "{ value: unknown }", note: "no column was recognised" },
    ],
  };
}

export function meterReading(bench: Bench): Built | undefined {
  const [parent] = bench.references("meter");
  const value = bench.columns.one("reading", isAmount);
  const [readAt] = bench.day("readAt", bench.columns.one("readAt"));
  if (parent === undefined || value === undefined || readAt === undefined || readAt.off !== undefined) return undefined;
  const fields: DraftedField[] = [
    referenceField("meterId", parent, { evidence: bench.evidence, optional: false }),
    readAt,
    { name: "value", yaml: quoted(value.name) },
  ];
  return { fields };
}
