/** What a file of fault rows works on: one MariaDB, a site per row with proxies between its parts, everything random from one seed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { Random } from "../../base/time.ts";
import type { Run } from "./agent-run.ts";
import type { ErpConfigOptions } from "./erp/config.ts";
import { seededRandom } from "./erp/random.ts";
import type { MariaDb } from "./mariadb.ts";
import { seed } from "./seed.ts";
import { mariadb } from "./servers.ts";
import { openSite, type Site, type SiteOptions } from "./site.ts";
import { testCertificate } from "./test-certificate.ts";

export interface RowOptions extends SiteOptions {
  /** The portal speaks TLS with a certificate that the agent is told to trust. */
  tls?: boolean;
  config?: Partial<ErpConfigOptions>;
}

export interface FaultBench {
  readonly server: MariaDb;
  /** Of this row's own; the same for the same seed. */
  random: Random;
  /** A site that is enrolled and proxied, whose agent has not run yet: statements and locks are given up after a second, heartbeats come every second. */
  site(options?: RowOptions): Promise<Site>;
  /** The same with its agent, which is steered and in step. */
  running(options?: RowOptions): Promise<{ site: Site; run: Run }>;
}

const impatient = "{ statementTimeout: 1s, lockTimeout: 1s }";

/**
 * To be called in a `describe`. A row that fails shows what its agent said last.
 * @param oneSite all rows work on one site, which the file opens before them
 */
export function faultBench({ oneSite = false } = {}): FaultBench {
  let server: MariaDb | undefined;
  let site: Site | undefined;
  let run: Run | undefined;
  beforeAll(async () => {
    server = await mariadb();
  });
  const leave = async (): Promise<void> => {
    await site?.[Symbol.asyncDispose]();
    site = undefined;
    run = undefined;
  };
  afterAll(async () => {
    await leave();
    await server?.stop();
  });
  beforeEach(({ task }) => {
    bench.random = seededRandom(seed + [...task.name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 0));
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail" && run !== undefined) console.log(`seed ${seed}\n${lastWords(run)}`);
    if (!oneSite) await leave();
  });
  const bench: FaultBench = {
    get server() {
      if (server === undefined) throw new Error("there is no server yet");
      return server;
    },
    random: seededRandom(seed),
    async site({ config, tls, portal = {}, ...more } = {}) {
      const own = tls ? { tls: testCertificate() } : {};
      const limits = { heartbeatSeconds: 1, ...portal.limits };
      site = await openSite({ server: bench.server, proxied: true, ...more, portal: { ...own, ...portal, limits } });
      const ca = join(site.folder, "ca.pem");
      if (own.tls) writeFileSync(ca, own.tls.cert);
      await site.join(own.tls && ca);
      const trusting = (text: string): string =>
        own.tls ? text.replace("agent: { ", `agent: { caFile: ${JSON.stringify(ca)}, `) : text;
      site.configure({ courtesy: impatient, ...config }, trusting);
      if (config?.feed === "binlog")
        await site.erp.run(`GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO '${site.account?.user}'@'%'`);
      return site;
    },
    async running(more) {
      const one = await bench.site(more);
      run = one.runSteered();
      await one.comesToRest(0);
      return { site: one, run };
    },
  };
  return bench;
}

function lastWords(run: Run): string {
  return run.lines
    .slice(-40)
    .map((line) => JSON.stringify(line))
    .join("\n");
}
