import { type Browser, chromium } from "playwright-core";
import { observed, programOf } from "./servers.ts";

/** Starts this machine's Chromium without a window; `await using` closes it. */
export async function openBrowser(): Promise<Browser> {
  // Chromium's sandbox refuses to run as root, as in a container; only pages of our own are opened.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath: programOf("chromium"), args });
  observed("chromium", browser.version());
  return browser;
}
