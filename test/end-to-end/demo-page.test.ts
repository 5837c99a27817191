import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../base/time.ts";
import { adminRoute } from "../../portal/admin.ts";
import { pageRoute } from "../../portal/page.ts";
import { buildChanges, type ChangeItem } from "../../protocol/changes.ts";
import type { Command } from "../../protocol/messages.ts";
import { openBrowser } from "../support/browser.ts";
import type { FakeLink } from "../support/fake-agent.ts";
import { portalBench } from "../support/portal.ts";
import { has } from "../support/servers.ts";

const bench = portalBench();
const item = (type: string, id: string, fields: object, more: object = {}): ChangeItem =>
  ({ type, id, op: "upsert", time: 1, fields, ...more }) as ChangeItem;

const estate = [
  item("property", "E.1", { name: "Parkstraße 2", number: "0815" }),
  item("property", "E.2", { name: '<img src=x onerror="document.title=1">Seeweg' }),
  item("building", "B.1", { name: "Haus A", propertyId: "E.1" }),
  item("unit", "U.1", { name: "WE 1", objectType: "flat", buildingId: "B.1" }),
  item("unit", "U.2", { name: "WE 2", objectType: "flat", buildingId: "B.1" }),
  item("person", "P.1", { kind: "natural", firstName: "Aylin", lastName: "Demir" }),
  item("utilisationPeriod", "V.1", {
    ...{ unitId: "U.1", kind: "tenant", startDate: "2020-01-01", endDate: null },
    participants: [{ personId: "P.1", role: "main" }],
  }),
];

describe.skipIf(!has("chromium"))("The demo page", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  async function openPage(locale: string): Promise<{ page: Page; link: FakeLink; faults: string[] }> {
    const { gateway, agent } = await bench.withAgent();
    gateway.addRoute(adminRoute(gateway, { token: "page-token", clock: systemClock }));
    gateway.addRoute(pageRoute());
    const { link } = await bench.link(gateway, agent);
    link.send(buildChanges(1, estate));
    expect((await link.next("ack")).refused).toEqual([]);
    const page = await browser.newPage({ locale });
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (line) => line.type() === "error" && faults.push(line.text()));
    await page.goto(`${gateway.httpUrl}/#token=page-token`);
    return { page, link, faults };
  }

  /** What an agent does with a command that makes something: the new state, then the result. */
  async function apply(link: FakeLink, command: Command, done: { seq: number; item: ChangeItem }): Promise<void> {
    link.send({ type: "received", id: command.id });
    link.send(buildChanges(done.seq, [{ ...done.item, cause: command.id }]));
    const { type, id } = done.item;
    link.send({ type: "result", id: command.id, revision: 1, outcome: "applied", entity: { type, id }, seq: done.seq });
    await link.next("settled");
  }

  test("A damage reported there reaches the ERP's agent, shows its ERP number, takes a message and can be closed", async () => {
    const { page, link, faults } = await openPage("en-US");
    await page.getByText("Parkstraße 2").click();
    await page.getByRole("button", { name: "WE 1 Aylin Demir" }).click();
    await page.getByLabel("What is broken?").fill("Tap drips");
    await page.getByLabel("Description").fill("In the kitchen");
    await page.getByRole("button", { name: "Report" }).click();
    const create = await link.next("command");
    expect(create).toMatchObject({
      command: "ticket.create",
      values: { title: "Tap drips", description: "In the kitchen", unitId: "U.1", reporterId: "P.1" },
    });
    await page.getByText("Waiting for the ERP").waitFor();

    const fields = { kind: "damage", title: "Tap drips", status: "in-progress", number: "00004711" };
    await apply(link, create, { seq: 8, item: item("ticket", "T.1", fields) });
    await page.getByText("ERP no. 00004711").waitFor();
    await page.getByText("In progress").waitFor();

    await page.getByLabel("Write a message").fill("When will you come?");
    await page.getByRole("button", { name: "Send" }).click();
    const message = await link.next("command");
    expect(message).toMatchObject({ command: "message.create", values: { ticketId: "T.1", body: "When will you come?" } });
    await apply(link, message, {
      seq: 9,
      item: item("message", "M.1", { ticketId: "T.1", body: "When will you come?", visibility: "tenant" }),
    });
    await page.locator(".messages").getByText("When will you come?").waitFor();

    await page.getByRole("button", { name: "Close ticket" }).click();
    const close = await link.next("command");
    expect(close).toMatchObject({ command: "ticket.close", entity: { type: "ticket", id: "T.1" } });
    await apply(link, close, { seq: 10, item: item("ticket", "T.1", { ...fields, status: "closed" }) });
    await page.locator(".status", { hasText: "Closed" }).waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  test("It speaks German to a German browser and shows at once when the agent has gone", async () => {
    const { page, link } = await openPage("de-DE");
    await page.getByText("Agent verbunden").waitFor();
    await page.getByRole("heading", { name: "Liegenschaften" }).waitFor();
    await link.close();
    await page.getByText("Agent nicht verbunden").waitFor();
    await page.close();
  });

  test("Text from the ERP is shown as text, never read as HTML", async () => {
    const { page, faults } = await openPage("en-US");
    await page.getByText('<img src=x onerror="document.title=1">Seeweg').waitFor();
    expect(await page.title()).toBe("Tenant portal");
    expect(await page.locator("#tree img").count()).toBe(0);
    expect(faults).toEqual([]);
    await page.close();
  });
});
