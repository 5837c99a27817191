/** The command line in daily work, beside a running agent, as processes. */
import { chmodSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Run } from "../support/agent-run.ts";
import { answer, refusal, runInStep } from "../support/cli.ts";
import { openSite, type Site } from "../support/site.ts";

interface Entry {
  source: string;
  key: string;
  code: string;
}

const patience = { timeout: 60_000, interval: 200 };

describe("beside a running agent", () => {
  const opened = new AsyncDisposableStack();
  let site: Site;
  let run: Run;
  beforeAll(async () => {
    site = opened.use(await openSite());
    // Commands wait for approval; three deletes are too many.
    site.configure(
      { guards: { rows: 3, percent: 1 } },
      (text) => `${text.replace("  ticket.create:\n", "  ticket.create:\n    draft: true\n")}\nquality: { rules: true }\n`,
    );
    await site.enrol();
    run = opened.use(await runInStep(site));
  });
  afterAll(() => opened.disposeAsync());

  const quarantined = async (...args: string[]): Promise<Entry[]> =>
    (await answer(site, ["quarantine", "list", ...args])).entries as Entry[];

  it("status tells the agent, the portal, every source and what waits", async () => {
    const status = await answer(site, ["status"]);
    expect(status).toMatchObject({
      running: true,
      agent: { pid: run.pid, portal: { state: "connected" } },
      guards: [],
    });
    const { sources } = (status.agent as { status: { sources: { source: string; rows: number }[] } }).status;
    expect(sources.find(({ source }) => source === "units")).toMatchObject({ state: "active", rows: 4 });
  });

  it("sync looks at all sources or at one; an unknown one is told with the nearest", async () => {
    expect(await answer(site, ["sync"])).toMatchObject({ outcome: "done" });
    expect(await answer(site, ["sync", "persons", "--full"])).toEqual({ outcome: "done", message: "Looking now: persons" });
    const { error } = await answer(site, ["sync", "person"], { exit: 9 });
    expect(error).toMatchObject({ code: "not-found-source", hint: expect.stringContaining("Did you mean `persons`?") });
  });

  it("a bad row is listed with its reason, shown, released in vain, and gone once it is mended", async () => {
    const [row] = await site.erp.query(
      "SELECT * FROM MIETVERTRAG WHERE MANDANT = '001' AND STORNO <> 'J' AND PERSNR <> '' LIMIT 1",
      [],
    );
    const names = ["MANDANT", "OBJNR", "HAUSNR", "WOHNNR", "FOLGE"];
    const where = names.map((name) => `${name} = ?`).join(" AND ");
    const parts = names.map((name) => String(row?.[name]));
    const set = (start: number): Promise<unknown> =>
      site.erp.run(`UPDATE MIETVERTRAG SET BEGINN = ${start} WHERE ${where}`, parts);
    const key = parts.join(".");
    await set(20230231);
    await answer(site, ["sync", "periods", "--full"]);
    await vi.waitFor(async () => expect((await quarantined("periods")).map((entry) => entry.key)).toContain(key), patience);
    const shown = await answer(site, ["quarantine", "show", "periods", key]);
    expect(shown).toMatchObject({ code: "date-invalid", field: "startDate", dependents: [] });
    expect(await answer(site, ["trace", "utilisationPeriod", parts.join(",")])).toMatchObject({
      records: [{ source: "periods", key, quarantine: { code: "date-invalid" } }],
    });
    expect(await answer(site, ["quarantine", "release", "periods", key])).toMatchObject({ outcome: "done" });
    expect(await refusal(site, ["quarantine", "release", "properties"], 9)).toBe("not-found-quarantine");
    expect(await refusal(site, ["quarantine", "show", "periods", "001.x"], 9)).toBe("not-found-quarantine");
    expect(await refusal(site, ["quarantine", "list", "nothing"], 9)).toBe("not-found-source");
    await set(Number(row?.BEGINN));
    await answer(site, ["sync", "periods", "--full"]);
    await vi.waitFor(async () => expect((await quarantined("periods")).map((entry) => entry.key)).not.toContain(key), patience);
    expect(await answer(site, ["trace", "periods", key])).toMatchObject({ records: [{ known: true, quarantine: null }] });
  });

  it("a finding is listed, traced and counted, written for a clerk, accepted, and gone once it is mended", async () => {
    const [row] = await site.erp.query("SELECT PERSNR, EMAIL FROM PERSON WHERE MANDANT = '001' ORDER BY PERSNR LIMIT 1", []);
    const number = String(row?.PERSNR);
    const set = (email: string): Promise<unknown> =>
      site.erp.run("UPDATE PERSON SET EMAIL = ? WHERE MANDANT = '001' AND PERSNR = ?", [email, number]);
    const listed = async (...args: string[]) => {
      const { findings } = await answer(site, ["quality", "--rule", "email-placeholder", ...args]);
      return (findings as unknown as { finding: number; key: string; accepted: string }[]).find(({ key }) =>
        key.includes(number),
      );
    };
    await set("keine@email.de");
    await answer(site, ["sync", "persons", "--full"]);
    const found = await vi.waitFor(async () => {
      const entry = await listed();
      expect(entry).toBeDefined();
      return entry as NonNullable<typeof entry>;
    }, patience);
    const id = String(found.finding);
    const traced = () => answer(site, ["trace", "persons", found.key.replace(/[A-Z]+ /g, "")]);
    expect(await traced()).toMatchObject({
      records: [{ findings: [{ rule: "email-placeholder", field: "emails", accepted: null }], withheld: ["emails"] }],
    });
    const open = async (): Promise<number> => (await answer(site, ["status"])).findings as unknown as number;
    const before = await open();
    const told = () => site.status()?.status.sources.reduce((sum, { findings = 0 }) => sum + findings, 0);
    await vi.waitFor(() => expect(told()).toBe(before), patience);
    for (const format of ["html", "csv"]) {
      const file = join(site.folder, `list.${format}`);
      await answer(site, ["quality", "--lang", "de", "--export", format, "--to", file]);
      const text = readFileSync(file, "utf8");
      expect(text).toContain(found.key);
      expect(text).not.toContain("keine@email.de");
    }
    expect(await refusal(site, ["quality", "--export", "csv"], 2)).toBe("usage-export");
    expect(await refusal(site, ["quality", "--export", "csv", "--to", join(site.folder, "no", "list.csv")], 2)).toBe(
      "usage-file-unwritable",
    );
    expect(await refusal(site, ["quality", "accept", id, "--reason", "x", "--until", "2020-02-29"], 2)).toBe("usage-until");
    expect(await refusal(site, ["quality", "accept", "999999", "--reason", "x"], 9)).toBe("not-found-finding");
    expect(await answer(site, ["quality", "accept", id, "--reason", "Has none", "--until", "2126-12-31"])).toMatchObject({
      outcome: "done",
      message: expect.stringMatching(new RegExp(`^Finding ${id}, email-placeholder persons [^ ]*${number}[^ ]*, may stay`)),
    });
    expect(await listed()).toBeUndefined();
    expect(await listed("--accepted")).toMatchObject({ finding: found.finding, accepted: "Has none (until 2126-12-31)" });
    expect(await open()).toBe(before - 1);
    await set(String(row?.EMAIL ?? ""));
    await answer(site, ["sync", "persons", "--full"]);
    await vi.waitFor(async () => expect(await listed("--accepted")).toBeUndefined(), patience);
  });

  it("commands are listed, approved, resolved and traced", async () => {
    const [wanted, unwanted] = [site.report("Heizung"), site.report("Wasser")];
    const waiting = async (): Promise<unknown[]> =>
      (await answer(site, ["commands", "list", "--state", "waiting"])).commands as unknown[];
    await vi.waitFor(async () => expect(await waiting()).toHaveLength(2), patience);
    expect(await answer(site, ["commands", "approve", wanted])).toMatchObject({ outcome: "done" });
    expect(await answer(site, ["commands", "resolve", unwanted, "--outcome", "rejected"])).toMatchObject({ outcome: "done" });
    await vi.waitFor(async () => {
      expect(await answer(site, ["commands", "show", wanted])).toMatchObject({
        outcome: "applied",
        source: "tickets",
        number: expect.any(String),
      });
    }, patience);
    const traced = (await answer(site, ["trace", wanted])) as { key: string };
    const { key } = traced;
    expect(traced).toMatchObject({
      agent: { running: true, portal: { state: "connected" } },
      because: { reason: expect.stringMatching(/^(untold|settled)$/) },
      journal: [{ detail: { outcome: "applied" } }, { detail: { decision: "approve" } }, { detail: { outcome: "waiting" } }],
      record: { source: "tickets", key, known: true, sentAt: expect.any(String) },
    });
    expect(await answer(site, ["trace", "ticket", key])).toMatchObject({
      records: [{ source: "tickets", key, command: wanted }],
    });
    expect(await answer(site, ["commands", "show", unwanted])).toMatchObject({ outcome: "rejected" });
    expect(await refusal(site, ["commands", "retry", unwanted], 10)).toBe("command-finished");
    expect(await refusal(site, ["commands", "retry", "no-such"], 9)).toBe("command-unknown");
    expect(await refusal(site, ["commands", "show", "no-such"], 9)).toBe("not-found-command");
    expect(await refusal(site, ["trace", "no-such"], 9)).toBe("not-found-command");
  });

  it("a record that never came is traced as such, and what can't be a key is refused", async () => {
    expect(await answer(site, ["trace", "units", "001,000010,001,9999"], { exit: 9 })).toMatchObject({
      records: [{ known: false }],
    });
    expect(await refusal(site, ["trace", "units", "4711"], 9)).toBe("not-found-key");
    expect(await refusal(site, ["trace", "flat", "4711"], 9)).toBe("not-found-source");
  });

  it("too many deletes are held, shown with their keys, and sent once approved", async () => {
    await site.erp.run("DELETE FROM KATALOG", []);
    await answer(site, ["sync", "catalog", "--full"]);
    const guards = async (...args: string[]) =>
      (await answer(site, ["guard", "show", ...args])).guards as { id: number; keys?: string[] }[];
    const [guard] = await vi.waitFor(async () => {
      const found = await guards();
      expect(found).toMatchObject([{ source: "catalog", state: "open" }]);
      return found;
    }, patience);
    const id = String(guard?.id);
    expect((await guards(id))[0]?.keys?.length).toBeGreaterThan(3);
    expect(await answer(site, ["status"])).toMatchObject({ guards: [{ id: guard?.id }] });
    expect(await refusal(site, ["guard", "show", "99"], 9)).toBe("guard-unknown");
    expect(await refusal(site, ["guard", "reject", "99"], 9)).toBe("guard-unknown");
    expect(await answer(site, ["guard", "approve", id])).toMatchObject({ outcome: "done" });
    expect(await refusal(site, ["guard", "approve", id], 9)).toBe("guard-unknown");
    await vi.waitFor(async () => expect(await answer(site, ["status"])).toMatchObject({ pending: 0, guards: [] }), patience);
  });

  it("the journal is filtered by kind, source, status and time", async () => {
    const entries = async (...args: string[]) =>
      (await answer(site, ["journal", ...args])).entries as { kind: string; source?: string }[];
    expect(
      (await entries("--kind", "compare", "--source", "persons", "--last", "1h")).every(
        (entry) => entry.kind === "compare" && entry.source === "persons",
      ),
    ).toBe(true);
    expect(await entries("--limit", "2")).toHaveLength(2);
    expect(await entries("--kind", "guard")).toMatchObject([{ source: "catalog", status: "ok" }]);
    expect(await refusal(site, ["journal", "--source", "nothing"], 9)).toBe("not-found-source");
  });

  it("the agent's key is rotated while it runs", async () => {
    const { fingerprint } = await answer(site, ["secret", "rotate"]);
    expect(fingerprint).toMatch(/^[0-9a-f]{4}(-[0-9a-f]{4}){7}$/);
  });

  it("the log of these minutes is short: no line of a routine, and every warning with its code", async () => {
    const said = await site.erpfuser(["logs", "--last", "1000"]);
    const lines = said.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { level: string; message: string; code?: string });
    expect(said.code).toBe(0);
    expect(lines[0]).toMatchObject({ message: "Starting" });
    for (const line of lines.filter(({ level }) => level !== "info")) expect(line.code).toBeTruthy();
    // Each of the 13 sources at the start and at `sync`, and what `sync --full` asked for.
    expect(lines.filter(({ message }) => message === "Compared in full").length).toBeLessThanOrEqual(30);
    expect(await refusal(site, ["logs", "--source", "nothing"], 9)).toBe("not-found-source");
  });

  it("stopped by SIGTERM it ends with 0, and says so wherever one asks", async () => {
    expect((await run.stop()).code).toBe(0);
    expect(await answer(site, ["status"])).toMatchObject({ running: false, agent: { pid: run.pid } });
    expect(await refusal(site, ["sync"], 6)).toBe("state-agent-silent");
    expect(await answer(site, ["check"])).toMatchObject({ ok: true });
    expect(await refusal(site, ["go-live", "XXXX-XXXX-XXXX", "--yes"], 10)).toBe("decision-already-live");
  });
});

