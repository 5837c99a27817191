import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DemoProcess, isAlive, startBareDemo, startDemo } from "../support/demo-process.ts";
import { has, type TemporaryDirectory, tempDirectory } from "../support/servers.ts";

interface Places {
  portal: string;
  erp: string;
  pids: { portal: number; agent: number };
}

/** What the demo prints once all is up. */
async function placesOf(demo: DemoProcess): Promise<Places> {
  const [line] = await demo.waitFor("stdout", /^\{"portal".*\}$/m);
  return JSON.parse(line) as Places;
}

async function untilGone(pids: readonly number[]): Promise<void> {
  await expect.poll(() => pids.filter(isAlive), { timeout: 60_000 }).toEqual([]);
}

describe("the demo that keeps running", () => {
  test("answers under two addresses, and ends portal and agent on Ctrl-C", async () => {
    await using directory = await tempDirectory();
    await using demo = startBareDemo(["--json", "--units", "20", "--rate", "0", "--directory", directory.path]);
    const { portal, erp, pids } = await placesOf(demo);
    expect((await fetch(portal)).status).toBe(200);
    expect((await fetch(erp)).status).toBe(200);
    expect((await fetch(new URL("/api/view", erp), { headers: { origin: "http://evil.example" } })).status).toBe(403);
    demo.child.kill("SIGINT");
    expect(await demo.ended).toBe(0);
    expect([pids.portal, pids.agent].filter(isAlive)).toEqual([]);
  });

  test("leaves no portal and no agent behind when it is killed", async () => {
    await using directory = await tempDirectory();
    await using demo = startBareDemo(["--json", "--units", "20", "--directory", directory.path]);
    const { pids } = await placesOf(demo);
    demo.child.kill("SIGKILL");
    await demo.ended;
    await untilGone([pids.portal, pids.agent]);
  });

  test("ends with the last words of an agent that died, and takes the portal along", async () => {
    await using directory = await tempDirectory();
    await using demo = startBareDemo(["--json", "--units", "20", "--directory", directory.path]);
    const { pids } = await placesOf(demo);
    process.kill(pids.agent, "SIGKILL");
    expect(await demo.ended).toBe(3);
    expect(demo.stdout).toContain("The agent ended by itself (SIGKILL)");
    expect(isAlive(pids.portal)).toBe(false);
  });

  test("goes on with the same company, portal and agent under --keep", async () => {
    await using directory = await tempDirectory();
    const args = ["--json", "--units", "20", "--rate", "5", "--directory", directory.path];
    const first = startBareDemo(args);
    const before = await placesOf(first);
    first.child.kill("SIGINT");
    expect(await first.ended).toBe(0);
    await using second = startBareDemo([...args, "--keep"]);
    const after = await placesOf(second);
    expect(new URL(after.portal).port).toBe(new URL(before.portal).port);
    expect(second.stderr).toContain("rows found");
    expect(existsSync(join(directory.path, "erp.db"))).toBe(true);
  });
});

describe.skipIf(!has("chromium"))("the demo's two pages", () => {
  let browser: Browser;
  let directory: TemporaryDirectory;
  let demo: DemoProcess;
  let places: Places;
  const faults: string[] = [];

  beforeAll(async () => {
    const { openBrowser } = await import("../support/browser.ts");
    [browser, directory] = [await openBrowser(), await tempDirectory()];
    demo = startDemo(["--json", "--units", "200", "--directory", directory.path]);
    places = await placesOf(demo);
  });
  afterAll(async () => {
    await browser?.close();
    await demo?.[Symbol.asyncDispose]();
    await directory?.[Symbol.asyncDispose]();
  });

  async function open(url: string): Promise<Page> {
    const page = await browser.newPage({ locale: "de-DE", viewport: { width: 1_400, height: 900 } });
    page.setDefaultTimeout(60_000);
    page.on("pageerror", (error) => faults.push(error.message));
    await page.goto(url);
    return page;
  }

  test("a damage reported in the portal gets its number in the ERP, and what the clerk does there is seen in the portal", async () => {
    const [portal, erp] = [await open(places.portal), await open(places.erp)];
    const title = `Türklingel stumm ${Math.floor(Math.random() * 1e6)}`;

    // Estates and tenants have arrived. The second estate and the tenth are the ones that the company's life moves about.
    await portal.locator("#tree details summary").first().click();
    await portal.locator(".unit:has(.people:not(.vacant))").first().click();
    await portal.locator("#title").fill(title);
    await portal.locator("#text").fill("Seit Montag klingelt es nicht mehr.");
    await portal.locator("#report button[type=submit]").click();

    const ticket = portal.locator("article.ticket", { hasText: title });
    await ticket.locator(".number").waitFor();
    const number = /\d{8}/.exec((await ticket.locator(".number").textContent()) ?? "")?.[0] as string;
    expect(number).toMatch(/^\d{8}$/);

    await erp.locator("#search").fill(number);
    const row = erp.locator(`#tickets tr[data-number="${number}"]`);
    await row.waitFor();
    expect(await row.textContent()).toContain(title.slice(0, 20));
    await row.click();
    await erp.locator("#detail button[data-status='2']").click();
    await ticket.locator(".status", { hasText: "Wartet auf Handwerker" }).waitFor();

    await erp.locator("#detail textarea").fill("Elektriker kommt am Dienstag.");
    await erp.locator("#detail button.go").click();
    await ticket.locator(".messages", { hasText: "Elektriker kommt am Dienstag." }).waitFor();

    const pictures = process.env.ERPFUSER_TEST_PICTURES;
    if (pictures !== undefined) {
      await portal.screenshot({ path: join(pictures, "portal.png") });
      await erp.screenshot({ path: join(pictures, "erp.png") });
    }
    expect(faults).toEqual([]);
    await portal.close();
    await erp.close();
  });
});
