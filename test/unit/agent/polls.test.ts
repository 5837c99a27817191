import { expect, test } from "vitest";
import { pollsOf } from "../../../agent/polls.ts";
import { parseConfig } from "../../../config/load.ts";

const text = `agent: { name: Test, portal: "wss://portal.example.com/agent", state: /tmp/state }
erp: { connector: oracle, server: s, service: WO, user: fuser, password: { secret: erp }, timezone: Europe/Berlin }
sources:
  persons:
    type: person
    table: PERSON
    key: NR
    fields: { kind: { value: natural }, lastName: NAME }
    changes: { column: ORA_ROWSCN, kind: sequence, every: 5s }
    touchedBy: [{ table: ADRESSE, key: PERSON_NR, own: NR, changes: { column: STAND, kind: timestamp, every: 2s } }]
  units:
    type: unit
    table: EINHEIT
    key: NR
    fields: { objectType: { value: apartment }, name: BEZ }
    changes: { compare: 1h }
`;

test("what is polled is told by table, column and interval; what is only compared is not", () => {
  const { config, faults } = parseConfig({ text, file: "/x.yaml" });
  if (config === undefined) throw new Error(JSON.stringify(faults));
  expect(pollsOf(config)).toEqual([
    { table: "PERSON", column: "ORA_ROWSCN", everyMs: 5_000 },
    { table: "ADRESSE", column: "STAND", everyMs: 2_000 },
  ]);
});
