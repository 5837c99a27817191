import { expect, test } from "vitest";
import { explainCommand, traceCommand } from "../../../../agent/cli/trace-command.ts";
import type { AgentSays, Look } from "../../../../agent/cli/trace-look.ts";
import { traceRecord } from "../../../../agent/cli/trace-record.ts";
import { explainRecord } from "../../../../agent/cli/trace-record-text.ts";
import { openStoreForReading } from "../../../../agent/store/open.ts";
import type { PendingMove, QuarantineEntry, Store } from "../../../../agent/store/store.ts";
import { noteStaged, rememberVanished } from "../../../../agent/writeback/memory.ts";
import type { Config } from "../../../../config/config.ts";
import { parseConfig } from "../../../../config/load.ts";
import { entityText } from "../../../../protocol/entity-text.ts";
import type { Command } from "../../../../protocol/messages.ts";
import { storeBench } from "../store/bench.ts";

const bench = storeBench();
const { clock } = bench;

const yaml = (blackout: string): string => `
agent: { name: Musterstadt, portal: "wss://p.example.com/agent" }
erp: { connector: sqlite, file: "erp.db", timezone: Europe/Berlin${blackout} }
sources:
  estates: { type: property, table: OBJEKT, key: [MANDANT, OBJNR], fields: { name: BEZ } }
  units: { type: unit, prefix: u, table: WOHNUNG, key: [NR], fields: { propertyId: { ref: estates, key: [MANDANT, OBJNR] }, name: LAGE, objectType: { value: flat } } }
  persons: { type: person, table: PERSON, key: [NR], fields: { kind: { value: natural }, lastName: NAME, emails: { from: EMAIL, do: [email-list] } } }
`;

function configured(blackout = ""): Config {
  const { config, faults } = parseConfig({ text: yaml(blackout), file: "/etc/erpfuser/erpfuser.yaml" });
  if (config === undefined) throw new Error(JSON.stringify(faults));
  return config;
}

const connected: AgentSays = { running: true, portal: { state: "connected" }, sources: [], erpProblem: undefined };

/** A store that something was done to, as the command line sees it. */
function seen(prepare: (store: Store) => void, { config = configured(), agent = connected } = {}) {
  const directory = bench.folder();
  const store = bench.open(directory);
  store.transaction(() => prepare(store));
  const state = openStoreForReading(directory, clock);
  bench.keep(() => state[Symbol.dispose]());
  const look: Look = { state, config, agent, now: clock.now() };
  const record = (source: string, key: string) => {
    const trace = traceRecord(look, config.sources.find(({ name }) => name === source) as Config["sources"][number], key);
    return { ...trace, text: explainRecord(trace).join("\n") };
  };
  const command = (id: string) => {
    const trace = traceCommand(look, state.inbox.get(id) as NonNullable<ReturnType<typeof state.inbox.get>>);
    return { ...trace, text: explainCommand(trace).join("\n") };
  };
  return { record, command };
}

const sent = { rowDigest: 1n, entityDigest: 1n };
const quarantined = (key: string, code: string, more: Partial<QuarantineEntry> = {}): QuarantineEntry => ({
  ...{ source: "units", key, type: "unit", id: `u:${key}`, code, field: undefined, message: `Why: ${code}` },
  ...{ digest: undefined, since: clock.now(), waitsFor: undefined, ...more },
});
function at({ pending }: Store, key: string, to: Omit<PendingMove, "notBefore">): void {
  const now = clock.now();
  pending.mark("units", [key], { now, confirm: false });
  pending.advance("units", key, pending.get("units", key)?.mark ?? 0, { notBefore: now + 60_000, ...to });
}

