// A portal written from the generated documents alone, and the whole agent: enrolment, changes, refusals, commands, resume, a new epoch, status.
import { afterEach, expect, onTestFailed, test, vi } from "vitest";
import { createAgent } from "../../agent/cli/demo/agent-process.ts";
import { sqlitePlace } from "../../agent/cli/demo/erp-place.ts";
import { openHome } from "../../agent/cli/demo/home.ts";
import { systemClock } from "../../base/time.ts";
import { localStamp } from "../support/erp/calendar.ts";
import type { ErpDb, ErpRow } from "../support/erp/db.ts";
import { generateErp, mainMandant } from "../support/erp/generate.ts";
import { expectEntities } from "../support/erp/oracle-expected.ts";
import { canonical } from "../support/erp/oracle-values.ts";
import type { EntityFields, Item, Message } from "../support/schema-only.ts";
import { openSchemaOnlyPortal, type SchemaOnlyPortal } from "../support/schema-only-portal.ts";
import { tempDirectory } from "../support/servers.ts";

const patience = { timeout: 90_000, interval: 100 };
const closing = new Set<AsyncDisposableStack>();
afterEach(async () => {
  for (const stack of closing) await stack.disposeAsync();
  closing.clear();
});

/** Ids and fields that the ERP says are to be at the portal, by SQL alone. */
async function expectedOf(erp: ErpDb): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  await expectEntities(erp, (type, entities) => {
    for (const [id, fields] of entities) all.set(`${type}/${id}`, canonical(fields));
  });
  return all;
}

/** First and last number of each frame of changes. */
const numbersOf = (heard: readonly Message[]): [number, number][] =>
  heard
    .filter(({ type }) => type === "changes")
    .map(({ from, tables }) => [
      from as number,
      (from as number) + (tables as { rows: unknown[] }[]).reduce((sum, { rows }) => sum + rows.length, 0) - 1,
    ]);

const shown = (entities: ReadonlyMap<string, EntityFields>): Map<string, string> =>
  new Map([...entities].map(([key, fields]) => [key, canonical(fields as never)]));

