import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { openBrowser } from "../support/browser.ts";
import { has } from "../support/servers.ts";

describe.skipIf(!has("chromium"))("the browser that the tests open", () => {
  test("shows a page of a loopback server, runs its script, and leaves nothing behind", async () => {
    const page = "<h1>old</h1><script>document.querySelector('h1').textContent = 'Größe'</script>";
    const server = createServer((_, response) => response.setHeader("content-type", "text/html; charset=utf-8").end(page));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    {
      await using browser = await openBrowser();
      const tab = await browser.newPage();
      await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      expect(await tab.textContent("h1")).toBe("Größe");
    }
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
});
