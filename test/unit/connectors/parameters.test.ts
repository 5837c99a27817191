import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mysqlSyntax, withLiterals } from "../../../connectors/mysql/sql.ts";
import { fillTemplate, parseTemplate } from "../../../connectors/parameters.ts";
import { sqliteSyntax } from "../../../connectors/sqlite/sql.ts";
import { bind, concat, withMarks } from "../../../connectors/statement.ts";

const names = (text: string, syntax = sqliteSyntax): readonly string[] => parseTemplate(text, syntax.tokens, "test").names;

describe("named parameters", () => {
  it("are found by their dotted names, umlauts included", () => {
    expect(names("a = :vars.x AND b=:row.MÜNZE_1 AND c = :command.id")).toEqual(["vars.x", "row.MÜNZE_1", "command.id"]);
  });

  it("are left alone in strings, quoted names and comments", () => {
    expect(names(`':a' || "b:c" || [d:e] || \`f:g\` -- :h\n/* :i */ || 'it''s :j' || :k`)).toEqual(["k"]);
  });

  it("of MySQL respect backslashes and its own comments", () => {
    expect(names(`'it\\'s :a' # :b\n-- :c\n, :d`, mysqlSyntax)).toEqual(["d"]);
    expect(names("1--:a", mysqlSyntax)).toEqual(["a"]);
    expect(names("1--:a", sqliteSyntax)).toEqual([]);
    expect(names("'\\' || :a", sqliteSyntax)).toEqual(["a"]);
  });

  it("are not seen in casts or within words", () => {
    expect(names("a::text, b:c")).toEqual([]);
  });

  it.each([
    ["a second statement", "SELECT 1; DELETE FROM t"],
    ["a bare question mark", "a = ?"],
    ["a parameter of SQLite's own", "a = @x OR b = $y"],
    ["an open string", "a = 'x"],
    ["an open comment", "a /* x"],
  ])("refuse %s", (_, text) => {
    expect(() => names(text)).toThrow(expect.objectContaining({ kind: "config", code: "erp-sql-invalid" }));
  });

  it("may end with a semicolon", () => {
    expect(parseTemplate("SELECT 1 ;\n", sqliteSyntax.tokens, "test").text).toEqual(["SELECT 1"]);
  });

  it("that nobody knows are a fault of the configuration that names them", () => {
    const template = parseTemplate("a = :vars.lost", sqliteSyntax.tokens, "orders");
    expect(() => fillTemplate(template, () => undefined, "orders")).toThrow(
      expect.objectContaining({ code: "erp-parameter-unknown", place: "orders" }),
    );
    expect(fillTemplate(template, () => null, "orders").values).toEqual([null]);
  });
});

describe("statements", () => {
  it("keep values apart from text", () => {
    const statement = concat("a = ", bind("x"), " AND ", concat("b = ", bind(1n)), ";");
    expect(withMarks(statement)).toBe("a = ? AND b = ?;");
    expect(statement.values).toEqual(["x", 1n]);
  });

  it("of MySQL hold every text as a literal that the tokenizer takes for one string", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const literal = withLiterals(bind(text));
        expect(names(`${literal} || :after`, mysqlSyntax)).toEqual(["after"]);
      }),
    );
  });

  it("of MySQL write null, numbers, booleans and bytes as literals", () => {
    expect(
      withLiterals(
        concat(
          bind(null),
          ",",
          bind(12n),
          ",",
          bind(true),
          ",",
          bind(1.5),
          ",",
          bind(new Uint8Array([0, 255])),
          ",",
          bind(new Uint8Array()),
        ),
      ),
    ).toBe("NULL,12,1,1.5,X'00ff',''");
  });
});
