// Schemas that nobody built the agent for, connected by configuration alone (docs/examples): loaded, compiled and previewed against real tables.
import { createConnection } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Example, exampleTables, openExample } from "../support/example-schema.ts";
import type { MariaDb } from "../support/mariadb.ts";
import { has, mariadb, postgres } from "../support/servers.ts";

describe.skipIf(!has("mariadb"))("schemas on MariaDB that nobody prepared for", () => {
  let server: MariaDb;
  beforeAll(async () => {
    server = await mariadb();
  });
  afterAll(() => server?.stop());

  async function open(name: string): Promise<Example> {
    const database = name.replaceAll("-", "_");
    const at = await server.createDatabase(database);
    const connection = await createConnection({ ...at, multipleStatements: true });
    await connection.query(await exampleTables(name));
    await connection.end();
    const lines = [`server: ${at.host}`, `port: ${at.port}`, `database: ${database}`, "user: root", "password: { secret: erp }"];
    return openExample(name, lines, at.password);
  }

  it("GLPI: a tree of locations, soft deletes, entities of HTML, and items whose table a column names", async () => {
    await using glpi = await open("glpi");
    expect(await glpi.entities("units")).toEqual({
      3: { buildingId: "2", name: "3.OG links", objectType: "flat", position: "3L" },
    });
    const persons = await glpi.entities("persons");
    expect(persons).toMatchObject({
      7: { lastName: "Müller", firstName: "Änne", emails: [{ address: "anne@example.com" }, { address: "second@example.com" }] },
      8: { lastName: "ldap-only", phones: [], emails: [] },
      9: "cancelled",
    });
    expect(await glpi.entities("technicians")).toMatchObject({ 10: { name: "Hans Wart" } });
    expect(await glpi.entities("categories")).toMatchObject({ 2: { code: "2", parentCode: "1", active: false } });
    expect(await glpi.entities("peripherals")).toMatchObject({ 5: { unitId: "3" }, 6: "cancelled" });
    const tickets = await glpi.entities("tickets");
    expect(tickets[100]).toEqual({
      number: "100",
      kind: "damage",
      title: "Cold radiator",
      description: "No heat & no water",
      category: "2",
      status: "in-progress",
      priority: "high",
      unitId: "3",
      assetId: "peripheral:5",
      reporterId: "7",
      assigneeId: "10",
      createdAt: "2026-01-12T08:30:00Z",
      closedAt: null,
      dueDate: null,
    });
    expect(tickets).toMatchObject({ 101: { title: "(untitled)", propertyId: "1", assetId: null }, 102: "cancelled" });
    expect(await glpi.entities("messages")).toEqual({
      1: { ticketId: "100", body: "On the way", visibility: "tenant", createdAt: "2026-01-12T09:00:00Z" },
      2: { ticketId: "100", body: "Again her", visibility: "internal", createdAt: "2026-01-12T09:10:00Z" },
    });
    const values = { ticketId: "100", body: "Thanks", visibility: "tenant" };
    expect(await glpi.carryOut("message.create", { values })).toMatchObject({ state: "applied", key: "4" });
    expect(await glpi.entities("messages")).toMatchObject({ 4: { ...values, createdAt: "2026-11-23T15:00:00Z" } });
  });

  it("landlord_tenant_db: writes by procedures that tell no key, enums, and people with roles beside them", async () => {
    await using landlord = await open("landlord-tenant");
    expect(await landlord.entities("tenants")).toEqual({
      2: { kind: "natural", firstName: "Ana Maria", lastName: "Cruz", phones: [{ kind: "mobile", number: "0918" }] },
      3: { kind: "natural", firstName: null, lastName: "Cher", phones: [] },
    });
    expect(Object.keys(await landlord.entities("leases"))).toEqual(["1"]);
    const values = { title: "Tür klemmt", unitId: "4", reporterId: "2" };
    expect(await landlord.carryOut("ticket.create", { id: "portal-1", values })).toMatchObject({ state: "applied", key: "42" });
    expect(await landlord.entities("requests")).toMatchObject({
      41: { title: "Leaking faucet", status: "in-progress", createdAt: "2026-02-28T16:00:00Z" },
      42: { title: "Tür klemmt", unitId: "4", reporterId: "2", status: "in-progress" },
    });
    const close = { id: "portal-2", entity: { type: "ticket", id: "42" } } as const;
    expect(await landlord.carryOut("ticket.close", close)).toMatchObject({ state: "applied" });
    expect(await landlord.entities("requests")).toMatchObject({ 42: { status: "closed" } });
  });

  it("RentEase: keys that are texts, amounts that are floats, credits by their sign, states as words, one landlord of several", async () => {
    await using rentease = await open("rentease");
    expect(await rentease.entities("rooms")).toEqual({
      "R%2E1%2F2": { propertyId: "B1", name: "R.1/2", objectType: "flat", floor: "2", areaSquareMetres: "28.75" },
    });
    expect(await rentease.entities("bills")).toMatchObject({
      "H1.B": { total: { amount: "1234.56", currency: "VND" }, subject: [{ type: "person", id: "T1" }] },
      "H1.R": { total: { amount: "-0.10", currency: "VND" } },
    });
    expect(Object.keys(await rentease.entities("bills"))).toHaveLength(2);
    expect(await rentease.entities("contracts")).toMatchObject({ C1: { startDate: "2026-01-01", endDate: "2026-12-31" } });
    expect(await rentease.entities("repairs")).toMatchObject({
      Q1: { title: "Drips", status: "open", unitId: "R%2E1%2F2", assetId: "A1" },
      Q2: ["code-unknown status"],
    });
  });
});

describe.skipIf(!has("postgres"))("a schema on PostgreSQL that nobody prepared for", () => {
  it("estatesmgmt: class tables, an end that is a start and a duration, addresses in one text", async () => {
    await using server = await postgres();
    const admin = await server.connect();
    await admin.query(await exampleTables("estatesmgmt"));
    await admin.end();
    const lines = [`server: ${server.data}`, `port: ${server.port}`, "database: postgres", "user: postgres"];
    await using estates = await openExample("estatesmgmt", lines, "");
    expect(await estates.entities("properties")).toMatchObject({
      "1067.Dresden": { name: "1067 Dresden", address: { postalCode: "01067" } },
    });
    expect(await estates.entities("apartments")).toMatchObject({
      1: { propertyId: "1067.Dresden", name: "Markt 4", floor: "3", rooms: "2", areaSquareMetres: "71" },
    });
    expect(await estates.entities("houses")).toMatchObject({ 2: { objectType: "house", name: "Parkallee 8" } });
    expect(await estates.entities("persons")).toMatchObject({
      1: { address: { street: "Lange Reihe", houseNumber: "12a", postalCode: "20099", city: "Hamburg" } },
      2: { address: { street: "unknown", houseNumber: null, city: null } },
    });
    expect(await estates.entities("tenancies")).toEqual({
      10: {
        unitId: "apartment:1",
        kind: "tenant",
        startDate: "2026-01-31",
        endDate: "2027-01-30",
        participants: [{ personId: "1", role: "main" }],
      },
    });
    expect(await estates.entities("purchases")).toMatchObject({
      11: { unitId: "house:2", startDate: "2026-02-01", endDate: null },
    });
    expect(estates.compiled.mappings.flatMap(({ query }) => query.columns)).not.toContain("password");
  });
});
