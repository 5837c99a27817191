/**
 * The portal's model: one schema per type. The TypeScript type, the validation on both ends and the published JSON Schema all come from here.
 * Unknown fields are refused, an optional field may be absent, `null` means "known to be empty".
 */
import * as z from "zod";

/** Text of at most `max` characters (code points, as JSON Schema counts them); the shortest allowed is one. */
const text = (max: number) => z.string().min(1).max(max);
const name = text(200);
const longText = z.string().max(20_000);

/** Reversible id made from the ERP key: parts percent-escaped, joined by `.`, with the source's prefix where several feed one type. */
export const entityId = z
  .string()
  .min(1)
  .max(300)
  .regex(/^[A-Za-z0-9_.%:-]+$/);
/** Calendar date `YYYY-MM-DD`; as an end it is inclusive. */
export const date = z.iso.date();
/** Instant in UTC, `Z` at the end. */
export const instant = z.iso.datetime({ offset: false });
/** Exact decimal as text: no exponent, no leading plus. */
export const decimal = z.string().regex(/^-?\d{1,24}(\.\d{1,12})?$/);
export const money = z.strictObject({ amount: decimal, currency: z.string().regex(/^[A-Z]{3}$/) });
const code = z.string().min(1).max(100);

/** A field that holds the id of an entity of one of `types`. */
export const ref = (...types: string[]) => entityId.meta({ references: types });
export const list = <T extends z.ZodType>(item: T, max = 200) => z.array(item).max(max);
export const empty = <T extends z.ZodType>(schema: T) => schema.nullable().optional();

const address = z.strictObject({
  street: empty(name),
  houseNumber: empty(text(20)),
  postalCode: empty(text(20)),
  city: empty(name),
  country: empty(z.string().regex(/^[A-Z]{2}$/)),
  latitude: empty(z.number().min(-90).max(90)),
  longitude: empty(z.number().min(-180).max(180)),
});
const email = z.strictObject({ address: z.email().max(254), kind: z.enum(["private", "work", "other"]).optional() });
const phone = z.strictObject({ number: text(40), kind: z.enum(["private", "work", "mobile", "other"]).optional() });
const contact = { emails: empty(list(email, 20)), phones: empty(list(phone, 20)), address: empty(address) };
const subject = list(z.strictObject({ type: code, id: entityId }), 50);
const cost = z.strictObject({ kind: z.enum(["labour", "parts", "vendor"]), amount: money });

/** Fields that every type may carry beside its own. */
const common = { number: empty(text(60)), updatedAt: empty(instant) };
export const entity = <S extends z.ZodRawShape>(shape: S) => z.strictObject({ ...common, ...shape });

/** A type of the model, or one that a customer has declared (own-types.ts). */
export interface ModelType {
  /** The order of sending: parents before children, deletes the other way round. */
  rank: number;
  title: string;
  schema: z.ZodObject;
}

const type = <S extends z.ZodObject>(rank: number, title: string, schema: S) => ({ rank, title, schema: schema.meta({ title }) });

