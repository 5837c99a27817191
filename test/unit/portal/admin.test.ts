import { expect, test } from "vitest";
import { systemClock } from "../../../base/time.ts";
import { adminRoute } from "../../../portal/admin.ts";
import type { Gateway } from "../../../portal/gateway.ts";
import { pageRoute } from "../../../portal/page.ts";
import { buildChanges } from "../../../protocol/changes.ts";
import { portalBench } from "../../support/portal.ts";

const bench = portalBench();
const token = "a-token-for-this-test";

async function api(gateway: Gateway, path: string, told: { body?: unknown; headers?: Record<string, string> } = {}) {
  const headers = { authorization: `Bearer ${token}`, ...told.headers };
  const post = told.body === undefined ? {} : { method: "POST", body: JSON.stringify(told.body) };
  const response = await fetch(`${gateway.httpUrl}${path}`, { headers, ...post });
  return { status: response.status, body: (await response.json()) as never as Record<string, never> };
}

async function withAdmin() {
  const { gateway, agent } = await bench.withAgent();
  gateway.addRoute(adminRoute(gateway, { token, clock: systemClock }));
  gateway.addRoute(pageRoute());
  return { gateway, agent };
}

test("Nothing is told or done without the token", async () => {
  const { gateway } = await withAdmin();
  for (const authorization of ["", "Bearer wrong", `bearer  ${token}x`]) {
    expect((await api(gateway, "/api/state", { headers: { authorization } })).status).toBe(401);
    expect((await api(gateway, "/api/enrolment-codes", { body: {}, headers: { authorization } })).status).toBe(401);
  }
});

test("A page from elsewhere is refused although it has the token", async () => {
  const { gateway } = await withAdmin();
  const elsewhere = await api(gateway, "/api/state", { headers: { origin: "http://evil.example" } });
  expect([elsewhere.status, elsewhere.body.error]).toEqual([403, "wrong-host"]);
  expect((await api(gateway, "/api/state", { headers: { origin: gateway.httpUrl } })).status).toBe(200);
});

test("A person is added by hand, asked for and linked over HTTP, and found under either id", async () => {
  const { gateway, agent } = await withAdmin();
  gateway.hooks.allowUnoffered = true;
  const { link } = await bench.link(gateway, agent);
  const own: string = (await api(gateway, "/api/persons", { body: { fields: { lastName: "Brandt" } } })).body.id as never;
  for (const [path, more, told] of [
    ["match", {}, { matches: [{ id: "P.1", reasons: ["name" as const] }] }],
    ["link", { personId: "P.1" }, { entity: { type: "person", id: "P.1" } }],
  ] as const) {
    const id: string = (await api(gateway, `/api/persons/${path}`, { body: { id: own, ...more } })).body.command as never;
    await link.next("command");
    link.send({ type: "result", id, revision: 1, outcome: "applied", ...structuredClone(told) } as never);
    await link.next("settled");
  }
  expect((await api(gateway, "/api/persons")).body).toMatchObject([{ id: own, personId: "P.1", matches: [{ id: "P.1" }] }]);
  for (const id of [own, "P.1"])
    expect((await api(gateway, `/api/person?id=${id}`)).body).toMatchObject({ id: "P.1", own: [own] });
  expect((await api(gateway, "/api/persons/link", { body: { id: own, personId: "P.2" } })).body.error).toBe("person-linked");
});

test("A command is issued, carried out and seen in the state and the lists", async () => {
  const { gateway, agent } = await withAdmin();
  const { link } = await bench.link(gateway, agent);
  const issued = await api(gateway, "/api/commands", { body: { command: "ticket.create", values: { title: "Tap drips" } } });
  expect(issued.status).toBe(200);
  const id: string = issued.body.id as never;
  expect((await link.next("command")).id).toBe(id);
  link.send(
    buildChanges(1, [
      {
        type: "ticket",
        id: "T.1",
        op: "upsert",
        time: 5,
        cause: id,
        fields: { kind: "damage", title: "Tap drips", status: "open" },
      },
      { type: "message", id: "M.1", op: "upsert", time: 6, fields: { ticketId: "T.1", body: "On it", visibility: "tenant" } },
    ]),
  );
  await link.next("ack");
  link.send({
    type: "result",
    id,
    revision: 1,
    outcome: "applied",
    entity: { type: "ticket", id: "T.1" },
    number: "4711",
    seq: 1,
  });
  await link.next("settled");
  const { body } = await api(gateway, "/api/tickets");
  expect(body).toMatchObject({
    tickets: [{ id: "T.1", cause: id, fields: { title: "Tap drips" }, messages: [{ id: "M.1", fields: { body: "On it" } }] }],
    commands: [{ id, outcome: "applied", result: { number: "4711" } }],
  });
  expect((await api(gateway, "/api/state")).body).toMatchObject({
    agents: [{ connected: true, last: 2, entities: { ticket: 1, message: 1 }, commands: { applied: 1 }, refused: 0 }],
  });
  expect((await api(gateway, `/api/command?id=${id}`)).body).toMatchObject({ state: "settled" });
});