async function converges(portal: SchemaOnlyPortal, erp: ErpDb): Promise<void> {
  await vi.waitFor(async () => {
    const [expected, held] = [await expectedOf(erp), shown(portal.entities)];
    expect([...held.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [key, fields] of expected) expect([key, held.get(key)]).toEqual([key, fields]);
  }, patience);
}

test("A portal written from the generated documents alone works with the whole agent", async () => {
  const opened = new AsyncDisposableStack();
  closing.add(opened);
  const deaths: string[] = [];
  onTestFailed(() => console.log({ deaths, faults: portal.faults, heard: portal.heard.map(({ type }) => type).slice(-20) }));
  let refuse: (item: Item) => boolean = () => false;
  const portal = opened.use(
    await openSchemaOnlyPortal({
      stage: "live",
      refuse: (item) => (refuse(item) ? { code: "invalid", reason: "not at this portal" } : undefined),
    }),
  );
  const home = opened.use(openHome(opened.use(await tempDirectory()).path, { keep: false }));
  const place = sqlitePlace(home.erpFile);
  const erp = opened.use(place.open());
  await generateErp(erp, { units: 40, seed: 3 });
  const agent = opened.use(
    createAgent({
      ...{ configFile: home.configFile, state: home.state, logFile: home.logFile("agent") },
      ...{ place, compareEvery: "2s", config: {}, clock: systemClock, signal: new AbortController().signal },
      onDeath: (error) => deaths.push(error.message),
    }),
  );

  await agent.prepare(`${portal.httpUrl.replace("http", "ws")}/agent`, portal.code);
  agent.start();
  await converges(portal, erp);
  expect(portal.entities.size).toBeGreaterThan(300);
  const [hello, start] = portal.heard;
  expect([hello?.type, start?.type, start?.renewed]).toEqual(["hello", "start", "first"]);

  // A refusal: the item stays away, nothing else does, and its next state is taken.
  const [ticket] = await erp.query("SELECT AUFTRNR FROM AUFTRAG WHERE MANDANT = ? AND STATUS = '0' LIMIT 1", [mainMandant]);
  const ticketId = `${mainMandant}.${ticket?.AUFTRNR}`;
  const titled = (title: string) =>
    erp.run("UPDATE AUFTRAG SET KURZTEXT = ?, AENDTS = ? WHERE MANDANT = ? AND AUFTRNR = ?", [
      ...[title, localStamp(Date.now()), mainMandant, ticket?.AUFTRNR ?? ""],
    ]);
  const titleAt = (): unknown => portal.entities.get(`ticket/${ticketId}`)?.title;
  refuse = (item) => item.fields.title === "Refused here";
  await titled("Refused here");
  await vi.waitFor(async () => expect((await agent.status()).quarantined).toBeGreaterThan(3), { ...patience, interval: 500 });
  expect(titleAt()).not.toBe("Refused here");
  refuse = () => false;
  await titled("Taken here");
  await vi.waitFor(() => expect(titleAt()).toBe("Taken here"), patience);

  // A command, from its issue to `settled`; its ticket comes with the command's id as cause.
  const unit = [...portal.entities].find(([key]) => key.startsWith("unit/"))?.[0].slice("unit/".length) as string;
  const order = {
    command: "ticket.create",
    values: { kind: "damage", title: "From the documents", description: "Since today.", unitId: unit },
  };
  const command = portal.issue(order);
  await vi.waitFor(() => expect(portal.results.get(command)).toMatchObject({ outcome: "applied" }), patience);
  const told = portal.heard.filter((message) => message.id === command).map(({ type }) => type);
  expect(told).toEqual(["received", "result"]);
  const made = (await erp.query("SELECT AUFTRNR FROM AUFTRAG WHERE FREMDNR = ?", [command])) as ErpRow[];
  expect(made).toHaveLength(1);
  expect(portal.results.get(command)).toMatchObject({ number: made[0]?.AUFTRNR });
  await vi.waitFor(() => {
    expect(portal.entities.get(`ticket/${mainMandant}.${made[0]?.AUFTRNR}`)).toMatchObject({ title: "From the documents" });
  }, patience);

  // The link is cut in the midst of it: the agent resumes where the portal stands, and sends nothing twice.
  const startsBefore = portal.heard.filter(({ type }) => type === "start").length;
  const before = portal.heard.length;
  portal.cut();
  await titled("While away");
  await vi.waitFor(() => expect(titleAt()).toBe("While away"), patience);
  const resumed = portal.heard.filter(({ type }) => type === "start").slice(startsBefore);
  expect(resumed).toHaveLength(1);
  expect(resumed[0]).toMatchObject({ epoch: start?.epoch });
  expect(resumed[0]?.renewed).toBeUndefined();
  const lastBefore = Math.max(...numbersOf(portal.heard.slice(0, before)).map(([, last]) => last));
  expect(numbersOf(portal.heard.slice(before))[0]?.[0]).toBe(lastBefore + 1);
  expect(portal.heard.slice(before).filter(({ type }) => type === "inventory")).toEqual([]);

  // The portal is restored from its backup: a new epoch, an inventory, and only what differs is sent.
  const restore = portal.backup();
  const later = portal.issue({ ...order, values: { ...order.values, title: "Lost by the portal" } });
  await titled("After the backup");
  await vi.waitFor(() => expect([titleAt(), portal.results.has(later)]).toEqual(["After the backup", true]), patience);
  // The connection that it knew nothing of tells the agent.
  portal.cut();
  await vi.waitFor(() => expect(portal.heard.filter(({ type }) => type === "start")).toHaveLength(startsBefore + 2), patience);
  const atRestore = portal.heard.length;
  restore();
  await vi.waitFor(() => expect(titleAt()).toBe("After the backup"), patience);
  await converges(portal, erp);
  const since = portal.heard.slice(atRestore);
  const renewed = since.find(({ type }) => type === "start");
  expect(renewed?.epoch).not.toBe(start?.epoch);
  expect(renewed?.renewed).toBeDefined();
  expect(since.filter(({ type }) => type === "inventory").length).toBeGreaterThan(5);
  const sent = numbersOf(since).reduce((sum, [from, last]) => sum + last - from + 1, 0);
  expect(sent).toBeLessThan(20);
  expect(await erp.query("SELECT AUFTRNR FROM AUFTRAG WHERE FREMDNR = ?", [later])).toHaveLength(1);

  await vi.waitFor(() => expect(portal.statuses.at(-1)).toMatchObject({ state: "active" }), patience);
  const { sources } = portal.statuses.at(-1) as unknown as { sources: { source: string; quarantined: number }[] };
  expect(sources.map(({ source }) => source)).toContain("tickets");
  expect({ faults: portal.faults, deaths }).toEqual({ faults: [], deaths: [] });
  await agent.stop();
  expect(portal.heard.at(-1)).toMatchObject({ type: "bye" });
});