export const model = {
  property: type(
    0,
    "Estate or economic unit (Wirtschaftseinheit, Liegenschaft, Objekt)",
    entity({
      name,
      address: empty(address),
      ownerIds: empty(list(ref("person"))),
      managementType: empty(code),
      timezone: empty(text(60)),
    }),
  ),
  building: type(
    1,
    "Building or entrance (Gebäude, Haus, Hauseingang)",
    entity({ propertyId: ref("property"), name, address: empty(address), parentBuildingId: empty(ref("building")) }),
  ),
  unit: type(
    2,
    "Rentable unit (Nutzungseinheit, Wohnung, Stellplatz)",
    entity({
      buildingId: empty(ref("building")),
      propertyId: empty(ref("property")),
      name,
      objectType: code,
      usage: empty(z.enum(["rented", "owned"])),
      floor: empty(text(40)),
      position: empty(text(40)),
      areaSquareMetres: empty(decimal),
      rooms: empty(decimal),
    }),
  ),
  person: type(
    3,
    "Tenant, owner, applicant or company (Person, Mieter, Eigentümer)",
    entity({
      kind: z.enum(["natural", "legal"]),
      lastName: empty(name),
      companyName: empty(name),
      firstName: empty(name),
      salutation: empty(text(60)),
      ...contact,
      locale: empty(text(20)),
      birthDate: empty(date),
      account: empty(
        z.strictObject({
          state: z.enum(["none", "invited", "registered", "locked"]),
          invitedAt: empty(instant),
          registeredAt: empty(instant),
          activationCode: empty(text(100)),
        }),
      ),
    }),
  ),
  teamMember: type(
    3,
    "The landlord's own staff (Sachbearbeiter, Hauswart)",
    entity({
      name,
      email: empty(z.email().max(254)),
      roles: list(code, 50),
      responsibilities: empty(
        list(
          z.strictObject({
            role: code,
            propertyIds: list(ref("property"), 5_000).optional(),
            buildingIds: list(ref("building"), 5_000).optional(),
          }),
        ),
      ),
    }),
  ),
  serviceProvider: type(
    3,
    "Vendor or craftsperson (Kreditor, Handwerker)",
    entity({ name, kind: empty(code), ...contact, trades: empty(list(code)) }),
  ),
  catalogEntry: type(
    3,
    "Code list that the ERP owns and the portal shows",
    entity({
      catalog: code,
      code,
      label: z.record(z.string().regex(/^[a-z]{2}(-[A-Z]{2})?$/), text(300)),
      parentCode: empty(code),
      active: z.boolean(),
    }),
  ),
  utilisationPeriod: type(
    4,
    "Who uses a unit from when to when (Mietverhältnis, Eigentumsverhältnis, Leerstand)",
    entity({
      unitId: ref("unit"),
      kind: z.enum(["tenant", "ownership", "vacant"]),
      startDate: date.nullable(),
      endDate: date.nullable(),
      participants: list(
        z.strictObject({ personId: ref("person"), role: z.enum(["main", "co-tenant", "owner", "occupant", "guarantor"]) }),
      ),
    }),
  ),
  ticket: type(
    5,
    "Damage report or request (Schadensmeldung, Vorgang, Auftrag)",
    entity({
      kind: z.enum(["damage", "request", "defect", "snag", "alarm"]),
      title: text(250),
      description: empty(longText),
      category: empty(code),
      severity: empty(code),
      assetId: empty(ref("asset")),
      location: empty(z.strictObject({ room: empty(text(100)), floor: empty(text(40)) })),
      status: z.enum([
        "open",
        "in-progress",
        "waiting-for-customer",
        "waiting-for-agent",
        "waiting-for-external",
        "closed",
        "rejected",
      ]),
      priority: empty(code),
      unitId: empty(ref("unit")),
      buildingId: empty(ref("building")),
      propertyId: empty(ref("property")),
      reporterId: empty(ref("person")),
      assigneeId: empty(ref("teamMember")),
      serviceProviderId: empty(ref("serviceProvider")),
      channel: empty(code),
      createdAt: empty(instant),
      closedAt: empty(instant),
      dueDate: empty(date),
      appointment: empty(z.strictObject({ from: instant, until: instant })),
    }),
  ),
  document: type(
    5,
    "File of the flat's record (Wohnungsakte)",
    entity({
      subject,
      category: code,
      name,
      mediaType: text(127),
      sizeBytes: empty(z.int().min(0)).describe("Where the ERP itself knows it; else it is told with the bytes."),
      sha256: empty(z.string().regex(/^[0-9a-f]{64}$/)).describe("Likewise."),
      documentDate: empty(date),
      visibleFrom: empty(date),
    }),
  ),
  invoice: type(
    5,
    "Claim or credit (Rechnung, Sollstellung, Betriebskostenabrechnung)",
    entity({
      subject,
      issueDate: date,
      dueDate: empty(date),
      total: money,
      openAmount: empty(money),
      lines: empty(list(z.strictObject({ text: text(500), amount: money }), 1_000)),
      documentId: empty(ref("document")),
    }),
  ),
  meter: type(
    5,
    "Metering point",
    entity({
      unitId: empty(ref("unit")),
      buildingId: empty(ref("building")),
      assetId: empty(ref("asset")),
      kind: code,
      serial: empty(text(60)),
      unitOfMeasure: text(20),
    }),
  ),
  asset: type(
    5,
    "Equipment under maintenance",
    entity({
      propertyId: empty(ref("property")),
      buildingId: empty(ref("building")),
      unitId: empty(ref("unit")),
      kind: code,
      name,
      installedOn: empty(date),
    }),
  ),
  message: type(
    6,
    "Entry in a ticket's history",
    entity({
      ticketId: ref("ticket"),
      author: empty(name),
      body: longText,
      visibility: z.enum(["internal", "tenant"]),
      createdAt: empty(instant),
    }),
  ),
  payment: type(
    6,
    "Payment received or made",
    entity({
      direction: z.enum(["received", "made"]),
      payeeId: empty(ref("person", "serviceProvider")),
      invoiceId: empty(ref("invoice")),
      utilisationPeriodId: empty(ref("utilisationPeriod")),
      date,
      amount: money,
      reference: empty(text(200)),
    }),
  ),
  meterReading: type(
    6,
    "Reading of a meter",
    entity({
      meterId: ref("meter"),
      readAt: z.union([instant, date]),
      value: decimal,
      origin: empty(z.enum(["remote", "tenant", "agent"])),
    }),
  ),
  device: type(
    6,
    "Sensor or controller",
    entity({ name, kind: code, unitId: empty(ref("unit")), buildingId: empty(ref("building")), assetId: empty(ref("asset")) }),
  ),
  warranty: type(
    6,
    "Cover of an asset",
    entity({
      assetId: ref("asset"),
      provider: name,
      policyNumber: empty(text(100)),
      startsOn: empty(date),
      expiresOn: date,
      cost: empty(money),
    }),
  ),
  workOrder: type(
    6,
    "Order to a service provider",
    entity({
      kind: z.enum(["corrective", "preventive", "emergency"]),
      ticketId: empty(ref("ticket")),
      serviceProviderId: empty(ref("serviceProvider")),
      status: code,
      positions: empty(list(z.strictObject({ text: text(500), quantity: empty(decimal), amount: empty(money) }), 500)),
      costs: empty(list(cost)),
    }),
  ),
  purchaseOrder: type(
    6,
    "Purchase from a service provider",
    entity({
      kind: z.enum(["corrective", "preventive", "emergency"]),
      ticketId: empty(ref("ticket")),
      serviceProviderId: empty(ref("serviceProvider")),
      status: code,
      positions: empty(list(z.strictObject({ text: text(500), quantity: empty(decimal), amount: empty(money) }), 500)),
      costs: empty(list(cost)),
    }),
  ),
  observation: type(
    7,
    "What a device reported; append-only",
    entity({
      deviceId: ref("device"),
      kind: z.enum(["alarm", "condition", "occupancy", "environment"]),
      value: z.union([z.string().max(1_000), z.number(), z.boolean()]),
      severity: empty(code),
      observedAt: instant,
    }),
  ),
} as const;

