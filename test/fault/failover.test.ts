// The ERP's primary dies and another server of the list takes over, with every source on the database's own feed: once with all that was committed, and once without the
// end of it.
import { afterEach, describe, expect, test } from "vitest";
import { positionOf } from "../../agent/capture/feed-tables.ts";
import { publishTables } from "../../agent/cli/demo/publication.ts";
import { openStoreForReading } from "../../agent/store/open.ts";
import type { AskBody, StoreReader } from "../../agent/store/store.ts";
import { vanishedCommands } from "../../agent/writeback/memory.ts";
import { systemClock } from "../../base/time.ts";
import type { Run } from "../support/agent-run.ts";
import { createLife, type LifeEventKind, lifeEventKinds } from "../support/erp/life.ts";
import { seededRandom } from "../support/erp/random.ts";
import { atFirst } from "../support/proxy.ts";
import { seed } from "../support/seed.ts";
import { mariadbGroup, postgresGroup, type ServerGroup } from "../support/server-group.ts";
import { has } from "../support/servers.ts";
import { openSite, type Site } from "../support/site.ts";

const databases = [
  {
    ...{ name: "MariaDB", isThere: has("mariadb"), open: mariadbGroup, feed: "binlog" },
    statement: "INSERT INTO `AUFTRTEXT`",
    /** What of a position says that it is of the server that took over first. */
    signOf: ({ servers }: ServerGroup): string => `:${servers[1].port}:`,
    async prepare({ erp, account }: Site) {
      await erp.run(`GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO '${account?.user}'@'%'`);
    },
  },
  {
    ...{ name: "PostgreSQL", isThere: true, open: postgresGroup, feed: "logical-replication" },
    statement: 'INSERT INTO "auftrtext"',
    signOf: () => '"timeline":"2"',
    async prepare({ erp, account }: Site) {
      await publishTables(erp, account?.database ?? "");
      await erp.run(`ALTER ROLE ${account?.user} REPLICATION`);
    },
  },
];

let group: ServerGroup | undefined;
let site: Site;
let run: Run | undefined;
let part = 0;
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") console.log(`seed ${seed}\n${run?.lines.map((line) => JSON.stringify(line)).join("\n")}`);
  run = undefined;
  await site?.[Symbol.asyncDispose]();
  await group?.[Symbol.asyncDispose]();
});

/** Each kind of event, in a transaction of its own. */
async function clerksWork(kinds: readonly LifeEventKind[] = lifeEventKinds): Promise<void> {
  const life = createLife({ db: site.erp, random: seededRandom(seed + ++part), clock: systemClock });
  for (const kind of kinds) await life.step(kind);
}

/** Whoever loses a correction has a bad row, and so may a new one be under the number of one that was lost: of both the portal keeps what it holds. */
const updates: readonly LifeEventKind[] = ["emailChanged", "phoneCorrected", "unitMeasuredAgain", "estateRenamed", "invoicePaid"];

function inStore<T>(look: (store: StoreReader) => T): T {
  using store = openStoreForReading(site.state, systemClock);
  return look(store);
}

const say = (body: AskBody): void => void inStore(({ asks }) => asks.post(body, systemClock.now()));
const deleted = (): Set<string> =>
  new Set(
    site.gateway.store.all("SELECT type, id FROM entity WHERE deleted_at IS NOT NULL").map(({ type, id }) => `${type} ${id}`),
  );
const openGuards = () => inStore(({ guards }) => guards.list().filter(({ state }) => state === "open"));

/** Nobody has to do anything, although the agent dies meanwhile as well. */
async function failsOver({ statement, feed, signOf }: (typeof databases)[0], { servers, ...its }: ServerGroup): Promise<void> {
  await clerksWork();
  site.report("Before");
  await site.comesToRest(1);
  await clerksWork();
  await its.caughtUp();
  const { tamper, seen } = atFirst(statement, async (bytes) => {
    await servers[0].kill9();
    return bytes;
  });
  site.ways.erp.tamper("up", tamper);
  site.report("In the middle of its transaction");
  await seen;
  await site.ways.erp.refuse();
  site.report("While there is no primary");
  await run?.kill9();
  // Compares of one table rest for a minute.
  site.setClock(90_000);
  run = site.runSteered();
  await run.logged("erp-read-only");
  await its.secondTakesOver();
  await site.erpMoves(servers[1]);
  await clerksWork();
  site.report("Afterwards");
  await run.logged("erp-failover");
  const position = () => inStore(({ sources }) => sources.position(positionOf(feed)));
  await site.until(() => expect(position()).toContain(signOf({ servers, ...its })));
  site.setClock(180_000);
  await site.comesToRest(4);
  expect(run.lines.map(({ code }) => code)).not.toContain("erp-history-lost");
}

/** What the portal has and the new primary never got: nothing of it is deleted, nor done again, before a person says so. */
async function losesTheEnd({ servers, ...its }: ServerGroup): Promise<void> {
  await its.partThird();
  await clerksWork([...updates, "rentRun", "invoiceDeleted"]);
  const lost = [site.report("Lost"), site.report("Lost as well")];
  await site.comesToRest(6);
  const before = deleted();
  await servers[1].kill9();
  await its.thirdTakesOver();
  await site.erpMoves(servers[2]);
  await site.until(() => expect(openGuards().map(({ kind }) => kind)).toContain("history"));
  await site.until(() => expect(inStore(({ meta }) => vanishedCommands(meta)).toSorted()).toEqual(lost.toSorted()));
  expect(deleted().difference(before)).toEqual(new Set());
  await clerksWork(updates);
  for (const id of lost) say({ kind: "command", action: "retry", id });
  await site.until(async () => {
    for (const { id } of openGuards()) say({ kind: "guard", guard: id, decision: "approve" });
    expect((await site.judge()).details).toEqual([]);
  });
  await site.comesToRest(6);
}

describe.each(databases)("$name: the primary dies, and another server takes over", (database) => {
  test.skipIf(!database.isThere)(
    "with all that was committed: nobody has to do anything; without the end of it: nothing is deleted or done again before a person says so; nothing is lost or doubled",
    async () => {
      group = await database.open();
      const [server, ...standbys] = group.servers;
      const portal = { limits: { heartbeatSeconds: 10 } };
      // Its clerks move a meter several times: of three meters that would be all.
      site = await openSite({ server, standbys, proxied: true, portal, units: 20 });
      // Half of its rows may go in a minute.
      const guards = { rows: 500, percent: 100 };
      site.configure({
        feed: database.feed,
        compareEvery: "2s",
        courtesy: "{ pace: full, statementTimeout: 2s, lockTimeout: 1s }",
        guards,
      });
      await database.prepare(site);
      await site.join();
      run = site.runSteered();
      await site.comesToRest(0);
      await failsOver(database, group);
      await losesTheEnd(group);
    },
  );
});
