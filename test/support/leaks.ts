// Set up before every test file (vitest.config.ts): a file that leaves a socket, server, child process, timer, worker or process listener
// behind fails. What the file opens while it is being imported counts as well; vitest's own resources are there from the start.
import { afterAll, expect } from "vitest";
import { openedSince, openResources } from "./open-resources.ts";

/** On a busy machine the last goodbyes of many processes take their time; what is really left stays for ever. */
const graceMs = 20_000;
const before = openResources();

// Hooks run as a stack: this one, registered first, comes after all others of the file.
afterAll(async () => {
  const deadline = performance.now() + graceMs;
  let left = openedSince(before);
  while (left.length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    left = openedSince(before);
  }
  if (left.length === 0) return;
  const message = `The tests of this file left open: ${left.join(", ")}`;
  // Open defect (docs/progress.md): fault tests that kill servers now and then leave a client's socket whose end was never read. It is told until it is found.
  const isKnown = expect.getState().testPath?.includes("/test/fault/") && left.every((kind) => kind.endsWith("× TCPSocketWrap"));
  if (!isKnown) throw new Error(message);
  console.warn(message);
});