test("Estates are found by name and number, and show buildings, units and who lives there", async () => {
  const { gateway, agent } = await withAdmin();
  const { link } = await bench.link(gateway, agent);
  const item = (type: string, id: string, fields: object) => ({
    type,
    id,
    op: "upsert" as const,
    time: 1,
    fields: fields as never,
  });
  link.send(
    buildChanges(1, [
      item("property", "E.1", { name: "Parkstraße 100%", number: "0815" }),
      item("property", "E.2", { name: "Seeweg" }),
      item("building", "B.1", { name: "Haus A", propertyId: "E.1" }),
      item("unit", "U.1", { name: "WE 1", objectType: "flat", buildingId: "B.1" }),
      item("person", "P.1", { kind: "natural", lastName: "Muster" }),
      item("utilisationPeriod", "V.1", {
        ...{ unitId: "U.1", kind: "tenant", startDate: "2020-01-01", endDate: null },
        participants: [{ personId: "P.1", role: "main" }],
      }),
    ]),
  );
  expect((await link.next("ack")).refused).toEqual([]);
  const found = async (search: string) => {
    const { body } = await api(gateway, `/api/estates?search=${encodeURIComponent(search)}`);
    return (body as never as { id: string; units: number }[]).map((row) => [row.id, row.units]);
  };
  expect(await found("")).toEqual([
    ["E.1", 1],
    ["E.2", 0],
  ]);
  expect(await found("park")).toEqual([["E.1", 1]]);
  expect(await found("0815")).toEqual([["E.1", 1]]);
  expect(await found("0%")).toEqual([["E.1", 1]]);
  expect(await found("e%g")).toEqual([]);
  expect((await api(gateway, "/api/estate?id=E.1")).body).toMatchObject({
    buildings: [{ units: [{ periods: [{ persons: [{ role: "main", fields: { lastName: "Muster" } }] }] }] }],
  });
});

test("A wrong order is refused with its code", async () => {
  const { gateway, agent } = await withAdmin();
  await bench.link(gateway, agent);
  expect(await api(gateway, "/api/commands", { body: { command: "unit.blow-up", values: {} } })).toMatchObject({
    status: 400,
    body: { error: "command-not-offered" },
  });
  expect(await api(gateway, "/api/commands", { body: { command: "ticket.create" } })).toMatchObject({
    status: 400,
    body: { error: "malformed" },
  });
  expect((await api(gateway, "/api/nothing")).status).toBe(404);
});

test("A page that waits for news hears of it at once, and is let go when the portal stops", async () => {
  const { gateway, agent } = await withAdmin();
  const seen = gateway.revision();
  const waiting = api(gateway, `/api/revision?after=${seen}`);
  await bench.link(gateway, agent);
  expect(Number((await waiting).body.revision)).toBeGreaterThan(seen);
  const last = api(gateway, `/api/revision?after=${gateway.revision() + 100}`).catch(() => "cut");
  await gateway.close();
  await last;
});

test("The page loads nothing from elsewhere", async () => {
  const { gateway } = await withAdmin();
  for (const path of ["/", "/app.js", "/words.js", "/style.css", "/icon.svg"]) {
    const response = await fetch(`${gateway.httpUrl}${path}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect((await response.text()).replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:\/\//);
  }
});

test("What names an id that was replaced is found under the one that stands now, however often it was renumbered", async () => {
  const { gateway, agent } = await withAdmin();
  const { link } = await bench.link(gateway, agent);
  const item = (type: string, id: string, fields: object, replaces?: string) => ({
    ...{ type, id, op: "upsert" as const, time: 1, fields: fields as never },
    ...(replaces === undefined ? {} : { replaces }),
  });
  const gone = (type: string, id: string) => ({ type, id, op: "delete" as const, time: 2, reason: "renumbered" as const });
  const period = { unitId: "U.1", kind: "tenant", startDate: "2020-01-01", endDate: null };
  link.send(
    buildChanges(1, [
      item("property", "E.1", { name: "Parkstraße" }),
      item("building", "B.1", { name: "Haus A", propertyId: "E.1" }),
      item("unit", "U.1", { name: "WE 1", objectType: "flat", buildingId: "B.1" }),
      item("person", "P.1", { kind: "natural", lastName: "Muster" }),
      item("utilisationPeriod", "V.1", { ...period, participants: [{ personId: "P.1", role: "main" }] }),
      item("building", "B.2", { name: "Haus A", propertyId: "E.1" }, "B.1"),
      item("building", "B.3", { name: "Haus A", propertyId: "E.1" }, "B.2"),
      item("unit", "U.2", { name: "WE 1", objectType: "flat", buildingId: "B.1" }, "U.1"),
      item("person", "P.2", { kind: "natural", lastName: "Muster" }, "P.1"),
      gone("building", "B.2"),
      gone("building", "B.1"),
      gone("unit", "U.1"),
      gone("person", "P.1"),
    ]),
  );
  expect((await link.next("ack")).refused).toEqual([]);
  const { body } = await api(gateway, "/api/estate?id=E.1");
  const persons = [{ id: "P.1", fields: { lastName: "Muster" } }];
  expect(body.buildings).toMatchObject([{ id: "B.3", units: [{ id: "U.2", periods: [{ id: "V.1", persons }] }] }]);
  const [estate] = (await api(gateway, "/api/estates?search=park")).body as never as object[];
  expect(estate).toMatchObject({ buildings: 1, units: 1 });
});
