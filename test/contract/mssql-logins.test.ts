// Ways into an SQL Server: Windows accounts by NTLM, accounts that only Kerberos knows, named instances by the SQL Server Browser. Over the double.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mssql } from "../../connectors/mssql/connector.ts";
import { type DoubleOptions, startTdsDouble, type TdsDouble } from "../doubles/tds/tds-double.ts";
import { contextOf, never } from "./erp/subject.ts";

/** An address of this file's own: the Browser's port is always the same, and another run may have one too. */
const address = `127.${40 + (process.pid % 200)}.${1 + (Math.floor(process.pid / 200) % 250)}.7`;

describe("SQL Server: logins", () => {
  let double: TdsDouble;
  const start = async (options: DoubleOptions = {}): Promise<void> => {
    double = await startTdsDouble(options);
  };
  beforeEach(() => start());
  afterEach(() => double[Symbol.asyncDispose]());

  const open = (more: { server?: string; port?: number; user?: string; domain?: string; instance?: string }) =>
    mssql.open(
      { server: "127.0.0.1", database: "erp", user: "erp", password: { secret: "erp" }, tls: { mode: "off" }, ...more },
      async () => "secret",
      contextOf(),
    );
  async function using<T>(more: Parameters<typeof open>[0], work: (connector: Awaited<ReturnType<typeof open>>) => Promise<T>) {
    const connector = await open(more);
    try {
      return await work(connector);
    } finally {
      await connector.close();
    }
  }

  it("a Windows account logs in by NTLM, with its domain", async () => {
    const seen: (string | undefined)[] = [];
    double.onLogin = ({ domain, user }) => {
      seen.push(`${domain}\\${user}`);
      return undefined;
    };
    const identity = await using({ port: double.port, user: "fuser", domain: "WOHNBAU" }, (connector) =>
      connector.identity(never),
    );
    expect(identity).toMatchObject({ product: "SQL Server" });
    expect(seen).toEqual(["WOHNBAU\\fuser"]);
  });

  it.each([
    ["WOHNBAU\\fuser$", /gMSA.*Kerberos/, /SQL login.*domain/],
    ["WOHNBAU\\fuser", /Windows account/, /domain/],
  ])("check says of %s what the driver can't do, and what to do instead", async (user, message, remedy) => {
    const [finding] = await using({ port: double.port, user }, (connector) => connector.check(never));
    expect(finding).toMatchObject({
      severity: "error",
      code: "erp-login-refused",
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    });
  });

  // Only Linux has a whole network of loopback addresses.
  it.runIf(process.platform === "linux")(
    "a named instance is found by the Browser, written either way; one that it does not know is told",
    async () => {
      await double[Symbol.asyncDispose]();
      await start({ host: address });
      const browser = createSocket("udp4");
      browser.on("message", (_, from) => {
        const told = `ServerName;ERP1;InstanceName;WODIS;IsClustered;No;Version;16.0.4135.4;tcp;${double.port};;`;
        const head = Buffer.from([5, 0, 0]);
        head.writeUInt16LE(told.length, 1);
        browser.send(Buffer.concat([head, Buffer.from(told, "latin1")]), from.port, from.address);
      });
      browser.bind(1434, address);
      await once(browser, "listening");
      try {
        const identity = (more: { server: string; instance?: string }) => using(more, (connector) => connector.identity(never));
        expect(await identity({ server: `${address}\\wodis` })).toMatchObject({ product: "SQL Server" });
        expect(await identity({ server: address, instance: "WODIS" })).toMatchObject({ product: "SQL Server" });
        await expect(identity({ server: `${address}\\OTHER` })).rejects.toMatchObject({
          kind: "transient",
          code: "erp-unreachable",
          place: `${address}\\OTHER/erp`,
          hint: expect.stringContaining("SQL Server Browser"),
        });
      } finally {
        browser.close();
      }
    },
  );
});
