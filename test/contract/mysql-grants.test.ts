// The script of `erpfuser grants` on a real MariaDB: with its rights everything that the agent does to the sample ERP goes through, and nothing else does.
import { connect as connectSocket } from "node:net";
import { type Connection, createConnection } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Compiled, compile } from "../../agent/compile.ts";
import { grantNeeds } from "../../agent/grant-needs.ts";
import type { Config } from "../../config/config.ts";
import { parseConfig } from "../../config/load.ts";
import type { Connector } from "../../connectors/connector.ts";
import type { GrantNeeds } from "../../connectors/grants.ts";
import { mysql } from "../../connectors/mysql/connector.ts";
import { erpConfig } from "../support/erp/config.ts";
import { generateErp } from "../support/erp/generate.ts";
import { openErp } from "../support/erp/open.ts";
import type { MariaDb } from "../support/mariadb.ts";
import { has, mariadb } from "../support/servers.ts";
import { contextOf, never } from "./erp/subject.ts";

const user = "fuser";
const password = "pw of the agent";
const account = `'${user}'@'%'`;
const database = "company";

describe.skipIf(!has("mariadb")).each(["column", "ledger"] as const)(
  "rights by the printed script, commands told by %s",
  (way) => {
    let server: MariaDb;
    let root: Connection;
    let config: Config;
    let needs: GrantNeeds;
    let erp: Connector;
    let script: readonly string[];
    let compiled: Compiled;

    const scripts = () => {
      const make = mysql.grants?.({ server: "127.0.0.1", database, user } as never);
      if (make === undefined) throw new Error("no script");
      return make;
    };
    const run = async (lines: readonly string[]): Promise<void> => {
      for (const line of lines) if (!line.startsWith("--")) await root.query(line);
    };
    const open = (): Promise<Connector> =>
      mysql.open(
        { server: "127.0.0.1", port: server.port, database, user, password: { secret: "x" } },
        async () => password,
        contextOf(),
      );

    beforeAll(async () => {
      server = await mariadb();
      const at = await server.createDatabase(database);
      await using company = openErp(`mysql://${at.user}:${at.password}@${at.host}:${at.port}/${database}`);
      await generateErp(company, { units: 4, seed: 5 });
      root = await createConnection({ ...at, database });
      await root.query(`CREATE USER ${account} IDENTIFIED BY '${password}'`);
      const connection = ["server: 127.0.0.1", `database: ${database}`, `user: ${user}`, "password: { secret: erp }"];
      const options = {
        dialect: "mysql",
        connection,
        portalUrl: "ws://127.0.0.1:1/agent",
        state: "/nowhere",
        idempotency: way,
      } as const;
      config = parseConfig({ text: erpConfig(options), file: "/nowhere/erpfuser.yaml" }).config as Config;
      await run(scripts()("ledger", grantNeeds(config, []), undefined));
      await run(scripts()("init", { tables: [], calls: [], ledgers: [], feeds: [] }, undefined));
      const reading = await open();
      needs = grantNeeds(config, await reading.describe(never));
      script = scripts()("grant", needs, await reading.grants?.server(never));
      await reading.close();
      await root.query(`REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${account}`);
      await run(script);
      erp = await open();
    });
    afterAll(async () => {
      await erp?.close();
      await root?.end();
      await server?.stop();
    });

    it("gives exactly what is needed, no more and no less, and check has no complaint about rights", async () => {
      expect(await erp.grants?.compare(needs, never)).toMatchObject({ missing: [], tooMany: [] });
      // What it sees now is enough to come to the same script.
      expect(scripts()("grant", grantNeeds(config, await erp.describe(never)), await erp.grants?.server(never))).toEqual(script);
      const [read, write] = [
        needs.tables.filter((one) => one.read.length > 0),
        needs.tables.filter((one) => one.insert.length > 0),
      ];
      const findings = await erp.check(never, { read: read.map(({ table }) => table), write: write.map(({ table }) => table) });
      expect(findings.filter(({ severity, code }) => severity === "error" || code === "erp-rights-too-many")).toEqual([]);
      expect((await erp.identity(never)).product).toBe("MariaDB");
    });

    it("lets every source be scanned, polled, counted and read by key", async () => {
      compiled = await compile(config, erp, never);
      expect(compiled.sources.length).toBe(13);
      for (const { mapping, cursor, children } of compiled.sources) {
        const keys: string[] = [];
        for await (const batch of erp.scan(mapping.query, never))
          for (let at = 0; at < batch.length; at++) keys.push(batch.key(at) ?? "");
        const asked = keys.slice(0, 5);
        const read = await Array.fromAsync(erp.readKeys(mapping.query, asked, never));
        expect(
          read.reduce((sum, { length }) => sum + length, 0),
          mapping.source,
        ).toBe(asked.length);
        await erp.aggregate(mapping.query, cursor?.query, never);
        const signals = [cursor, ...children.map((child) => child.cursor)].filter((signal) => signal !== undefined);
        for (const { query } of signals) {
          const [last] = (await Array.fromAsync(erp.changedSince(query, undefined, never))).flat();
          if (last !== undefined) await Array.fromAsync(erp.changedSince(query, last.mark, never));
          if (last !== undefined) await erp.changedRows?.(mapping.query, query, { from: last.mark, most: 10, signal: never });
        }
        for (const child of children) await Array.fromAsync(erp.scan(child.query, never));
      }
    });

    it("lets every command be written, looked up and recognised when it comes again", async () => {
      const [home] = (
        await root.query(
          "SELECT * FROM MIETVERTRAG WHERE MANDANT = '001' AND PERSNR <> '' AND STORNO <> 'J' AND LEERSTAND <> 'J' LIMIT 1",
        )
      )[0] as Record<string, string>[];
      const unitId = `001.${home?.OBJNR}.${home?.HAUSNR}.${home?.WOHNNR}`;
      const write = async (command: string, values: Record<string, string>, more: object = {}): Promise<string> => {
        const message = {
          type: "command",
          id: `${way}-${command}`,
          command,
          values,
          issuedAt: "2026-07-01T08:30:00Z",
          ...more,
        } as const;
        const context = { now: Date.now(), rehearse: false, resolve: () => undefined };
        const planned = compiled.commands.get(command)?.plan(message as never, { ...context, mayBeRepeated: false });
        if (planned === undefined || "rejected" in planned) throw new Error(`${command}: ${JSON.stringify(planned)}`);
        const outcome = await erp.write(planned, never);
        expect(outcome, command).toMatchObject({ state: "applied", repeated: false });
        await erp.lookup(planned, never);
        if (command.endsWith(".create")) {
          expect(await erp.write({ ...planned, mayBeRepeated: true }, never)).toMatchObject({ state: "applied", repeated: true });
        }
        return (outcome as { key: string }).key;
      };
      const values = {
        kind: "damage",
        title: "Heizung kalt",
        description: "Seit gestern.",
        priority: "normal",
        unitId,
        reporterId: `001.${home?.PERSNR}.1`,
      };
      const ticket = await write("ticket.create", values);
      const entity = { type: "ticket", id: ticket };
      await write(
        "ticket.update",
        { title: "Heizung ganz kalt", status: "in-progress", priority: "high", dueDate: "2027-01-31" },
        { entity, base: { title: "Heizung kalt", status: "open", priority: "normal", dueDate: null } },
      );
      await write("message.create", { ticketId: ticket, body: "Wann kommt jemand?" });
      await write("ticket.close", {}, { entity });
      const [rows] = await root.query("SELECT STATUS, KURZTEXT FROM AUFTRAG WHERE CONCAT(MANDANT, '.', AUFTRNR) = ?", [ticket]);
      expect(rows).toEqual([{ STATUS: "9", KURZTEXT: "Heizung ganz kalt" }]);
    });

    it("lets nothing else be done: other columns, other tables, deletes and the schema are refused", async () => {
      const [tables] = await root.query(
        "SELECT TABLE_NAME AS name, GROUP_CONCAT(COLUMN_NAME) AS columns FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? GROUP BY TABLE_NAME",
        [database],
      );
      const attempts = (tables as { name: string; columns: string }[]).flatMap(({ name, columns }) => {
        const line = script.find((text) => text.includes(`.\`${name}\` TO `)) ?? "";
        const granted = (right: string): string => new RegExp(`${right} \\(([^)]*)\\)`).exec(line)?.[1] ?? "";
        const others = (right: string): string[] => columns.split(",").filter((one) => !granted(right).includes(`\`${one}\``));
        return [
          ...others("SELECT").map((column) => `SELECT ${column} FROM ${name} LIMIT 1`),
          ...others("UPDATE").map((column) => `UPDATE ${name} SET ${column} = NULL WHERE 1 = 0`),
          ...others("INSERT").map((column) => `INSERT INTO ${name} (${column}) SELECT NULL FROM DUAL WHERE 1 = 0`),
          `DELETE FROM ${name} WHERE 1 = 0`,
          `ALTER TABLE ${name} ADD COLUMN X INT`,
        ];
      });
      expect(attempts.length).toBeGreaterThan(50);
      const own = await createConnection({ host: "127.0.0.1", port: server.port, user, password, database });
      const allowed: string[] = [];
      for (const attempt of [...attempts, "CREATE TABLE X (A INT)", "SELECT * FROM mysql.user"]) {
        const error = await own.query(attempt).then(
          () => undefined,
          ({ errno }: { errno: number }) => errno,
        );
        if (error === undefined) allowed.push(attempt);
        else expect([1142, 1143, 1044], attempt).toContain(error);
      }
      await own.end();
      expect(allowed).toEqual([]);
    });

    /** What does not depend on the way. */
    const once = (title: string, work: () => Promise<void>): void => {
      if (way === "column") it(title, work);
    };
    once(
      "with the right of `init` alone the comparison leads to exactly what is needed, and so it does with a role",
      async () => {
        await root.query(`CREATE USER other@'%' IDENTIFIED BY '${password}'`);
        await root.query("CREATE ROLE clerks");
        await root.query(`GRANT ALL PRIVILEGES ON ${database}.AUFTRAG TO clerks`);
        await root.query("GRANT clerks TO other@'%'");
        await root.query("SET DEFAULT ROLE clerks FOR other@'%'");
        const init = mysql.grants?.({ server: "127.0.0.1", database, user: "other" } as never);
        await run(init?.("init", needs, undefined) ?? []);
        await root.query(`GRANT UPDATE ON ${database}.AUFTRAG TO other@'%'`);
        const asOther = await mysql.open(
          { server: "127.0.0.1", port: server.port, database, user: "other", password: { secret: "x" } },
          async () => password,
          contextOf(),
        );
        const told = await asOther.grants?.compare(needs, never);
        expect(told?.tooMany).toContain("REVOKE `clerks` FROM 'other'@'%';");
        await run([...(told?.missing ?? []), ...(told?.tooMany ?? [])]);
        expect(await asOther.grants?.compare(needs, never)).toMatchObject({ missing: [], tooMany: [] });
        await asOther.close();
        await root.query("DROP USER other@'%'");
        await root.query("DROP ROLE clerks");
      },
    );

    once("check names others who log in with the account, and an administrator's account", async () => {
      const alone = (await erp.check(never, { read: [], write: [] })).filter(({ code }) => code === "erp-account-shared");
      expect(alone).toEqual([]);
      // From another address of this machine: without the performance schema only that tells it from ours.
      const elsewhere = await createConnection({
        ...{ user, password, database },
        stream: () => connectSocket({ host: "127.0.0.1", port: server.port, localAddress: "127.0.0.2" }),
      });
      const told = (await erp.check(never, { read: [], write: [] })).filter(({ code }) => code === "erp-account-shared");
      expect(told.map(({ message }) => message)).toEqual([expect.stringContaining("a program without a name from 127.0.0.2")]);
      await elsewhere.end();
      const asRoot = await mysql.open(
        { server: "127.0.0.1", port: server.port, database, user: "root", password: { secret: "x" } },
        async () => server.password,
        contextOf(),
      );
      expect((await asRoot.check(never, { read: [], write: [] })).map(({ message }) => message)).toContainEqual(
        expect.stringContaining("logs in as root"),
      );
      await asRoot.close();
    });

    it("names each right beyond the script with the statement that takes it back, and the counterpart takes all of it back", async () => {
      await root.query(`GRANT DELETE ON ${database}.AUFTRAG TO ${account}`);
      await root.query(`GRANT SELECT ON ${database}.* TO ${account}`);
      const fresh = await open();
      const told = await fresh.grants?.compare(needs, never);
      expect(told?.missing).toEqual([]);
      expect([...(told?.tooMany ?? [])].sort()).toEqual([
        `REVOKE DELETE ON \`${database}\`.\`AUFTRAG\` FROM ${account};`,
        `REVOKE SELECT ON \`${database}\`.* FROM ${account};`,
      ]);
      await run(told?.tooMany ?? []);
      expect(await fresh.grants?.compare(needs, never)).toMatchObject({ missing: [], tooMany: [] });
      await run(scripts()("revoke", needs, await fresh.grants?.server(never)));
      expect((await fresh.grants?.compare(needs, never))?.missing).toEqual(script.filter((line) => line.startsWith("GRANT")));
      await fresh.close();
      const [left] = await root.query(`SHOW GRANTS FOR ${account}`);
      expect((left as object[]).map((row) => String(Object.values(row)[0]).replace(/ IDENTIFIED .*/, ""))).toEqual([
        "GRANT USAGE ON *.* TO `fuser`@`%`",
      ]);
    });
  },
);