/** A type of the model itself. */
export type StandardType = keyof typeof model;
export const typeNames = Object.keys(model) as StandardType[];
/** Such a type, or a customer's own. */
export type TypeName = StandardType | `x-${string}`;

/** Types by name: those of the model, with or without a customer's own. Names come from outside: look with `typeNamed`. */
export type Types = Readonly<Record<string, ModelType>>;

/** Undefined for a type that is not among them. */
export function typeNamed(types: Types, name: string): ModelType | undefined {
  return Object.hasOwn(types, name) ? types[name] : undefined;
}

/** Any JSON value as it travels. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
/** The fields of an entity, without its type and id. */
export type Fields = { readonly [field: string]: Json };

/** Typed fields of one type, e.g. `FieldsOf<"ticket">`. */
export type FieldsOf<T extends StandardType> = z.output<(typeof model)[T]["schema"]>;

/** A reference that a type's fields may hold: where it stands and what it may point at. */
export interface Reference {
  /** Field names from the top; a list is passed through, e.g. `["participants", "personId"]`. */
  path: readonly string[];
  types: readonly string[];
}

/** All references that entities of a type may hold, read off its schema. */
export function referencesOf({ schema: whole }: Pick<ModelType, "schema">): readonly Reference[] {
  const found: Reference[] = [];
  const walk = (schema: z.ZodType, path: readonly string[]): void => {
    const types = schema.meta()?.references as string[] | undefined;
    if (types) {
      found.push({ path, types });
      return;
    }
    if (schema instanceof z.ZodObject)
      for (const [field, inner] of Object.entries(schema.shape)) walk(inner as z.ZodType, [...path, field]);
    else if (schema instanceof z.ZodArray) walk(schema.element as z.ZodType, path);
    else if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) walk(schema.unwrap() as z.ZodType, path);
  };
  walk(whole, []);
  return found;
}
