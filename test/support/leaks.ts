// Set up before every test file (vitest.config.ts): a file that leaves a socket, server, child process, timer, worker or process listener
// behind fails. What the file opens while it is being imported counts as well; vitest's own resources are there from the start.
import { afterAll } from "vitest";
import { openedSince, openResources } from "./open-resources.ts";
import { watchSockets } from "./open-sockets.ts";

/** For the last goodbyes: fault files with a busy machine beside them took 0.2 s at the most. */
const graceMs = 3_000;
const before = openResources();
const openSockets = watchSockets();

// Hooks run as a stack: this one, registered first, comes after all others of the file.
afterAll(async () => {
  const deadline = performance.now() + graceMs;
  let left = openedSince(before);
  while (left.length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    left = openedSince(before);
  }
  if (left.length > 0) throw new Error(`The tests of this file left open: ${[left.join(", "), ...openSockets()].join("\n  ")}`);
});
