import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { declaredType, decoderOf, normalMoment, plainType, storedForms } from "../../../../connectors/sqlite/values.ts";

describe("declared types of SQLite", () => {
  it.each([
    ["INTEGER", "integer"],
    ["BIGINT UNSIGNED", "integer"],
    ["VARCHAR(20)", "text"],
    ["nvarchar(20)", "text"],
    ["CHARACTER(20)", "text"],
    ["DECIMAL(10,2)", "decimal"],
    ["NUMERIC", "decimal"],
    ["MONEY", "decimal"],
    ["DATE", "date"],
    ["DATETIME", "datetime"],
    ["TIMESTAMP", "datetime"],
    ["TIMESTAMP WITH TIME ZONE", "instant"],
    ["TIME", "time"],
    ["BOOLEAN", "boolean"],
    ["REAL", "float"],
    ["DOUBLE PRECISION", "float"],
    ["BLOB", "bytes"],
    ["", undefined],
    [null, undefined],
  ])("%s means %s", (declared, type) => {
    expect(declaredType(declared)?.type).toBe(type);
  });

  it("name length, precision and scale", () => {
    expect(declaredType("DECIMAL(10, 2)")).toMatchObject({ precision: 10, scale: 2 });
    expect(declaredType("CHAR(8)")).toMatchObject({ length: 8, padded: true });
    expect(declaredType("VARCHAR(8)")).toMatchObject({ length: 8, padded: false });
  });
});

describe("decimals stored as floats", () => {
  const decode = (scale: number | undefined) => decoderOf({ ...plainType("decimal"), scale });

  it("come with the digits they were written with", () => {
    fc.assert(
      fc.property(fc.integer({ min: -99_999_999_99, max: 99_999_999_99 }), (cents) => {
        const text = `${cents < 0 ? "-" : ""}${Math.floor(Math.abs(cents) / 100)}.${String(Math.abs(cents) % 100).padStart(2, "0")}`;
        expect(decode(2)(Number(text))).toBe(text === "-0.00" ? "0.00" : text);
      }),
    );
  });

  it("lose the noise of binary fractions and nothing else", () => {
    expect(decode(2)(0.1 + 0.2)).toBe("0.30");
    expect(decode(2)(12.345)).toBe("12.345");
    expect(decode(undefined)(1e21)).toBe("1000000000000000000000");
    expect(decode(undefined)(-1.5e-7)).toBe("-0.00000015");
    expect(decode(2)("12,50")).toBe("12,50");
  });
});

describe("moments", () => {
  it("of every form that SQLite's functions write are the same moment", () => {
    for (const text of ["2026-01-31 10:00:00", "2026-01-31T10:00:00", "2026-01-31 10:00", "2026-01-31T10:00"]) {
      expect(normalMoment(text)).toBe("2026-01-31T10:00:00");
    }
    expect(normalMoment("2026-01-31")).toBe("2026-01-31T00:00:00");
    expect(normalMoment("31.01.2026")).toBeUndefined();
  });
});

describe("stored forms of a key's part", () => {
  const types = ["text", "integer", "decimal", "float", "boolean", "date", "datetime", "time", "bytes"] as const;
  it("hold the value that it was decoded from, for every type and stored value", () => {
    const stored = fc.oneof(
      fc.string(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.constantFrom(
        "2026-01-31",
        "2026-01-31 10:00:00",
        "2026-01-31T10:00",
        "2026-01-31 00:00",
        "true",
        "0",
        "007",
        "12.50",
        "1e3",
        "ab   ",
      ),
    );
    fc.assert(
      fc.property(fc.constantFrom(...types), stored, (type, raw) => {
        const column = type === "text" ? { ...plainType(type), length: 5, padded: true } : plainType(type);
        const decoded = decoderOf(column)(raw);
        // A float has many texts and names no row: only whole numbers are looked up by it.
        fc.pre(decoded !== null && !(type === "float" && !(typeof raw === "bigint" && Number.isSafeInteger(Number(raw)))));
        const forms = storedForms(decoded instanceof Uint8Array ? Buffer.from(decoded).toString("hex") : String(decoded), column);
        const same = (form: unknown): boolean => form === raw || String(form) === String(raw);
        expect(
          forms.some(same),
          `${type} ${typeof raw} ${String(raw)} -> ${String(decoded)} -> ${forms.map(String).join(" | ")}`,
        ).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});
