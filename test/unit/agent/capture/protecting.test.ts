import { expect, test } from "vitest";
import type { CapturedSource } from "../../../../agent/capture/source.ts";
import type { Mapped, Parent } from "../../../../agent/map/mapped.ts";
import { entityText } from "../../../../protocol/entity-text.ts";
import type { Fields, TypeName } from "../../../../protocol/model.ts";
import { rulesOf } from "../quality/rules.ts";
import { type Bench, captureBench } from "./bench.ts";
import { type FakeErp, fakeErp, sourceQuery, type TableName } from "./fake-erp.ts";

const { start } = captureBench();

/** Rows of `parents` are persons whose name is their address; those of `children` periods, named `unit|from|until|mate`, of the person that is their parent. */
const sources = [
  source("persons", "parents", "person", ([, email]) => ({
    fields: { kind: "natural", lastName: "X", emails: email === "" ? null : [{ address: email as string }] },
    parents: [],
  })),
  source("periods", "children", "utilisationPeriod", ([, name, main]) => {
    const [unit = "", startDate = "", endDate, mate] = (name as string).split("|");
    const parents = [main as string, ...(mate ? [mate] : [])].map((key) => parent("person", "persons", key));
    const participants = parents.map(({ id }, at) => ({ personId: id, role: at === 0 ? "main" : "co-tenant" }));
    const fields = { unitId: unit, kind: "tenant", startDate, endDate: endDate || null, participants };
    return { fields, parents: [{ ...parent("unit", "units", unit), missing: "omit" }, ...parents] };
  }),
];

const parent = (type: TypeName, of: string, key: string): Parent => ({ type, source: of, key, id: key, missing: "hold" });

function source(
  name: string,
  table: TableName,
  type: TypeName,
  read: (values: readonly unknown[]) => { fields: Fields; parents: Parent[] },
): CapturedSource {
  const every = { kind: "every", ms: 1_000 } as const;
  const map = (row: { values: readonly unknown[] }, key: string): Mapped => {
    const { fields, parents } = read(row.values);
    return { kind: "entity", id: key, text: entityText(fields), filled: 0, parents, cause: undefined, notes: [] };
  };
  const ids = { idOf: (key: string) => key, keyOf: (id: string) => id };
  return {
    mapping: {
      ...{ source: name, type, rank: type === "person" ? 0 : 1, query: sourceQuery(name, table), fingerprint: "1" },
      ...{ append: false, graceMs: 0, fields: [], lineage: [], ...ids, map, writerFor: () => undefined },
    },
    cursor: {
      ...{ name, every, overlap: 20, grain: "fraction" },
      query: { table, column: "stamp", kind: "sequence", key: ["key"], own: ["key"] },
    },
    feed: undefined,
    compare: { kind: "every", ms: 5_000 },
    children: [],
  };
}

/** Every address that any item ever brought to the portal, with whose it was. */
async function watched(erp: FakeErp): Promise<{ bench: Bench; sent: Set<string>; look(): Promise<Record<string, unknown>> }> {
  const bench = await start({
    erp,
    parts: { sources, quality: rulesOf() },
    prepare: (store) => {
      for (const { mapping } of sources) store.sources.update(mapping.source, { reconciled: true });
    },
  });
  const sent = new Set<string>();
  const { entities } = bench.portal;
  const set = entities.set.bind(entities);
  entities.set = (name, fields) => {
    for (const { address } of (fields.emails ?? []) as { address: string }[]) sent.add(`${name} ${address}`);
    return set(name, fields);
  };
  const look = async () => {
    await bench.pass(12_000);
    bench.portal.pull();
    const people = [...entities].filter(([name]) => name.startsWith("person:")).toSorted();
    return Object.fromEntries(
      people.map(([name, { emails }]) => [name.slice(7), (emails as { address: string }[] | null)?.[0]?.address ?? null]),
    );
  };
  return { bench, sent, look };
}

/** Of addresses; the unit of the periods is no source, which is found as well. */
const findingsOf = ({ store }: Bench): string[] =>
  store.findings
    .list()
    .filter(({ rule }) => rule.startsWith("email-"))
    .map(({ rule, key }) => `${rule} ${key}`);

test("No address that is nobody's or somebody else's is in any item, from the first sync through all that changes later", async () => {
  const erp = fakeErp();
  erp.put("parents", "1", { name: "a@web.de", parent: null });
  erp.put("parents", "2", { name: "a@web.de", parent: null });
  erp.put("parents", "3", { name: "keine@email.de", parent: null });
  erp.put("parents", "4", { name: "d@web.de", parent: null });
  erp.put("parents", "5", { name: "f@web.de", parent: null });
  erp.put("parents", "6", { name: "f@web.de", parent: null });
  erp.put("children", "v", { name: "u|2020-01-01||2", parent: "1" });
  const { bench, sent, look } = await watched(erp);
  expect(await look()).toEqual({ 1: "a@web.de", 2: null, 3: null, 4: "d@web.de", 5: null, 6: null });
  expect([...sent].toSorted()).toEqual(["person:1 a@web.de", "person:4 d@web.de"]);
  expect(findingsOf(bench)).toEqual(["email-placeholder 3", "email-shared 5", "email-shared 6"]);

  // Somebody's address becomes that of a household: nobody knows whose it is any more.
  erp.put("parents", "4", { name: "a@web.de", parent: null });
  expect(await look()).toMatchObject({ 1: null, 2: null, 4: null });
  erp.put("parents", "4", { name: "e@web.de", parent: null });
  expect(await look()).toMatchObject({ 1: "a@web.de", 2: null, 4: "e@web.de" });

  // A household is formed later, and an owner leaves.
  erp.put("children", "w", { name: "x|2021-01-01||5", parent: "6" });
  expect(await look()).toMatchObject({ 5: null, 6: "f@web.de" });
  erp.remove("children", "v");
  erp.remove("parents", "1");
  expect(await look()).toMatchObject({ 2: "a@web.de" });
  expect(findingsOf(bench)).toEqual(["email-placeholder 3"]);
  expect([...sent].toSorted()).toEqual(
    ["1 a@web.de", "2 a@web.de", "4 d@web.de", "4 e@web.de", "6 f@web.de"].map((one) => `person:${one}`),
  );
});
