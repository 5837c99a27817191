/** What both sides know of: a person added at the portal by hand, and fields that both have changed while the agent was away. A real agent, the reference portal and an SQLite ERP. */
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { openStoreForReading } from "../../agent/store/open.ts";
import { systemClock } from "../../base/time.ts";
import type { Result } from "../../protocol/messages.ts";
import type { Json } from "../../protocol/model.ts";
import type { Run } from "../support/agent-run.ts";
import { localStamp } from "../support/erp/calendar.ts";
import { mainMandant } from "../support/erp/generate.ts";
import { str } from "../support/erp/oracle-values.ts";
import { openSite, type Site } from "../support/site.ts";

const opened = new AsyncDisposableStack();
let site: Site;
let run: Run;
let tickets: string[] = [];
/** A running contract without a second tenant, and its unit as the portal names it. */
let contract: readonly string[] = [];
let unitId = "";
const columns = ["MANDANT", "OBJNR", "HAUSNR", "WOHNNR", "FOLGE"];
beforeAll(async () => {
  site = opened.use(await openSite());
  site.configure({}, (text) =>
    `${text}persons: { match: true }\n`
      .replace("title: { from: KURZTEXT, owner: shared }", "title: { from: KURZTEXT, owner: shared, conflict: portal-wins }")
      .replace("map: priority, owner: shared }", "map: priority, owner: shared, conflict: ask }"),
  );
  await site.join();
  const [row = {}] = await site.erp.query(
    "SELECT * FROM MIETVERTRAG WHERE MANDANT = ? AND LEERSTAND <> 'J' AND STORNO <> 'J' AND MITPERSNR = '' AND ENDE = 99991231 ORDER BY PERSNR LIMIT 1",
    [mainMandant],
  );
  contract = columns.map((name) => str(row, name));
  unitId = contract.slice(0, 4).join(".");
  const reports = [1, 2, 3, 4].map((nr) => site.report(`Meldung ${nr}`));
  run = opened.use(site.run());
  await site.comesToRest(reports.length);
  tickets = reports.map((id) => result(id).number ?? "");
});
afterAll(() => opened.disposeAsync());

const atPortal = (number: string): Record<string, Json> => {
  const sql = "SELECT fields FROM entity WHERE agent_id = ? AND type = 'ticket' AND id = ?";
  const row = site.gateway.store.get<{ fields: string }>(sql, site.agentId, `${mainMandant}.${number}`);
  return JSON.parse(row?.fields ?? "{}") as Record<string, Json>;
};
const clerkSets = (number: string, column: "KURZTEXT" | "STATUS" | "PRIO", value: string): Promise<number> =>
  site.erp.run(`UPDATE AUFTRAG SET ${column} = ?, AENDTS = ? WHERE MANDANT = ? AND AUFTRNR = ?`, [
    ...[value, localStamp(Date.now()), mainMandant, number],
  ]);
const inErp = async (number: string) => {
  const sql = "SELECT KURZTEXT, STATUS, PRIO FROM AUFTRAG WHERE MANDANT = ? AND AUFTRNR = ?";
  const [row = {}] = await site.erp.query(sql, [mainMandant, number]);
  return { title: str(row, "KURZTEXT"), status: str(row, "STATUS"), priority: str(row, "PRIO") };
};
/** As the portal saw it, and as its user wants it. */
const portalSets = (number: string, field: "title" | "status" | "priority", value: string): string => {
  const id = `${mainMandant}.${number}`;
  const base = { [field]: atPortal(number)[field] as Json };
  return site.gateway.issue(site.agentId, {
    command: "ticket.update",
    entity: { type: "ticket", id },
    values: { [field]: value },
    base,
  });
};
const result = (id: string): Partial<Result> => JSON.parse(site.gateway.command(id)?.result ?? "{}") as Partial<Result>;
const conflicts = () => {
  using store = openStoreForReading(site.state, systemClock);
  return store.findings.list({ rule: "field-conflict" }).map(({ key, field, params }) => [key, field, params.settled]);
};
const ticket = (at: number): string => tickets[at] as string;

const persons = (): Site["gateway"]["persons"] => site.gateway.persons;
async function concluded(id: string): Promise<Partial<Result>> {
  return await site.until(() => {
    const command = site.gateway.command(id);
    expect(command?.state).toBe("settled");
    return JSON.parse(command?.result ?? "{}") as Partial<Result>;
  });
}
const maybeKnown = () => {
  using store = openStoreForReading(site.state, systemClock);
  return store.findings
    .list({ rule: "person-maybe-known" })
    .map(({ source, key, params }) => [source, key, params.portal, params.reasons]);
};
const ask = (own: string): Promise<Partial<Result>> => concluded(persons().match(site.agentId, own));

