import { expect, test } from "vitest";
import { buildChanges, type ChangeItem } from "../../../protocol/changes.ts";
import type { Command, Result } from "../../../protocol/messages.ts";
import { portalBench } from "../../support/portal.ts";

const bench = portalBench();

async function linked() {
  const { gateway, agent } = await bench.withAgent();
  gateway.hooks.allowUnoffered = true;
  const { link } = await bench.link(gateway, agent);
  const { agentId } = agent.enrolment;
  let next = 1;
  const send = async (...items: ChangeItem[]): Promise<void> => {
    link.send(buildChanges(next, items));
    next += items.length;
    await link.next("ack");
  };
  /** What the agent says to the command. */
  const says = async (id: string, told: Partial<Result>): Promise<Command> => {
    const command = (await link.next("command")) as Command;
    link.send({ type: "received", id });
    link.send({ type: "result", id, revision: 1, outcome: "applied", ...told });
    await link.next("settled");
    return command;
  };
  return { gateway, agentId, send, says, persons: gateway.persons };
}
const person = (id: string, more: object = {}): ChangeItem => ({
  ...{ op: "upsert", type: "person", id, time: 1, fields: { kind: "natural", lastName: "Gross", emails: null } },
  ...more,
});

test("A person added by hand asks with what is known of it, and stays its own until a link is confirmed", async () => {
  const { agentId, send, says, persons } = await linked();
  await send(person("001.1"));
  const own = persons.add(agentId, { lastName: "Groß", email: "a@web.example.de", unitId: "001.1.1", note: "am Empfang" });
  expect(persons.list(agentId)).toMatchObject([{ id: own, personId: undefined, matches: undefined }]);
  const asked = await says(persons.match(agentId, own), { matches: [{ id: "001.1", reasons: ["email"] }] });
  expect(asked.values).toEqual({ lastName: "Groß", email: "a@web.example.de", unitId: "001.1.1", portalId: own });
  expect(persons.list(agentId)).toMatchObject([{ personId: undefined, matches: [{ id: "001.1", reasons: ["email"] }] }]);
  // However alike they are.
  expect(persons.find(agentId, "001.1")).toEqual({
    id: "001.1",
    own: [],
    fields: { kind: "natural", lastName: "Gross", emails: null },
  });
  await says(persons.link(agentId, own, "001.1"), { outcome: "rejected" });
  expect(persons.find(agentId, own)?.id).toBe(own);
  await says(persons.link(agentId, own, "001.1"), { entity: { type: "person", id: "001.1" } });
  expect(persons.find(agentId, own)).toMatchObject({
    id: "001.1",
    own: [own],
    fields: { lastName: "Gross", note: "am Empfang" },
  });
  expect(() => persons.match(agentId, "own-NOBODY")).toThrow(expect.objectContaining({ code: "person-unknown" }));
});

test("A linked person goes on under the ERP's new id when it is renumbered, and two of the portal's may be one", async () => {
  const { agentId, send, says, persons } = await linked();
  await send(person("001.1"));
  const [one, two] = [
    persons.add(agentId, { lastName: "Gross", phone: "1" }),
    persons.add(agentId, { lastName: "Gross", mail: "2" }),
  ];
  for (const own of [one, two]) await says(persons.link(agentId, own, "001.1"), { entity: { type: "person", id: "001.1" } });
  await send(person("001.2", { replaces: "001.1" }), {
    op: "delete",
    type: "person",
    id: "001.1",
    time: 2,
    reason: "renumbered",
  });
  for (const id of [one, two, "001.1", "001.2"]) {
    const found = persons.find(agentId, id);
    expect(found).toMatchObject({ id: "001.2", fields: { phone: "1", mail: "2" } });
    // In no order where both were added within a millisecond.
    expect([...(found?.own ?? [])].sort()).toEqual([one, two].sort());
  }
});
