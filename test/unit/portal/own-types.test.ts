// Types that agents declare: each agent's stand for itself, from one connection to the next.
import { expect, test } from "vitest";
import { buildChanges, type ChangeItem } from "../../../protocol/changes.ts";
import { closeCode, type Hello } from "../../../protocol/messages.ts";
import type { Fields } from "../../../protocol/model.ts";
import type { OwnType } from "../../../protocol/own-types.ts";
import { enrolFakeAgent, type FakeAgent, type FakeLink, hello } from "../../support/fake-agent.ts";
import { portalBench } from "../../support/portal.ts";

const bench = portalBench();

const key: OwnType = {
  title: "Key",
  type: "object",
  required: ["mark"],
  properties: { mark: { type: "string", maxLength: 5 }, holderId: { type: "string", "x-references": ["person"] } },
};
const handover: OwnType = {
  title: "Handover",
  type: "object",
  required: ["keyId"],
  properties: { keyId: { type: "string", "x-references": ["x-key"] } },
};
const declaring = (own: Readonly<Record<string, OwnType>>): Hello["types"] => [
  ...hello().types,
  ...Object.entries(own).map(([type, schema]) => ({ type, fields: [], schema })),
];
const commands: Hello["commands"] = [
  { type: "x-key.create", fields: ["mark", "holderId"].map((name) => ({ name, owner: "shared" as const })) },
];
const upsert = (type: string, id: string, fields: Fields): ChangeItem => ({ type, id, op: "upsert", time: 1_000, fields });

async function refusalsOf(link: FakeLink, from: number, items: readonly ChangeItem[]): Promise<string[]> {
  link.send(buildChanges(from, items));
  return (await link.next("ack")).refused.map(({ seq, code, reason }) => `${seq} ${code} ${reason}`);
}

async function opened(agent: FakeAgent, told: Partial<Hello>) {
  const { link, welcome } = await agent.open({ hello: told });
  bench.keep(link);
  return { link, welcome };
}

test("Items are judged by what their own agent has declared, parents first, and no longer by what it declares no more", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { link, welcome } = await opened(agent, { types: declaring({ "x-handover": handover, "x-key": key }) });
  expect(welcome.types).toEqual(expect.arrayContaining(["x-key", "x-handover", "person"]));
  expect(
    await refusalsOf(link, 1, [
      upsert("x-handover", "H.1", { keyId: "K.1" }),
      upsert("x-key", "K.1", { mark: "a", holderId: null }),
      upsert("x-handover", "H.2", { keyId: "K.1" }),
      upsert("x-key", "K.2", { mark: "much too long" }),
      upsert("x-key", "K.3", { mark: "a", holderId: "P.9" }),
      upsert("x-key", "K.4", { mark: "a", door: "1" }),
    ]),
  ).toEqual([
    "1 unknown-parent x-key is not known here",
    expect.stringMatching(/^4 invalid mark: /),
    "5 unknown-parent person is not known here",
    expect.stringMatching(/^6 invalid /),
  ]);
  const other = await enrolFakeAgent(gateway);
  const theirs = await opened(other, { types: declaring({ "x-key": { ...key, properties: { mark: { type: "string" } } } }) });
  expect(await refusalsOf(theirs.link, 1, [upsert("x-key", "K.1", { mark: "much too long" })])).toEqual([]);
  expect(await refusalsOf(theirs.link, 2, [upsert("x-handover", "H.1", { keyId: "K.1" })])).toEqual([
    "2 invalid type: is not among the accepted types",
  ]);
  const again = await opened(agent, { connection: 1, first: 7, next: 7 });
  expect(await refusalsOf(again.link, 7, [upsert("x-key", "K.5", { mark: "a" })])).toEqual([
    "7 invalid type: is not among the accepted types",
  ]);
});

test("A command about such a type names whoever stands now in the place of a person that was replaced", async () => {
  const { gateway, agent } = await bench.withAgent();
  const { link } = await opened(agent, { types: declaring({ "x-key": key }), commands });
  const person = { kind: "natural", lastName: "Muster" };
  const next: ChangeItem = { type: "person", id: "P.2", op: "upsert", time: 1_000, fields: person, replaces: "P.1" };
  const gone: ChangeItem = { type: "person", id: "P.1", op: "delete", time: 1_000, reason: "renumbered" };
  expect(await refusalsOf(link, 1, [upsert("person", "P.1", person), next, gone])).toEqual([]);
  await gateway.settled();
  gateway.issue(agent.enrolment.agentId, { command: "x-key.create", values: { mark: "a", holderId: "P.1" } });
  expect((await link.next("command")).values).toEqual({ mark: "a", holderId: "P.2" });
});

test.each([
  ["that names no type", { "x-key": { ...key, properties: { mark: { type: "string", "x-references": ["x-none"] } } } }],
  ["of a type of the model", { person: key }],
] as [string, Record<string, OwnType>][])("A declaration %s ends the connection before anything is taken", async (_, own) => {
  const { agent } = await bench.withAgent();
  const link = bench.keep(await agent.connect());
  link.send(hello({ types: declaring(own).slice(-1) }));
  expect(await link.closed).toMatchObject({ code: closeCode.malformed, reason: expect.stringContaining("types") });
});
