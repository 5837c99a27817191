// What befalls an Oracle server, told by its double: each error is classified, survived or stopped with what to do, and nothing is lost or done twice.
import { describe, expect, it } from "vitest";
import { silentLog } from "../../base/log.ts";
import { oracle } from "../../connectors/oracle/connector.ts";
import { OracleError } from "../doubles/tns/database.ts";
import { startTnsDouble } from "../doubles/tns/server.ts";
import { oracleBench, planOf, rows } from "./erp/oracle-bench.ts";
import { collect, contextOf, never } from "./erp/subject.ts";

/** As `DBA_USERS.PASSWORD_VERSIONS` 10G. */
const verifier10g = 0x939;
const protocol11g = 314;
const usualProtocol = 318;

describe("Oracle: faults", () => {
  const bench = oracleBench();

  it.each([
    [60, "transient", "erp-deadlock"],
    [54, "transient", "erp-locked"],
    [30006, "transient", "erp-locked"],
    [1013, "transient", "erp-interrupted"],
    [1555, "transient", "erp-snapshot-old"],
    [1653, "transient", "erp-disk-full"],
    [257, "transient", "erp-disk-full"],
    [3113, "transient", "erp-connection-lost"],
    [16000, "config", "erp-read-only"],
    [942, "config", "erp-object-missing"],
    [1031, "config", "erp-rights"],
  ])("ORA-%i while a plan writes is %s, %s, and nothing of the plan stays", async (number, kind, code) => {
    bench.once('INSERT INTO "FUSERTEST_ROWS"', new OracleError(number, "told by the double"));
    await expect(bench.connector.write(planOf("2"), never)).rejects.toMatchObject({ kind, code });
    expect(await bench.ids()).toEqual(["1"]);
  });

  it.each([
    [1, "erp-duplicate"],
    [2291, "erp-foreign-key"],
    [2292, "erp-foreign-key"],
    [1400, "erp-not-null"],
    [12899, "erp-value-too-long"],
    [1722, "erp-value-type"],
    [1858, "erp-value-type"],
    [1438, "erp-value-out-of-range"],
    [20_001, "erp-refused"],
    [20_999, "erp-refused"],
    [1403, "erp-refused"],
    [6510, "erp-refused"],
    [4091, "erp-refused"],
  ])("ORA-%i refuses the command with %s", async (number, code) => {
    bench.once('INSERT INTO "FUSERTEST_ROWS"', new OracleError(number, "told by the double"));
    expect(await bench.connector.write(planOf("2"), never)).toMatchObject({ state: "rejected", code });
    expect(await bench.ids()).toEqual(["1"]);
  });

  it("what a rule of the ERP says reaches the one who asked", async () => {
    bench.once('INSERT INTO "FUSERTEST_ROWS"', new OracleError(20_100, "Der Monat ist abgeschlossen"));
    const outcome = await bench.connector.write(planOf("2"), never);
    expect(outcome).toMatchObject({ state: "rejected", message: expect.stringContaining("Der Monat ist abgeschlossen") });
  });

  it("a connection that broke while it lay idle is replaced without a word, to read and to write", async () => {
    await bench.read();
    await bench.connector.write(planOf("2"), never);
    bench.erp.double.breakAll();
    await bench.erp.reconnect();
    expect(await bench.read()).toEqual([[1, "one", "A"]]);
    expect(await bench.connector.write(planOf("3"), never)).toMatchObject({ state: "applied" });
    expect(await bench.ids()).toEqual(["1", "2", "3"]);
  });

  it("a server that is gone is told as that, and used again once it is back", async () => {
    await bench.read();
    await bench.erp.double.stop();
    await expect(bench.read()).rejects.toMatchObject({
      kind: "transient",
      code: expect.stringMatching(/erp-(unreachable|connection-lost)/),
    });
    await bench.erp.double.start();
    await bench.erp.reconnect();
    expect(await bench.read()).toEqual([[1, "one", "A"]]);
  });

  it("of several addresses the next one is taken where the first server is gone", async () => {
    const other = await startTnsDouble(bench.erp.engine);
    const { port } = other;
    await other.stop();
    const address = (at: number): string => `(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT=${at}))`;
    const connect = `(DESCRIPTION=(ADDRESS_LIST=(FAILOVER=on)${address(port)}${address(bench.erp.double.port)})(CONNECT_DATA=(SERVICE_NAME=${bench.erp.engine.serviceName})))`;
    const settings = { connect, user: "fuser", password: { secret: "erp" } };
    const elsewhere = await oracle.open(settings, async () => "geheim", contextOf());
    try {
      expect((await collect(elsewhere.readKeys(rows, ["1"], never))).map(({ key }) => key)).toEqual(["1"]);
      expect(await elsewhere.write(planOf("2"), never)).toMatchObject({ state: "applied" });
    } finally {
      await elsewhere.close();
    }
  });

  it("a server that does not answer is left after the time limit", async () => {
    const hasty = await bench.erp.open({ limits: { statementTimeoutMs: 2_000 } });
    try {
      await collect(hasty.readKeys(rows, ["1"], never));
      bench.once('FROM "FUSERTEST_ROWS"', "silent");
      await expect(collect(hasty.readKeys(rows, ["1"], never))).rejects.toMatchObject({
        kind: "transient",
        code: "erp-statement-timeout",
      });
      expect((await collect(hasty.readKeys(rows, ["1"], never))).length).toBe(1);
    } finally {
      await hasty.close();
    }
  });

  it.each(["lost", "lost-after"] as const)("a commit whose answer is %s is looked up, and is done once", async (fault) => {
    bench.once("COMMIT", fault);
    await expect(bench.connector.write(planOf("2"), never)).rejects.toMatchObject({
      kind: "transient",
      code: "erp-commit-unknown",
    });
    const again = await bench.connector.write(planOf("2", { mayBeRepeated: true }), never);
    expect(again).toMatchObject({ state: "applied", repeated: fault === "lost-after" });
    expect(await bench.ids()).toEqual(["1", "2"]);
  });

  it("a commit that the server rolls back for a deferred rule is the ERP's refusal, and not tried for ever", async () => {
    bench.once(
      "COMMIT",
      new OracleError(2091, "transaction rolled back\nORA-02291: integrity constraint (ERP.FK_ROWS) violated"),
    );
    expect(await bench.connector.write(planOf("2"), never)).toMatchObject({ state: "rejected", code: "erp-foreign-key" });
    expect(await bench.ids()).toEqual(["1"]);
  });

  it.each([1013, 2054])(
    "a commit that ends with ORA-%i may have been done: it is looked up on a new connection",
    async (number) => {
      bench.once("COMMIT", new OracleError(number, "told by the double"));
      await expect(bench.connector.write(planOf("2"), never)).rejects.toMatchObject({
        kind: "transient",
        code: "erp-commit-unknown",
      });
      // Without a way to tell it is left to a person.
      bench.once("COMMIT", new OracleError(number, "told by the double"));
      const blind = planOf("3", { idempotency: { way: "base" } });
      expect(await bench.connector.write(blind, never)).toMatchObject({ state: "uncertain" });
      expect(await bench.connector.write(planOf("2", { mayBeRepeated: true }), never)).toMatchObject({
        state: "applied",
        repeated: false,
      });
      expect(await bench.ids()).toEqual(["1", "2"]);
    },
  );

  it("a snapshot that is too old in the midst of a scan fails the scan, and the next one gives every row", async () => {
    for (let id = 2; id <= 9; id++) await bench.erp.run("INSERT INTO fusertest_rows VALUES (?, 'more', NULL)", [id]);
    bench.once('"ID" > ', new OracleError(1555, "snapshot too old: rollback segment number 3 too small"));
    await expect(collect(bench.connector.scan(rows, never))).rejects.toMatchObject({
      kind: "transient",
      code: "erp-snapshot-old",
    });
    expect((await collect(bench.connector.scan(rows, never))).length).toBe(9);
  });

  it.each([
    [28001, "the password has expired"],
    [28000, "the account is locked"],
  ])("a login that ends with ORA-%i is told by check with what to do, and no password is in it", async (number, words) => {
    bench.erp.engine.refuseLogin = new OracleError(number, words);
    try {
      const findings = await bench.connector.check(never);
      expect(findings).toMatchObject([{ severity: "error", code: "erp-login-refused" }]);
      expect(findings[0]?.remedy).toMatch(/DBA/);
      expect(JSON.stringify(findings)).not.toContain("geheim");
    } finally {
      bench.erp.engine.refuseLogin = undefined;
    }
  });

  it.each([
    ["ORA-28040", "a client without the server's own way to log in"],
    ["NJS-116", "a password whose verifier is of version 10"],
    ["NJS-138", "a server of version 11.2"],
  ])("%s, %s, is told by check with the client that can do it", async (told) => {
    const { engine, double } = bench.erp;
    if (told === "ORA-28040") engine.refuseLogin = new OracleError(28040, "No matching authentication protocol");
    if (told === "NJS-116") engine.verifier = verifier10g;
    if (told === "NJS-138") double.protocol = protocol11g;
    try {
      const findings = await bench.connector.check(never);
      const message = expect.stringContaining(told);
      expect(findings).toMatchObject([{ severity: "error", code: "erp-version", message }]);
      expect(findings[0]?.remedy).toMatch(/Oracle Instant Client: set `thick: { libDir: FOLDER }`/);
    } finally {
      engine.refuseLogin = undefined;
      engine.verifier = undefined;
      double.protocol = usualProtocol;
    }
  });

  it("a password in its days of grace lets the agent work, is told by check, and once in the log", async () => {
    const { engine } = bench.erp;
    engine.warning = new OracleError(28002, "the password will expire within 6 days");
    const warned: unknown[] = [];
    const log = { ...silentLog, warn: (message: string, fields?: unknown) => warned.push([message, fields]) };
    const graced = await bench.erp.open({ log });
    try {
      expect((await collect(graced.readKeys(rows, ["1"], never))).length).toBe(1);
      expect(await graced.write(planOf("2"), never)).toMatchObject({ state: "applied" });
      const told = (await graced.check(never)).filter(({ code }) => code === "erp-password-expires");
      const message = expect.stringContaining("ORA-28002: the password will expire within 6 days");
      expect(told).toMatchObject([{ severity: "warning", message, remedy: expect.stringContaining("erpfuser secret set") }]);
      expect(warned).toEqual([[expect.any(String), expect.objectContaining({ warning: expect.stringContaining("ORA-28002") })]]);
    } finally {
      engine.warning = undefined;
      await graced.close();
    }
  });

  it("a second agent of one name waits for the lock and gives up, and another name is free", async () => {
    await bench.connector.write(planOf("2"), never);
    const twin = await bench.erp.open();
    const other = await bench.erp.open({ sessionName: "another" });
    try {
      await expect(twin.write(planOf("3"), never)).rejects.toMatchObject({ kind: "transient", code: "erp-session-locked" });
      expect(await other.write(planOf("4"), never)).toMatchObject({ state: "applied" });
    } finally {
      await twin.close();
      await other.close();
    }
  });
});
