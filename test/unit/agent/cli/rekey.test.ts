// The command line of `erpfuser rekey` over a store of its own: what it reads, counts and leaves for the agent.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rekey } from "../../../../agent/cli/rekey.ts";
import type { Store } from "../../../../agent/store/store.ts";
import { commandLine } from "../../../support/command-line.ts";
import { storeBench } from "../store/bench.ts";

const bench = storeBench();

const yaml = (state: string): string => `
agent: { name: Musterstadt, portal: "wss://p.example.com/agent", state: "${state}" }
erp: { connector: sqlite, file: "erp.db", timezone: Europe/Berlin }
sources:
  estates: { type: property, table: OBJEKT, key: [OBJ], scope: none, fields: { name: BEZ } }
  buildings: { type: building, table: HAUS, key: [OBJ, HAUS], scope: none, fields: { propertyId: { ref: estates, key: [OBJ] }, name: BEZ } }
  units: { type: unit, prefix: u, table: WOHNUNG, key: [OBJ, HAUS, NR], scope: none, fields: { buildingId: { ref: buildings, key: [OBJ, HAUS] }, name: LAGE, objectType: { value: flat } } }
  meters: { type: meter, table: ZAEHLER, key: [NR], scope: none, fields: { unitId: { ref: units, key: [OBJ, HAUS, WNR] }, kind: { value: cold-water }, unitOfMeasure: { value: m3 } } }
`;

/** Two houses with three units each, one of them with a meter. */
function company(): { store: Store; run: (lines: readonly string[], ...args: string[]) => ReturnType<typeof commandLine> } {
  const state = bench.folder();
  const store = bench.open(state);
  const put = (source: string, key: string, parent?: { source: string; key: string }): number =>
    store.entities.put(source, key, { rowDigest: 1n, entityDigest: 1n, parents: parent === undefined ? [] : [parent] });
  store.transaction(() => {
    put("estates", "10");
    for (const house of ["10.1", "10.2"]) {
      put("buildings", house, { source: "estates", key: "10" });
      for (const unit of ["01", "02", "03"]) put("units", `${house}.${unit}`, { source: "buildings", key: house });
    }
    put("meters", "Z1", { source: "units", key: "10.1.01" });
  });
  const [config, csv] = [join(state, "erpfuser.yaml"), join(state, "old-new.csv")];
  writeFileSync(config, yaml(state));
  const run = (lines: readonly string[], ...args: string[]) => {
    writeFileSync(csv, `\uFEFF${lines.join("\r\n")}\r\n`);
    return commandLine(rekey, { configFile: config, clock: bench.clock }, ["rekey", "--from", csv, ...args]);
  };
  return { store, run };
}

test("Each line that can't be meant so is told with its number and what is wrong, and of the others nothing is announced", async () => {
  const { store, run } = company();
  const lines = [
    "source;old;new",
    'units;"10,1,01";"10,1,91"',
    "units;4711;10.1.92",
    "unit;10.1.02;10.1.92",
    ";10.1.02;10.1.92",
    "units;10.1.03;10.1.03",
    "units;10.1.01;10.1.94",
    "units;x:10.1.02;10.1.92",
  ];
  const { code, document } = await run(lines);
  expect([code, document.error?.code]).toEqual([3, "rekey-file"]);
  const said = document.error?.message ?? "";
  expect(said).toMatch(
    /^Nothing was announced: line 3: 4711 is no key of units: OBJ, HAUS, NR; line 4: there is no source unit\./,
  );
  expect(said).toContain("Did you mean `units`?");
  expect(said).toContain("line 5: it names no source");
  expect(said).toContain("line 6: the old and the new key are the same");
  expect(said).toContain("line 7: the old key stands in the file already");
  expect(said).toContain("line 8: x:10.1.02 is no key of units");
  expect(store.asks.open()).toEqual([]);
});

test("A file that can't be read, that is no CSV or lacks its columns, or a source that there is not, is refused", async () => {
  const { store, run } = company();
  const refused = async (lines: readonly string[], ...args: string[]) => {
    const { code, document } = await run(lines, ...args);
    expect(document.error?.hint).toBeTruthy();
    return [code, document.error?.code];
  };
  expect(await refused(["source;old;new"], "--from", "/nowhere/old-new.csv")).toEqual([3, "rekey-file-unreadable"]);
  expect(await refused(["source;before;after", "units;10.1.01;10.1.91"])).toEqual([3, "rekey-file"]);
  expect(await refused(["source;old;new", 'units;"10.1.01;10.1.91'])).toEqual([3, "rekey-file"]);
  expect(await refused(["source;old;new", "units;10.1.01;10.1.91;more"])).toEqual([3, "rekey-file"]);
  expect(await refused(["old;new", "10.1.01;10.1.91"], "--source", "unit")).toEqual([9, "not-found-source"]);
  expect(store.asks.open()).toEqual([]);
});

test("A dry run counts what is known on either side, what is mistyped and what follows by its key, and announces nothing", async () => {
  const { store, run } = company();
  const lines = ["source,old,new", '"buildings","10,1","20,7"', "buildings,10.9,20.9", "units,u:10.2.01,u:10.2.02"];
  const { code, document } = await run(lines, "--dry-run");
  expect({ code, document }).toMatchObject({
    code: 0,
    document: {
      announced: false,
      sources: [
        { source: "buildings", pairs: 2, oldKnown: 1, newKnown: 0, unknown: 1, following: { units: 3 } },
        { source: "units", pairs: 1, oldKnown: 1, newKnown: 1, unknown: 0, following: {} },
      ],
    },
  });
  expect(store.asks.open()).toEqual([]);
});

test("Without an agent that runs it is kept for the next start: the pairs of each source, how long, and whether they are merged", async () => {
  const { store, run } = company();
  const { code, document } = await run(["old\tnew", "10.1.01\t10.1.02"], "--source", "units", "--merged", "--for", "2d");
  expect(document.error?.code).toBe("state-agent-silent");
  expect(code).not.toBe(0);
  const [ask] = store.asks.open();
  const pairs = [{ old: "10.1.01", next: "10.1.02" }];
  const until = bench.clock.now() + 2 * 86_400_000;
  expect(ask?.body).toEqual({ kind: "rekey", source: "units", pairs, until, merged: true });
});