it("a person added by hand and then created in the ERP is found, listed as maybe known, never merged by e-mail, and one person once it is linked", async () => {
  onTestFailed(() => console.log(run.lines.slice(-20)));
  const fields = {
    lastName: "Groß",
    firstName: "Jörg",
    email: "Joerg.Gross@web.example.de",
    unitId,
    account: { state: "registered" },
  };
  const own = persons().add(site.agentId, fields);
  // Whoever lives there now is named, but neither he nor anybody else is taken for the new one.
  const before = await ask(own);
  expect(before).toMatchObject({ outcome: "applied" });
  expect(before.matches?.map(({ reasons }) => reasons)).toEqual([["unit"]]);
  expect(maybeKnown()).toEqual([]);

  const [like = {}] = await site.erp.query("SELECT * FROM PERSON WHERE MANDANT = ? AND ART = 'N' LIMIT 1", [mainMandant]);
  const row = {
    ...like,
    PERSNR: "00987654",
    NAME1: "Gross",
    VORNAME1: "Dr. Joerg",
    EMAIL: "joerg.gross@web.example.de",
    NAME2: "",
    VORNAME2: "",
  };
  await site.erp.run(
    `INSERT INTO PERSON (${Object.keys(row).join(", ")}) VALUES (${Object.keys(row)
      .map(() => "?")
      .join(", ")})`,
    Object.values(row),
  );
  await site.erp.run(
    `UPDATE MIETVERTRAG SET MITPERSNR = ?, AENDTS = ? WHERE ${columns.map((name) => `${name} = ?`).join(" AND ")}`,
    [...["00987654", localStamp(Date.now()), ...contract]],
  );
  const id = `${mainMandant}.00987654.1`;
  site.hurry({ full: true });
  await site.until(() => expect(persons().find(site.agentId, id)).toBeDefined());
  // Nobody has linked them: they are two, and the clerks are told.
  await site.until(() => expect(maybeKnown()).toEqual([["persons", id, own, "email, name, unit"]]));
  expect(persons().find(site.agentId, own)).toEqual({ id: own, own: [own], fields });
  expect(persons().find(site.agentId, id)?.own).toEqual([]);

  const { matches } = await ask(own);
  expect(matches?.[0]).toEqual({ id, reasons: ["email", "name", "unit"] });
  expect(matches?.slice(1).map(({ reasons }) => reasons)).toEqual([["unit"]]);
  expect(JSON.stringify(matches)).not.toMatch(/gross/i);
  expect(await concluded(persons().link(site.agentId, own, `${mainMandant}.00000000.1`))).toMatchObject({
    ...{ outcome: "rejected", error: { code: "entity-unknown" } },
  });
  expect(persons().find(site.agentId, own)?.id).toBe(own);

  expect(await concluded(persons().link(site.agentId, own, id))).toMatchObject({
    outcome: "applied",
    entity: { type: "person", id },
  });
  const one = persons().find(site.agentId, own);
  expect(one).toMatchObject({ id, own: [own], fields: { lastName: "Gross", account: { state: "registered" } } });
  expect(persons().find(site.agentId, id)).toEqual(one);
  expect(maybeKnown()).toEqual([]);
  expect(() => persons().link(site.agentId, own, id)).toThrow(expect.objectContaining({ code: "person-linked" }));
});

it("a field changed on both sides while they were apart is told as a conflict and settled by its policy, and neither value is lost", async () => {
  onTestFailed(() => console.log(run.lines.slice(-20)));
  await run.stop();
  await clerkSets(ticket(0), "KURZTEXT", "Vom Sachbearbeiter");
  await clerkSets(ticket(1), "STATUS", "1");
  await clerkSets(ticket(2), "PRIO", "1");
  await clerkSets(ticket(3), "PRIO", "1");
  const overwrites = portalSets(ticket(0), "title", "Vom Mieter");
  const yields = portalSets(ticket(1), "status", "closed");
  const [asks, gives] = [2, 3].map((at) => portalSets(ticket(at), "priority", "low")) as [string, string];
  run = opened.use(site.run());
  await site.until(() => {
    expect(result(overwrites)).toMatchObject({
      outcome: "applied",
      conflict: [{ field: "title", base: "Meldung 1", current: "Vom Sachbearbeiter", wanted: "Vom Mieter" }],
    });
    expect(result(yields)).toMatchObject({
      outcome: "conflict",
      conflict: [{ field: "status", base: "open", current: "in-progress", wanted: "closed" }],
    });
    for (const id of [asks, gives])
      expect(result(id)).toMatchObject({
        outcome: "waiting",
        error: { code: "conflict-asked" },
        conflict: [{ field: "priority", base: "normal", current: "high", wanted: "low" }],
      });
  });
  expect((await inErp(ticket(0))).title).toBe("Vom Mieter");
  expect((await inErp(ticket(1))).status).toBe("1");
  expect((await inErp(ticket(2))).priority).toBe("1");
  const of = (at: number, ...rest: string[]) => [`${mainMandant}.${ticket(at)}`, ...rest];
  expect(conflicts()).toEqual([
    of(0, "title", "portal-wins"),
    of(1, "status", "erp-wins"),
    of(2, "priority", "ask"),
    of(3, "priority", "ask"),
  ]);

  const shown = await site.erpfuser(["commands", "show", asks]);
  expect(shown.document).toMatchObject({ state: "waiting", conflict: [{ field: "priority", current: "high", wanted: "low" }] });
  const decided = await Promise.all([
    site.erpfuser(["commands", "resolve", asks, "--outcome", "portal-wins"]),
    site.erpfuser(["commands", "resolve", gives, "--outcome", "erp-wins"]),
  ]);
  expect(decided.map(({ code }) => code)).toEqual([0, 0]);
  await site.until(() => {
    expect(result(asks)).toMatchObject({ outcome: "applied", conflict: [{ field: "priority", current: "high", wanted: "low" }] });
    expect(result(gives)).toMatchObject({
      outcome: "conflict",
      conflict: [{ field: "priority", current: "high", wanted: "low" }],
    });
    // In the end both sides hold the same, whoever has won.
    const held = [0, 1, 2, 3].map((at) => atPortal(ticket(at)));
    expect(held.map(({ title, status, priority }, at) => [title, status, priority][[0, 1, 2, 2][at] as number])).toEqual([
      ...["Vom Mieter", "in-progress", "low", "high"],
    ]);
  });
  expect((await inErp(ticket(2))).priority).toBe("3");
  expect((await inErp(ticket(3))).priority).toBe("1");
  expect(conflicts().map(([, , settled]) => settled)).toEqual(["portal-wins", "erp-wins", "portal-wins", "erp-wins"]);
});
