import { expect, test } from "vitest";
import type { ChangeItem } from "../../../protocol/changes.ts";
import { keyFingerprint } from "../../../protocol/enrolment.ts";
import { heldReferences, parentReferences } from "../../../protocol/references.ts";
import { validateEntity, validateItem } from "../../../protocol/validate.ts";

const unit: ChangeItem = {
  type: "unit",
  op: "upsert",
  id: "U.1",
  time: 1,
  fields: { name: "WE 1", objectType: "flat", buildingId: "B.1" },
};

test("An entity that fits its schema has no faults", () => {
  expect(validateItem(unit)).toEqual([]);
  expect(validateItem({ type: "unit", op: "delete", id: "U.1", time: 1, reason: "gone" })).toEqual([]);
});

test("All faults of an entity are named at once, each with its place and without its value", () => {
  const faults = validateEntity("unit", { name: "", usage: "Erika", rooms: "2,5", garden: "secret" });
  expect(faults.map((fault) => fault.path).sort()).toEqual(["garden", "name", "objectType", "rooms", "usage"]);
  expect(JSON.stringify(faults)).not.toMatch(/Erika|2,5|secret/);
});

test("Lengths count characters, as JSON Schema does: an emoji is one", () => {
  const named = (houseNumber: string) =>
    validateEntity("building", { name: "Haus", propertyId: "P.1", address: { houseNumber } });
  expect(named("\u{1F3E0}".repeat(20))).toEqual([]);
  expect(named("\u{1F3E0}".repeat(21)).map((fault) => fault.path)).toEqual(["address.houseNumber"]);
});

test.each<[string, Partial<ChangeItem> | Record<string, unknown>, string]>([
  ["an id with a blank", { id: "U 1" }, "id"],
  ["a type that is not in the model", { type: "castle" }, "type"],
  ["a type by the name of an object's own method", { type: "toString" }, "type"],
  ["a withheld field that still has its value", { withheld: ["name"] }, "withheld.name"],
  ["a delete without a known reason", { op: "delete", reason: "whim" }, "reason"],
  ["a reference that is no id", { fields: { name: "a", objectType: "flat", buildingId: "a b" } }, "buildingId"],
])("An item with %s has a fault at that place", (_, change, path) => {
  expect(validateItem({ ...unit, ...change } as ChangeItem).map((fault) => fault.path)).toContain(path);
});

test("References are found through lists and objects", () => {
  const fields = {
    unitId: "U.1",
    kind: "tenant",
    participants: [
      { personId: "P.1", role: "main" },
      { personId: "P.2", role: "co-tenant" },
    ],
  };
  expect(heldReferences("utilisationPeriod", fields).map((held) => held.id)).toEqual(["U.1", "P.1", "P.2"]);
});

test("An owner is no parent of a property, for persons are sent after properties", () => {
  expect(heldReferences("property", { name: "a", ownerIds: ["P.1"] })).toHaveLength(1);
  expect(parentReferences("property", { name: "a", ownerIds: ["P.1"] })).toEqual([]);
  expect(parentReferences("building", { name: "a", propertyId: "E.1", parentBuildingId: null })).toEqual([
    { id: "E.1", types: ["property"] },
  ]);
});

test("A key's fingerprint is the start of SHA-256 over its raw bytes", () => {
  // SHA-256 of 32 zero bytes: 66687aadf862bd776c8fc18b8e9f8e20…
  expect(keyFingerprint("A".repeat(43))).toBe("6668-7aad-f862-bd77-6c8f-c18b-8e9f-8e20");
});
