import { describe, expect, it } from "vitest";
import { mysqlError } from "../../../../connectors/mysql/errors.ts";
import { mariadbParts, mariadbPosition, mysqlPosition } from "../../../../connectors/mysql/identity.ts";

describe("positions of a server's history", () => {
  it("of MariaDB count by domain", () => {
    expect(mariadbPosition("0-1-100,2-5-7")).toEqual({ "0": "100", "2": "7" });
    expect(mariadbPosition("")).toBeUndefined();
    expect(mariadbParts("0-1-100,0-2-120,2-5-7")).toEqual({ "0-1": "100", "0-2": "120", "2-5": "7" });
    expect(mariadbParts("")).toEqual({});
    // What the binlog of a copy still tells of its primary is older than what it has carried out since without logging it.
    expect(mariadbParts("0-1-50,0-2-120", "0-1-100,3-9-4")).toEqual({ "0-1": "100", "0-2": "120" });
    expect(mariadbParts("0-1-50", "0-1-40")).toEqual({ "0-1": "50" });
  });

  it("of MySQL take the highest number of each server", () => {
    expect(
      mysqlPosition("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:8,\n4e11fa47-71ca-11e1-9e33-c80aa9429562:1-18446744073709551615"),
    ).toEqual({
      "3e11fa47-71ca-11e1-9e33-c80aa9429562": "8",
      "4e11fa47-71ca-11e1-9e33-c80aa9429562": "18446744073709551615",
    });
    expect(mysqlPosition("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:tag:1-9")).toEqual({
      "3e11fa47-71ca-11e1-9e33-c80aa9429562": "5",
      "3e11fa47-71ca-11e1-9e33-c80aa9429562:tag": "9",
    });
    expect(mysqlPosition("")).toBeUndefined();
  });
});

describe("errors of the server", () => {
  it("never repeat a value of a row", () => {
    const duplicate = Object.assign(new Error("Duplicate entry 'hans@example.com' for key 'email'"), {
      errno: 1062,
      sqlState: "23000",
    });
    expect((mysqlError(duplicate, "write", "erp") as Error).message).not.toMatch(/hans/);
    expect((mysqlError(duplicate, "write", "erp") as Error).message).toMatch(/email/);
    const value = Object.assign(new Error("Incorrect string value: 'Geheim' for column `db`.`t`.`name` at row 1"), {
      errno: 1366,
      sqlState: "22007",
    });
    expect((mysqlError(value, "write", "erp") as Error).message).not.toMatch(/Geheim/);
    const check = Object.assign(new Error("CONSTRAINT `amount_positive` failed for `db`.`t`"), {
      errno: 4025,
      sqlState: "23000",
    });
    expect((mysqlError(check, "write", "erp") as Error).message).toMatch(/amount_positive/);
  });

  it("that nobody knows are sorted by their class, and what is no server error is left as it is", () => {
    expect(mysqlError(Object.assign(new Error("x"), { errno: 9999, sqlState: "22003" }), "read", "erp")).toMatchObject({
      kind: "rejected",
    });
    expect(mysqlError(Object.assign(new Error("x"), { errno: 9999, sqlState: "40001" }), "read", "erp")).toMatchObject({
      kind: "transient",
    });
    const bug = new TypeError("x is not a function");
    expect(mysqlError(bug, "read", "erp")).toBe(bug);
  });
});
