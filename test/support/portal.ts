/** Portals and scripted agents for one test file, all closed after each test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { type Gateway, type GatewayOptions, openGateway } from "../../portal/gateway.ts";
import { enrolFakeAgent, type FakeAgent, type FakeLink, fakeAgent } from "./fake-agent.ts";

/** For `expect.poll`: a loaded machine gets time, an idle one loses none. */
export const patient = { timeout: 8_000, interval: 10 };

export interface PortalBench {
  open(options?: Partial<GatewayOptions>): Promise<Gateway>;
  /** A portal with one enrolled agent. */
  withAgent(options?: Partial<GatewayOptions>): Promise<{ gateway: Gateway; agent: FakeAgent }>;
  /** Connects and shakes hands; waits until the portal counts the link as open. */
  link(gateway: Gateway, agent: FakeAgent, told?: Parameters<FakeAgent["open"]>[0]): ReturnType<FakeAgent["open"]>;
  /** The link is cut after the test. */
  keep(link: FakeLink): FakeLink;
  /** A file name for a store that survives its portal within the test. */
  storePath(): string;
  /** Opens a portal on the store of a closed one; the agent finds it under its new address. */
  reopen(
    agent: FakeAgent,
    options: Partial<GatewayOptions> & { storePath: string },
  ): Promise<{ gateway: Gateway; agent: FakeAgent }>;
}

export function portalBench(): PortalBench {
  const gateways: Gateway[] = [];
  const links: FakeLink[] = [];
  const folders: string[] = [];
  afterEach(async () => {
    await Promise.all(gateways.splice(0).map((gateway) => gateway.close()));
    await Promise.all(links.splice(0).map((link) => link.close()));
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });
  const open: PortalBench["open"] = async (options = {}) => {
    const gateway = await openGateway({ storePath: ":memory:", random: Math.random, ...options });
    gateways.push(gateway);
    return gateway;
  };
  return {
    open,
    async withAgent(options) {
      const gateway = await open(options);
      return { gateway, agent: await enrolFakeAgent(gateway) };
    },
    async link(gateway, agent, told) {
      let counted = (): void => {};
      const ready = new Promise<void>((resolve) => {
        counted = resolve;
      });
      const stop = gateway.listen((event) => {
        if (event.kind === "connected" && event.agentId === agent.enrolment.agentId) counted();
      });
      const done = await agent.open(told);
      links.push(done.link);
      await Promise.race([ready, done.link.closed]);
      stop();
      return done;
    },
    keep(link) {
      links.push(link);
      return link;
    },
    storePath() {
      const folder = mkdtempSync(join(tmpdir(), "erpfuser-portal-"));
      folders.push(folder);
      return join(folder, "portal.db");
    },
    async reopen(agent, options) {
      const gateway = await open(options);
      return { gateway, agent: fakeAgent({ ...agent.enrolment, channel: gateway.url }, agent.privateKey, agent.publicKey) };
    },
  };
}
