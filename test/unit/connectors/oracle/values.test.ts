import { describe, expect, it } from "vitest";
import { oracleError } from "../../../../connectors/oracle/errors.ts";
import { boundFor, decoderOf, readable, typeOf } from "../../../../connectors/oracle/values.ts";

const typed = (type: string) => typeOf({ type, precision: undefined, scale: undefined });

describe("values of Oracle", () => {
  it("truth values of version 23 are read and written as numbers, which every driver and version gives alike", () => {
    const { native, type } = typed("BOOLEAN");
    expect(readable("b", native)).toBe("CASE WHEN b THEN 1 WHEN NOT b THEN 0 END");
    const decode = decoderOf({ native, type });
    expect([decode("1"), decode("0"), decode(null)]).toEqual([true, false, null]);
    expect(boundFor("true", native)).toEqual({ text: ["TO_BOOLEAN(", ")"], values: [1] });
  });

  it("a JSON column is text", () => {
    expect(readable("j", typed("JSON").native)).toBe("JSON_SERIALIZE(j RETURNING CLOB)");
  });

  it("a cause behind the server's general words decides what an error means", () => {
    const told = (message: string) =>
      oracleError(Object.assign(new Error(message), { errorNum: Number(/\d+/.exec(message)?.[0]) }), "o", "p");
    expect(told("ORA-02091: transaction rolled back\nORA-00001: unique constraint (A.B) violated")).toMatchObject({
      code: "erp-duplicate",
    });
    expect(told("ORA-00604: error occurred at recursive SQL level 1\nORA-01653: unable to extend")).toMatchObject({
      code: "erp-disk-full",
    });
    expect(told("ORA-02091: transaction rolled back")).toMatchObject({ kind: "rejected", code: "erp-refused" });
    expect(told("ORA-00604: error occurred at recursive SQL level 1")).toMatchObject({ kind: "transient", code: "erp-failed" });
  });
});
