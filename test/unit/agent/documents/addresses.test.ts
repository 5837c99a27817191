import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressOf, readAddress } from "../../../../agent/documents/addresses.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const maxBytes = 1_000;
let server: Server;
let host = "";
const asked: string[] = [];
const answers: Record<string, (response: ServerResponse) => void> = {
  "/lease": (response) => response.end("The lease"),
  "/empty": (response) => response.end(),
  "/exact": (response) => response.end(Buffer.alloc(maxBytes)),
  "/told-too-large": (response) => response.writeHead(200, { "content-length": maxBytes + 1 }).end(Buffer.alloc(maxBytes + 1)),
  "/too-large": (response) => {
    response.write(Buffer.alloc(maxBytes));
    response.end("x");
  },
  "/cut": (response) => {
    response.writeHead(200, { "content-length": 100 }).write("The le");
    setImmediate(() => response.destroy());
  },
  "/none": (response) => response.writeHead(404).end(),
  "/login": (response) => response.writeHead(401).end(),
  "/busy": (response) => response.writeHead(503).end(),
  "/silent": () => undefined,
  "/moved": (response) => response.writeHead(302, { location: "/lease" }).end(),
  "/away": (response) => response.writeHead(302, { location: "http://169.254.169.254/secret" }).end(),
  "/file": (response) => response.writeHead(302, { location: "file:///etc/passwd" }).end(),
  "/round": (response) => response.writeHead(302, { location: "/round" }).end(),
};

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    answers[request.url ?? ""]?.(response);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
});

const never = new AbortController().signal;
const read = (path: string, clock = manualClock()) =>
  readAddress({ told: `http://${host}${path}`, hosts: [host], maxBytes, timeoutMs: 5_000 }, clock, never);

test.each([
  ["/lease", 9],
  ["/moved", 9],
  ["/empty", 0],
  ["/exact", maxBytes],
])("%s is read as a whole", async (path, size) => {
  const content = await read(path);
  if (typeof content === "string") throw new Error(content);
  await using _ = content;
  expect(content.sizeBytes).toBe(size);
});

test.each([
  ["/none", "missing"],
  ["/login", "unreadable"],
  ["/round", "unreadable"],
  ["/told-too-large", "too-large"],
  ["/too-large", "too-large"],
  ["/away", "outside"],
  ["/file", "outside"],
])("%s gives none: %s", async (path, fault) => {
  expect(await read(path)).toBe(fault);
});

test.each(["/cut", "/busy"])("%s may be asked for again", async (path) => {
  await expect(read(path)).rejects.toMatchObject({ kind: "transient", code: "document-address-failed" });
});

test("A host that does not answer in time may be asked again", async () => {
  const clock = manualClock();
  const reading = read("/silent", clock);
  reading.catch(() => undefined);
  await expect.poll(() => asked).toContain("/silent");
  clock.advance(5_000);
  await expect(reading).rejects.toMatchObject({ code: "document-address-failed" });
});

test.each([
  ["https://dms.local/a", true],
  ["https://DMS.local/a", true],
  ["http://dms.local:80/a", true],
  ["https://dms.local:8443/a", true],
  ["http://other.local:443/a", true],
  ["https://dms.local:9999/a", false],
  ["https://dms.local.evil.example/a", false],
  ["https://evil.example/dms.local", false],
  ["https://dms.local@evil.example/a", false],
  ["https://user:pass@dms.local/a", false],
  ["https://evil.example#dms.local", false],
  ["ftp://dms.local/a", false],
  ["file://dms.local/etc/passwd", false],
  ["//dms.local/a", false],
  ["", false],
])("Of the named hosts alone anything is asked: %s, %s", (told, isAllowed) => {
  expect(addressOf(told, ["dms.local", "dms.local:8443", "other.local:443"]) !== undefined).toBe(isAllowed);
});