test("Wherever a record stands on its way, its trace says so and why", () => {
  const upsert = { op: "upsert", type: "unit", time: 1, text: entityText({ name: "A", objectType: "flat" }) } as const;
  const { record } = seen((store) => {
    const { entities, guards, outbox, pending } = store;
    pending.mark("units", ["marked"], { now: clock.now(), confirm: false });
    for (const stage of ["confirm", "grace", "approved"] as const) at(store, stage, { stage });
    const { id } = guards.open("units", "deletes", clock.now());
    const suspicion = { why: "emptied", rowDigest: 1n, entityDigest: 2n } as const;
    at(store, "suspect", { stage: "suspect", suspicion });
    at(store, "held", { stage: "held", guard: id });
    guards.outOf(id, 7);
    at(store, "emptied", { stage: "held", guard: guards.open("units", "emptied", clock.now()).id, suspicion });
    outbox.append(
      [
        { ...upsert, id: "u:unacked" },
        { op: "delete", type: "unit", id: "u:going", time: 1, reason: "gone" },
      ],
      { bulk: false },
    );
    entities.put("units", "known", sent);
    entities.put("units", "cancelled", { rowDigest: 1n, entityDigest: undefined });
    store.sources.update("units", { comparedAt: clock.now() });
    note(store, { gone: "other gone" });
  });
  const states: [key: string, where: string, says: RegExp][] = [
    ["never", "unknown", /Nothing is known of it[\s\S]*Source units: last compared in full /],
    ["marked", "to-be-read", /it will be read/],
    ["confirm", "to-be-confirmed", /read again to be sure\nPending since .*\(confirm\), not before /],
    ["grace", "in-grace", /grace time\nPending since .*\(grace\), not before /],
    [
      "held",
      "held-by-guard",
      /no longer in the ERP\n[\s\S]*Held by guard 1, 1 of 7, more deletes than the guard allows: `erpfuser guard show 1`/,
    ],
    ["suspect", "suspected", /how many others are like it\nFields of it that had a value have none/],
    ["emptied", "held-by-guard", /have none\n[\s\S]*Held by guard 2, 1 of \d+, more entities lose a value/],
    ["approved", "approved", /approved it; .*\nIt is no longer in the ERP/],
    ["unacked", "in-outbox", /as item 1, not yet acknowledged/],
    ["going", "in-outbox", /as item 2, a delete, not yet acknowledged/],
    ["known", "at-portal", /acknowledged its last state\n[\s\S]*When it was last sent the journal does not say/],
    ["cancelled", "cancelled", /counts as cancelled/],
    ["gone", "deleted", /deleted at the portal[\s\S]*: deleted$/],
  ];
  for (const [key, where, says] of states) {
    const trace = record("units", key);
    expect({ where: trace.where, text: trace.text }).toEqual({ where, text: expect.stringMatching(says) });
    expect(trace.text).toContain(`units ${key} (id u:${key})\n`);
  }
  expect(record("estates", "001.10").text).toContain("Source estates: not yet compared in full");
});

function note({ journal }: Store, detail: Record<string, string>): void {
  journal.add({ at: clock.now(), kind: "sync", source: "units", status: "ok", durationMs: 1, detail: { sent: 1, ...detail } });
}

test("Whatever holds a record in quarantine is told with its field, whether the portal has something of it, and who waits", () => {
  const codes = ["date-invalid", "code-unknown", "quality", "too-large", "refused-invalid", "has-dependents", "kept-at-portal"];
  const { record } = seen((store) => {
    for (const code of codes) {
      store.quarantine.put(quarantined(code, code, { field: "name" }));
      store.entities.put("units", code, sent);
    }
    // A delete that waits for its dependents is looked at again and again.
    at(store, "has-dependents", { stage: "grace" });
  });
  for (const code of codes) {
    const { where, text, quarantine } = record("units", code);
    expect(quarantine).toMatchObject({ code, field: "name" });
    expect(where).toBe("in-quarantine");
    expect(text).toMatch(
      new RegExp(`waits in quarantine\\nIn quarantine since .*: ${code} in name, Why: ${code}\\nThe portal may hold`),
    );
  }
});

test("What waits for its parent is told with what that waits for, up to the one to be mended", () => {
  const { record } = seen((store) => {
    const waitsFor = { source: "estates", key: "001.10" };
    store.quarantine.put(quarantined("1", "parent-missing", { waitsFor }));
    store.quarantine.put(
      quarantined("1", "code-unknown", { ...waitsFor, type: "property", id: "001.10", field: "managementType" }),
    );
  });
  expect(record("units", "1")).toMatchObject({
    waitsFor: [
      { source: "estates", key: "001.10", where: "in-quarantine", why: "code-unknown in managementType: Why: code-unknown" },
    ],
    text: expect.stringContaining("Waits for estates 001.10. code-unknown in managementType: Why: code-unknown"),
  });
  expect(record("estates", "001.10")).toMatchObject({ dependents: 1, text: expect.stringContaining("1 others wait for it") });
});

test("A record is told with the references and fields that it was sent without, and by which rule, person or lack of the schema", () => {
  const { record } = seen((store) => {
    store.entities.put("units", "1", sent);
    store.entities.setAwaited("units", "1", [{ source: "estates", key: "001.10" }]);
    const lack = { rule: "schema-missing", source: "units", key: "", field: "areaSquareMetres", other: "" } as const;
    store.findings.replace(1n, [{ ...lack, params: { stops: "field", line: 3, what: "no column FLAECHE" } }], clock.now());
    const found = { rule: "email-placeholder", source: "persons", key: "1", field: "emails", other: "", params: {} } as const;
    store.findings.replace(2n, [found], clock.now());
    const address = { kind: "email", hash: 7n, detail: 8n } as const;
    for (const key of ["2", "3"]) {
      store.facts.put({ source: "persons", key }, { facts: [address], spans: [] });
      store.facts.setHeld(store.facts.selfOf("persons", key), address, key === "2");
    }
  });
  expect(record("units", "1").text).toMatch(
    /without its reference to estates 001\.10, which is not at the portal\nThe field areaSquareMetres is left out: no column FLAECHE/,
  );
  expect(record("persons", "1")).toMatchObject({ withheld: ["emails"], text: expect.stringContaining("Placeholder instead of") });
  expect(record("persons", "2")).toMatchObject({
    withheld: ["emails"],
    sharedWith: [{ source: "persons", key: "3", sent: true }],
    text: expect.stringContaining("also stands at persons 3, which is sent with it"),
  });
  expect(record("persons", "3")).toMatchObject({ withheld: [], sharedWith: [{ key: "2", sent: false }] });
});

