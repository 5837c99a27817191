/** The command line in an admin's first hour, as processes: on SQLite, and on MariaDB where it is installed. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answer, refusal } from "../support/cli.ts";
import type { MariaDb } from "../support/mariadb.ts";
import { has, mariadb } from "../support/servers.ts";
import { openSite, type Site } from "../support/site.ts";

const withoutSources = 'agent: { name: X, portal: "wss://p.example/agent" }\n';

describe.each(["sqlite", ...(has("mariadb") ? ["mariadb"] : [])])("the first hour on %s", (database) => {
  const opened = new AsyncDisposableStack();
  let server: MariaDb | undefined;
  let site: Site;
  beforeAll(async () => {
    if (database === "mariadb") server = opened.use(await mariadb());
    site = opened.use(await openSite(server === undefined ? {} : { server }));
    if (site.account !== undefined) await answer(site, ["secret", "set", "erp-password"], { input: site.account.password });
  });
  afterAll(() => opened.disposeAsync());

  const out = (): string => join(site.folder, "drafted.yaml");
  const connection = (): string[] => {
    if (server === undefined) return ["--connector", "sqlite", "--file", join(site.folder, "erp.db")];
    const { user, database: name } = site.account as NonNullable<Site["account"]>;
    return ["--connector", "mariadb", "--server", server.host, "--port", String(server.port), "--user", user, "--database", name];
  };
  const drafting = (...more: string[]): string[] => [
    ...["init", "--out", out(), "--state", join(site.folder, "drafted"), "--name", "Musterstadt"],
    ...["--portal", site.gateway.url, ...connection(), ...more],
  ];
  const drafted = (...args: string[]): string[] => ["--config", out(), ...args];

  it("init drafts a configuration that loads, passes check once enrolled, and sends what preview shows", async () => {
    if (server !== undefined) {
      expect(await refusal(site, drafting(), 7)).toBe("secret-missing");
      expect(await refusal(site, drafting("--password-file", "-"), 4, "wrong\n")).toBe("erp-login-refused");
      expect(await refusal(site, drafting(), 7)).toBe("secret-missing");
    }
    const password = server === undefined ? [] : ["--password-file", "-"];
    expect(await refusal(site, drafting(...password, "--timezone", "Mars/Olympus"), 3, `${site.account?.password}\n`)).toBe(
      "config-faults",
    );
    const written = await answer(site, drafting(...password), { input: `${site.account?.password}\n` });
    expect(written).toMatchObject({
      file: out(),
      sources: expect.arrayContaining(["properties", "buildings", "units", "persons", "periods", "tickets", "invoices"]),
    });
    expect(statSync(out()).mode & 0o077).toBe(0);
    expect(await refusal(site, drafting(...password), 10)).toBe("decision-overwrite");

    const before = await answer(site, drafted("check"), { exit: 8 });
    expect(before.findings?.map(({ code }) => code)).toEqual(["agent-not-enrolled"]);
    const { code } = site.gateway.createEnrolmentCode({ stage: "test", ttlMs: 60_000 });
    expect(await answer(site, drafted("enrol", code))).toMatchObject({ stage: "test", database: expect.any(String) });
    expect(await refusal(site, drafted("enrol", code), 5)).toBe("enrol-code-used");
    expect(await answer(site, drafted("check"))).toMatchObject({ ok: true });

    const { rows } = (await answer(site, drafted("preview", "units", "--rows", "2", "--why"))) as {
      rows: { key: string; mapped: unknown; sent: unknown }[];
    };
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({
      mapped: { kind: "entity", fields: { name: expect.any(String), objectType: expect.any(String) } },
    });
    expect(rows[0]?.sent).toEqual({ state: "not-known", held: [], leftOut: [] });
    const key = String(rows[0]?.key).split(".").join(",");
    expect((await answer(site, drafted("preview", "units", "--key", key, "--why"))).rows).toEqual([rows[0]]);
    expect(await refusal(site, drafted("preview", "units", "--key", "001,nothing"), 9)).toBe("not-found-row");
    expect(await refusal(site, drafted("preview", "unit"), 9)).toBe("not-found-source");
  });

  it("a column that is misspelt is told with its line and its nearest name", async () => {
    site.configure({}, (text) => text.replace("KURZTEXT", "KURZTEXD"));
    const { findings } = await answer(site, ["check"], { exit: 8 });
    expect(findings?.find(({ message }) => message.includes("KURZTEXD"))).toMatchObject({
      place: expect.stringMatching(/^line \d+, sources\.tickets/),
      remedy: expect.stringContaining("`KURZTEXT`"),
    });
    site.configure();
  });
});

describe("what does not need a database", () => {
  const opened = new AsyncDisposableStack();
  let site: Site;
  beforeAll(async () => {
    site = opened.use(await openSite());
  });
  afterAll(() => opened.disposeAsync());

  it("secrets are set from stdin and files, listed by name, removed, and told up front when missing", async () => {
    const state = join(site.folder, "vault");
    const at = ["--state", state];
    writeFileSync(join(site.folder, "value"), "s3cret-from-file\n");
    await answer(site, ["secret", "set", "first", ...at], { input: "s3cret-from-stdin\n" });
    await answer(site, ["secret", "set", "second", "--file", join(site.folder, "value"), ...at]);
    expect(await answer(site, ["secret", "list", ...at])).toEqual({ names: ["first", "second"] });
    expect(readFileSync(join(state, "secrets.json"), "utf8")).not.toContain("s3cret");
    await answer(site, ["secret", "remove", "first", ...at]);
    expect(await refusal(site, ["secret", "remove", "first", ...at], 9)).toBe("not-found-secret");
    expect(await refusal(site, ["secret", "set", "third", "--file", "/nowhere/x", ...at], 9)).toBe("not-found-file");
    expect(await refusal(site, ["secret", "set", "no name", ...at], 7, "x")).toBe("secret-name-invalid");
    expect(await refusal(site, ["secret", "set", "empty", ...at], 7)).toBe("secret-value-invalid");
    const proxy = 'agent: { proxy: { url: "http://127.0.0.1:9", user: u, password: { secret: not-there } },';
    site.configure({}, (text) => text.replace("agent: {", proxy));
    expect(await refusal(site, ["run"], 7)).toBe("secret-missing");
    const { findings } = await answer(site, ["check", "--offline"], { exit: 7 });
    expect(findings?.find(({ message }) => message.includes("not-there"))).toMatchObject({ code: "secret-missing" });
    site.configure();
  });

  it("ten faults of a configuration are listed at once, by check and by every command that needs it", async () => {
    const spoilt = [
      ["stage: live", "stage: alive"],
      ["timezone: Europe/Berlin", "timezone: Mars/Olympus"],
      ["type: property", "type: propperty"],
      ["type: building", "typ: building"],
      ["table: WOHNUNG", "tabel: WOHNUNG"],
      ["type: person", "type: persona"],
      ["map: ", "mapp: "],
      ["rows: 500", "rows: many"],
      ["percent: 100", "percent: 500"],
      ["as: ymd", "as: ydm"],
    ] as const;
    site.configure({}, (text) => spoilt.reduce((changed, [from, to]) => changed.replace(from, to), text));
    const { findings } = await answer(site, ["check"], { exit: 3 });
    expect(findings?.length).toBeGreaterThanOrEqual(10);
    for (const finding of findings ?? []) {
      expect(finding).toMatchObject({ code: "config-fault", place: expect.stringMatching(/^line \d+, /) });
      expect(finding.remedy).toBeTruthy();
    }
    const { error } = await answer(site, ["run"], { exit: 3 });
    expect(error?.findings).toEqual(findings);
    site.configure();
  });

  it("a command line that is not understood ends with 2 and says what is allowed", async () => {
    for (const args of [
      ["statsu"],
      ["status", "--wrong"],
      ["journal", "--limit", "0"],
      ["journal", "--limit", "many"],
      ["journal", "--last", "2 weeks"],
      ["journal", "--kind", "everything"],
      ["logs", "--level", "loud"],
      ["logs", "--last", "-1"],
      ["commands", "list", "--state", "odd"],
      ["commands", "resolve", "some-id", "--outcome", "maybe"],
      ["commands", "resolve", "some-id"],
      ["quarantine", "list", "--limit", "1.5"],
      ["guard", "approve", "seven"],
      ["preview", "units", "--rows", "none"],
      ["protocol", "soap"],
      [],
    ])
      expect(await refusal(site, args, 2)).toBe("usage");
    expect(await refusal(site, ["enrol"], 2)).toBe("usage-code");
    expect(await refusal(site, ["preview"], 2)).toBe("usage-preview");
    expect(await refusal(site, ["trace", "units"], 2)).toBe("usage-key");
    expect(await refusal(site, ["init", "--out", join(site.folder, "new.yaml"), "--connector", "oracel"], 2)).toBe(
      "usage-connector",
    );
    expect(await refusal(site, ["init", "--out", join(site.folder, "new.yaml")], 2)).toBe("usage-no-terminal");
  });

  it("preview shows what a command would write, and rehearses it without a trace in the ERP", async () => {
    const [unit] = await site.erp.query("SELECT * FROM WOHNUNG LIMIT 1", []);
    const unitId = ["MANDANT", "OBJNR", "HAUSNR", "WOHNNR"].map((name) => String(unit?.[name])).join(".");
    const file = join(site.folder, "ticket.json");
    const preview = ["preview", "--command", "ticket.create", "--data", file];
    const given = (values: object): void => writeFileSync(file, JSON.stringify({ values }));
    given({ title: "Heizung kalt", description: "Seit gestern.", unitId });
    const before = await site.erp.query("SELECT * FROM NUMMERNKREIS", []);
    const { steps } = (await answer(site, preview)) as { steps: { step: string; values: object }[] };
    expect(steps.map(({ step }) => step)).toEqual(["number", "insert", "insert"]);
    expect(steps[1]).toMatchObject({ table: "AUFTRAG", values: { KURZTEXT: "Heizung kalt", WOHNNR: unit?.WOHNNR } });
    const rehearsed = await answer(site, [...preview, "--rehearse"]);
    expect(rehearsed).toMatchObject({ rehearsed: true, results: { nr: expect.any(Number) }, warning: expect.any(String) });
    const { statements } = rehearsed as { statements: { sql: string; values: unknown[] }[] };
    expect(statements.find(({ sql }) => /^INSERT INTO .?AUFTRAG\b/.test(sql))?.values).toContain("Heizung kalt");
    expect(await site.erp.query("SELECT * FROM AUFTRAG WHERE KURZTEXT = 'Heizung kalt'", [])).toEqual([]);
    expect(await site.erp.query("SELECT * FROM NUMMERNKREIS", [])).toEqual(before);
    given({ title: "x", number: "1" });
    expect(await answer(site, preview, { exit: 8 })).toMatchObject({ rejected: { code: "field-not-writable", field: "number" } });
    writeFileSync(file, "{}");
    expect(await refusal(site, preview, 2)).toBe("usage-data");
    given({});
    expect(await refusal(site, ["preview", "--command", "ticket.creat", "--data", file], 9)).toBe("not-found-command");
    expect(await refusal(site, ["preview", "--command", "ticket.create", "--data", `${file}x`], 9)).toBe("not-found-file");
  });

  it("before the agent has run, each command says so", async () => {
    expect(await answer(site, ["status"])).toEqual({ running: false, agent: null });
    for (const args of [["journal"], ["sync"], ["quarantine", "list"], ["commands", "list"], ["guard", "show"]])
      expect(await refusal(site, args, 6)).toBe("store-missing");
    expect(await refusal(site, ["logs"], 9)).toBe("not-found-log");
    expect(await site.erpfuser(["run"])).toMatchObject({ code: 5, document: { error: { code: "agent-not-enrolled" } } });
    expect(await refusal(site, ["enrol", "short"], 5)).toBe("enrol-code-unknown");
    expect(await refusal(site, ["enrol", "XXXX-XXXX-XXXX"], 5)).toBe("enrol-code-unknown");
    expect(await refusal(site, ["secret", "rotate"], 5)).toBe("agent-not-enrolled");
    const nowhere = join(site.folder, "nowhere.yaml");
    expect(await refusal(site, ["--config", nowhere, "status"], 3)).toBe("config-not-found");
    writeFileSync(join(site.folder, "half.yaml"), withoutSources);
    expect(await refusal(site, ["--config", join(site.folder, "half.yaml"), "run"], 3)).toBe("config-faults");
    expect(existsSync(nowhere)).toBe(false);
  });

  it("version, model and protocol are printed as they are generated", async () => {
    expect(await answer(site, ["version"])).toMatchObject({
      agent: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      protocol: 1,
      model: 1,
    });
    const generated = (file: string): unknown => JSON.parse(readFileSync(`protocol/generated/${file}`, "utf8"));
    expect(await answer(site, ["model"])).toEqual(generated("model.schema.json"));
    expect(await answer(site, ["protocol"])).toEqual(generated("asyncapi.json"));
    // A reader that has seen enough is no error.
    const piped = `set -o pipefail; "${process.execPath}" agent/main.ts model | head -1`;
    expect(execFileSync("bash", ["-c", piped], { encoding: "utf8" })).toBe("{\n");
    expect(await answer(site, ["protocol", "messages"])).toEqual(generated("messages.schema.json"));
  });
});