describe("from test to live", () => {
  it("go-live shows the figures, joins the live tenant and changes one word of the configuration", async () => {
    await using site = await openSite();
    site.configure({ stage: "test" });
    const codeOf = (stage: "test" | "live"): string => site.gateway.createEnrolmentCode({ stage, ttlMs: 60_000 }).code;
    expect(await refusal(site, ["enrol", codeOf("live")], 5)).toBe("enrol-other-stage");
    await answer(site, ["enrol", codeOf("test")]);
    const run = await runInStep(site);
    expect(await refusal(site, ["go-live", codeOf("live"), "--yes"], 10)).toBe("decision-agent-runs");
    await run.stop();
    expect(await refusal(site, ["go-live", codeOf("live")], 2)).toBe("usage-no-terminal");
    expect(await refusal(site, ["go-live", codeOf("test"), "--yes"], 5)).toBe("enrol-other-stage");
    const before = readFileSync(site.configFile, "utf8");
    chmodSync(site.configFile, 0o640);
    expect(await answer(site, ["go-live", codeOf("live"), "--yes"])).toMatchObject({
      stage: "live",
      entities: { units: 4 },
      openGuards: 0,
    });
    expect(readFileSync(site.configFile, "utf8")).toBe(before.replace("stage: test", "stage: live"));
    expect(statSync(site.configFile).mode & 0o777).toBe(0o640);
    await (await runInStep(site)).stop();
  });
});