test("When a record was sent by itself, refused and changed by a command is told from the journal, by whole keys", () => {
  const { record } = seen((store) => {
    store.entities.put("units", "1", sent);
    note(store, { keys: "11 1 12" });
    clock.advance(1_000);
    note(store, { keys: "11", gone: "12" });
    store.journal.add({
      ...{ at: clock.now(), kind: "sync", source: "units", status: "refused", durationMs: undefined },
      detail: { id: "u:1", code: "refused-invalid", seq: 7 },
    });
  });
  const { journal, sentAt, text } = record("units", "1");
  expect(journal.map(({ done, status }) => [done, status])).toEqual([
    [undefined, "refused"],
    ["sent", "ok"],
  ]);
  expect(sentAt).toBe(new Date(clock.now() - 1_000).toISOString());
  expect(text).toMatch(/: sync, refused code=refused-invalid seq=7\n.*: sent$/);
  expect(record("units", "12")).toMatchObject({ where: "deleted" });
});

const command = (id: string, more: Partial<Command> = {}): Command => ({
  ...{ type: "command", id, command: "ticket.update", values: { title: "Tap" }, issuedAt: "2026-11-22T06:00:00Z" },
  ...more,
});
const onTicket = (id: string) => ({ entity: { type: "ticket", id } });

test("Wherever a command stands, its trace says so, why, and what a person can do", () => {
  const prepare = (store: Store): void => {
    const { inbox, journal } = store;
    const receive = (id: string, more: Partial<Command> = {}): void =>
      void inbox.receive(command(id, more), { now: clock.now(), mayBeRepeated: false });
    const told = (code: string, en: string) => ({ error: { code, de: "x", en } });
    for (const id of ["is-due", "first", "is-draft", "too-many", "is-asked"]) receive(id);
    inbox.conclude("is-asked", "waiting", told("conflict-asked", "A person decides."));
    inbox.conclude("is-draft", "waiting", told("draft", "Waits."));
    inbox.conclude("too-many", "waiting", told("cap-per-hour", "Many."));
    receive("after-draft", { after: "is-draft" });
    receive("refers-to", { command: "message.create", values: { ticketId: { createdBy: "is-draft" } } });
    for (const id of ["failed", "staged", "claimed", "unsure", "refused", "applied", "vanished"]) {
      receive(id, onTicket(id));
      inbox.claim(id);
    }
    receive("behind-it", onTicket("claimed"));
    inbox.retryAt("failed", clock.now() + 60_000);
    const detail = { id: "failed", code: "erp-locked" };
    journal.add({ at: clock.now(), kind: "command", source: undefined, status: "failed", durationMs: undefined, detail });
    inbox.retryAt("staged", clock.now() + 10_000);
    noteStaged(store.meta, "staged");
    inbox.conclude("unsure", "uncertain", {});
    inbox.conclude("refused", "rejected", told("erp-refused", "No."));
    for (const id of ["applied", "vanished"]) {
      inbox.conclude(id, "applied", { number: "4711" }, { source: "units", key: "1" });
      inbox.settle(id, 1);
    }
    rememberVanished(store.meta, ["vanished"]);
  };
  const states: [id: string, code: string, says: RegExp][] = [
    ["is-due", "due", /: received\nIt is carried out next/],
    ["behind-it", "behind", /waits until claimed is over, which is executing/],
    ["after-draft", "behind", /waits until is-draft is over, which is waiting/],
    ["refers-to", "behind", /waits until is-draft is over/],
    [
      "failed",
      "next-try",
      /through \(erp-locked\); it is tried again .*\nReceived .*, 1 attempt\n.*: command, failed code=erp-locked/,
    ],
    ["staged", "staged", /lies in the ERP's staging table/],
    ["claimed", "executing", /carries it out/],
    ["is-draft", "draft", /`erpfuser commands approve is-draft`[\s\S]*Told the reader: Waits\./],
    ["too-many", "cap-per-hour", /Too many within the hour/],
    ["is-asked", "conflict", /`commands resolve is-asked --outcome portal-wins` or `erp-wins`/],
    ["unsure", "uncertain", /Look there, then `erpfuser commands resolve unsure --outcome applied`/],
    ["refused", "untold", /: finished, rejected\nIt is over; the portal has not[\s\S]*reader: No\./],
    ["applied", "settled", /: settled, applied[\s\S]*made or changed units 1 \(number 4711\)\nThe portal took note /],
    ["vanished", "vanished", /no longer has its effect: `erpfuser commands retry vanished`/],
  ];
  const { command: traced } = seen(prepare);
  for (const [id, code, says] of states) {
    const trace = traced(id);
    expect({ code: trace.because.reason, text: trace.text }).toEqual({ code, text: expect.stringMatching(says) });
  }
  const blackout = ", courtesy: { blackout: [ { between: 00:00-23:59 } ], commands: hold }";
  expect(seen(prepare, { config: configured(blackout) }).command("is-due").because.reason).toBe("blackout");
});
