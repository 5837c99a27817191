// The preset for Dynamics NAV against tables of its shape, as far as the double of SQL Server goes: not verified against a real one.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Example, exampleTables, openConfigured } from "../support/example-schema.ts";
import { mssqlSubject } from "./erp/mssql.ts";

describe("the NAV preset over SQL Server's double", () => {
  let erp: Awaited<ReturnType<typeof mssqlSubject>>;
  let nav: Example;
  beforeAll(async () => {
    erp = await mssqlSubject();
    for (const statement of (await exampleTables("nav")).split(/;\n/))
      if (statement.trim() !== "") await erp.run(statement.replace(/^--.*\n/, ""));
    nav = await openConfigured(
      `preset: nav
agent: { name: NAV, portal: "ws://127.0.0.1:1/agent" }
erp: { server: 127.0.0.1, port: ${erp.double.port}, database: erp, user: erp, password: { secret: erp }, tls: { mode: off }, timezone: Europe/Berlin }
vars: { company: CRONUS International Ltd_ }
commands: { ticket.create: { draft: false } }
`,
      "secret",
    );
  });
  afterAll(async () => {
    await nav?.[Symbol.asyncDispose]();
    await erp?.[Symbol.asyncDispose]();
  });

  it("reads one company's tables, options as what they mean, and 1753 as nothing", async () => {
    expect(await nav.entities("customers")).toMatchObject({
      C0001: {
        kind: "legal",
        companyName: "Wohnbau eG",
        emails: [{ address: "info@wohnbau.example" }],
        phones: [],
        address: { street: null, city: "Köln", postalCode: "50667" },
      },
      C0002: { kind: "natural", lastName: "Änne Müller", phones: [{ number: "0221 4" }] },
    });
    expect(await nav.entities("items")).toMatchObject({ SI1: { installedOn: null }, SI2: { installedOn: "2020-05-01" } });
    expect(await nav.entities("invoices")).toEqual({
      INV1: {
        number: "INV1",
        subject: [{ type: "person", id: "C0001" }],
        issueDate: "2026-02-01",
        dueDate: null,
        total: { amount: "119.50", currency: "EUR" },
      },
    });
    const tickets = await nav.entities("tickets");
    expect(Object.keys(tickets).sort()).toEqual(["PT000041", "SVO000007"]);
    expect(tickets.SVO000007).toMatchObject({
      title: "Lift stands",
      description: "Since this\nmorning",
      status: "in-progress",
      priority: "high",
      reporterId: "C0002",
      assigneeId: "HW",
      createdAt: "2026-07-15T07:30:00Z",
      closedAt: null,
      dueDate: null,
    });
  });

  it("writes an order that leaves no column NULL, in a range of numbers of its own, its text in lines; once", async () => {
    const description = `${"Seit gestern kein warmes Wasser mehr. ".repeat(5)}Bitte kommen.`;
    const values = { title: "Heizung kalt", description, category: "HEAT", priority: "high", reporterId: "C0002" };
    expect(await nav.carryOut("ticket.create", { id: "PORTAL-0001", values })).toMatchObject({
      state: "applied",
      key: "PT000042",
    });
    expect(await nav.carryOut("ticket.create", { id: "PORTAL-0001", values, repeated: true })).toMatchObject({
      state: "applied",
      key: "PT000042",
    });
    const { PT000042: made } = (await nav.entities("tickets")) as Record<string, { description: string }>;
    expect(made).toMatchObject({
      title: "Heizung kalt",
      category: "HEAT",
      priority: "high",
      status: "open",
      reporterId: "C0002",
    });
    expect(made?.description.replaceAll("\n", " ")).toBe(description);
    const update = { id: "PORTAL-0002", entity: { type: "ticket", id: "PT000042" }, values: { status: "closed" } } as const;
    expect(await nav.carryOut("ticket.update", { ...update, base: { status: "open" } })).toMatchObject({ state: "applied" });
    expect(await nav.entities("tickets")).toMatchObject({ PT000042: { status: "closed" } });
    expect(
      await nav.carryOut("ticket.update", { ...update, base: { status: "in-progress" }, values: { status: "open" } }),
    ).toMatchObject({
      state: "conflict",
    });
  });
});
