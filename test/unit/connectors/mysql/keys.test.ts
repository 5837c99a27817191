import fc from "fast-check";
import mysql from "mysql2";
import { describe, expect, it } from "vitest";
import { keyDigest } from "../../../../base/key-digest.ts";
import { KeyReader } from "../../../../connectors/mysql/keys.ts";
import { RowPacker } from "../../../../connectors/mysql/packed-rows.ts";
import type { Field } from "../../../../connectors/mysql/values.ts";

const utf8 = 45;
const binary = 63;
const field = (columnType: number, more: Partial<Field> = {}): Field => ({
  name: "c",
  columnType,
  characterSet: utf8,
  columnLength: 40,
  decimals: 0,
  flags: 0,
  ...more,
});

const text = field(mysql.Types.VAR_STRING);
const kinds: { name: string; field: Field; sent: fc.Arbitrary<Buffer> }[] = [
  { name: "text", field: text, sent: fc.string({ unit: "binary", maxLength: 400 }).map((each) => Buffer.from(each)) },
  { name: "plain text", field: text, sent: fc.stringMatching(/^[A-Za-z0-9_-]{0,40}$/).map((each) => Buffer.from(each)) },
  { name: "ASCII", field: text, sent: fc.string({ unit: "binary-ascii", maxLength: 60 }).map((each) => Buffer.from(each)) },
  {
    name: "integer",
    field: field(mysql.Types.LONGLONG, { characterSet: binary }),
    sent: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).map((each) => Buffer.from(String(each))),
  },
  {
    name: "ZEROFILL",
    field: field(mysql.Types.LONG, { characterSet: binary }),
    sent: fc.nat(99_999).map((each) => Buffer.from(String(each).padStart(5, "0"))),
  },
  {
    name: "decimal",
    field: field(mysql.Types.NEWDECIMAL, { characterSet: binary, decimals: 2 }),
    sent: fc.integer().map((each) => Buffer.from((each / 100).toFixed(2))),
  },
  {
    name: "float",
    field: field(mysql.Types.DOUBLE, { characterSet: binary }),
    sent: fc.double({ noNaN: true }).map((each) => Buffer.from(String(each))),
  },
  {
    name: "date",
    field: field(mysql.Types.DATE, { characterSet: binary }),
    sent: fc.constantFrom("2026-01-31", "0000-00-00").map((each) => Buffer.from(each)),
  },
  {
    name: "datetime",
    field: field(mysql.Types.DATETIME, { characterSet: binary }),
    sent: fc
      .constantFrom("2026-01-31 10:00:00", "2026-01-31 10:00:00.500000", "0000-00-00 00:00:00")
      .map((each) => Buffer.from(each)),
  },
  {
    name: "bits",
    field: field(mysql.Types.BIT, { characterSet: binary, columnLength: 8 }),
    sent: fc.constantFrom(Buffer.from([0]), Buffer.from([0x31])),
  },
  {
    name: "bytes",
    field: field(mysql.Types.BLOB, { characterSet: binary }),
    sent: fc.uint8Array({ maxLength: 20 }).map((each) => Buffer.from(each)),
  },
];

describe("keys of rows as they are sent", () => {
  it.each(kinds)("of type $name have the digest of their text", ({ field: column, sent }) => {
    const reader = new KeyReader([column], [0]);
    fc.assert(
      fc.property(fc.array(sent, { minLength: 1, maxLength: 5 }), (values) => {
        const packer = new RowPacker();
        for (const value of values) packer.addValues([value]);
        const rows = packer.take();
        expect([...reader.digests(rows)]).toEqual(values.map((_, index) => keyDigest(reader.key(rows, index) as string)));
      }),
      { numRuns: 60 },
    );
  });

  it("are read in the order of the key, whatever the order of the columns, and are none where one is null", () => {
    const reader = new KeyReader([text, text, field(mysql.Types.LONG, { characterSet: binary }), text], [2, 0]);
    const packer = new RowPacker();
    packer.addValues([Buffer.from("B.1"), Buffer.from("other"), Buffer.from("0042"), null]);
    packer.addValues([null, Buffer.from("other"), Buffer.from("7"), null]);
    packer.addValues([Buffer.from("ä"), null, Buffer.from("-7"), null]);
    const rows = packer.take();
    expect([0, 1, 2].map((index) => reader.key(rows, index))).toEqual(["42.B%2E1", undefined, "-7.%C3%A4"]);
    expect([...reader.digests(rows)]).toEqual([keyDigest("42.B%2E1"), 0n, keyDigest("-7.%C3%A4")]);
  });
});
