/** An ERP's primary and two servers that follow it, ready to take its place one after the other: MariaDB by GTIDs, PostgreSQL by streaming. */
import { expect, vi } from "vitest";
import type { MariaDb } from "./mariadb.ts";
import type { Postgres } from "./postgres.ts";
import { mariadb, postgres } from "./servers.ts";

type Server = MariaDb | Postgres;

export interface ServerGroup extends AsyncDisposable {
  /** The primary comes first. */
  readonly servers: readonly [Server, Server, Server];
  /** Resolves once the followers have all that the first server has now. */
  caughtUp(): Promise<void>;
  /** The second takes over, and the third follows it. */
  secondTakesOver(): Promise<void>;
  /** The third gets nothing of the others any more. */
  partThird(): Promise<void>;
  thirdTakesOver(): Promise<void>;
}

const soon = { timeout: 60_000, interval: 20 };

export async function mariadbGroup(): Promise<ServerGroup> {
  await using opened = new AsyncDisposableStack();
  const follower = (id: number) => mariadb({ extraFlags: [`--server-id=${id}`, "--log-slave-updates", "--read-only"] });
  const started = await Promise.allSettled([mariadb(), follower(2), follower(3)]);
  for (const one of started) if (one.status === "fulfilled") opened.use(one.value);
  const servers = started.map((one) => (one as PromiseFulfilledResult<MariaDb>).value) as [MariaDb, MariaDb, MariaDb];
  const [first, second, third] = servers;
  const ask = async (server: MariaDb, ...texts: string[]): Promise<Record<string, unknown>[]> => {
    const connection = await server.connect();
    try {
      for (const text of texts.slice(0, -1)) await connection.query(text);
      return (await connection.query(texts.at(-1) ?? ""))[0] as Record<string, unknown>[];
    } finally {
      await connection.end();
    }
  };
  const written = async (): Promise<string> => String((await ask(first, "SELECT @@gtid_binlog_pos AS gtids"))[0]?.gtids);
  const following = ({ port, user, password }: MariaDb): string =>
    `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${port}, MASTER_USER = '${user}', MASTER_PASSWORD = '${password}', MASTER_USE_GTID = slave_pos`;
  const begun = await written();
  for (const server of [second, third])
    await ask(server, "RESET MASTER", `SET GLOBAL gtid_slave_pos = '${begun}'`, following(first), "START SLAVE");
  const all = opened.move();
  const takesOver = async (server: MariaDb): Promise<void> => {
    await ask(server, "STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only = OFF");
  };
  return {
    servers,
    async caughtUp() {
      const text = `SELECT MASTER_GTID_WAIT('${await written()}', 60) AS done`;
      for (const server of [second, third]) expect(await ask(server, text)).toEqual([{ done: 0 }]);
    },
    async secondTakesOver() {
      await takesOver(second);
      await ask(third, "STOP SLAVE", following(second), "START SLAVE");
    },
    partThird: async () => void (await ask(third, "STOP SLAVE")),
    thirdTakesOver: () => takesOver(third),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

export async function postgresGroup(): Promise<ServerGroup> {
  await using opened = new AsyncDisposableStack();
  const first = opened.use(await postgres());
  const second = opened.use(await postgres({ follows: first }));
  const third = opened.use(await postgres({ follows: first }));
  const ask = async (server: Postgres, ...texts: string[]): Promise<Record<string, unknown>[]> => {
    const connection = await server.connect();
    try {
      for (const text of texts.slice(0, -1)) await connection.query(text);
      return (await connection.query(texts.at(-1) ?? "")).rows;
    } finally {
      await connection.end();
    }
  };
  const follow = async (server: Postgres, from: string): Promise<void> => {
    await ask(server, `ALTER SYSTEM SET primary_conninfo = '${from}'`, "SELECT pg_reload_conf()");
  };
  /** The agent's feed is another. */
  const receivers = "SELECT pid FROM pg_stat_replication WHERE application_name = 'walreceiver'";
  const all = opened.move();
  return {
    servers: [first, second, third],
    async caughtUp() {
      const [{ lsn } = {}] = await ask(first, "SELECT pg_current_wal_flush_lsn()::text AS lsn");
      const text = `SELECT pg_last_wal_replay_lsn() >= '${lsn}'::pg_lsn AS done`;
      for (const server of [second, third])
        await vi.waitFor(async () => expect(await ask(server, text)).toEqual([{ done: true }]), soon);
    },
    async secondTakesOver() {
      await ask(second, "SELECT pg_promote()");
      await follow(third, `host=${second.data} port=${second.port} user=${second.user}`);
      await vi.waitFor(async () => expect(await ask(second, receivers)).toHaveLength(1), soon);
    },
    async partThird() {
      await follow(third, "");
      await vi.waitFor(async () => expect(await ask(second, receivers)).toEqual([]), soon);
    },
    thirdTakesOver: async () => void (await ask(third, "SELECT pg_promote()")),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
