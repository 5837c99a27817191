import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { expect, test } from "vitest";
import { certificateUntilAt, certificateUntilOn } from "../../../connectors/shown-certificate.ts";
import { authority } from "../agent/channel/certificates.ts";

const never = new AbortController().signal;

test("A server that speaks TLS shows until when its certificate is good, to whoever trusts it or not; nobody else shows anything", async () => {
  using root = authority("Test Root");
  const server = createServer(root.issue("IP:127.0.0.1"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const at = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
  try {
    const days = ((await certificateUntilAt(at, never)) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(1.9);
    expect(days).toBeLessThan(2.1);
    expect(await certificateUntilAt(at, AbortSignal.abort())).toBeNaN();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  expect(await certificateUntilAt(at, never)).toBeNaN();
  for (const stream of [undefined, {}, { getPeerCertificate: () => null }]) expect(certificateUntilOn(stream)).toBeNaN();
});
