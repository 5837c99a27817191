import { describe, expect, it } from "vitest";
import { tlsChoice } from "../../../connectors/mysql/config.ts";
import { connectors } from "../../../connectors/registry.ts";

const parse = (name: string, settings: unknown) => connectors[name]?.settings.safeParse(settings);
const mysql = { server: "erp01", database: "wodb", user: "fuser" };

describe("settings of connectors", () => {
  it("arrive as text and are converted", () => {
    expect(parse("mysql", { ...mysql, port: "3307", tls: { verify: "false" } })?.data).toEqual({
      ...mysql,
      port: 3307,
      tls: { verify: false },
    });
    expect(parse("sqlite", { file: "erp.db" })?.data).toEqual({ file: "erp.db" });
    expect(connectors.mariadb).toBe(connectors.mysql);
  });

  it.each([
    ["a port that is none", { ...mysql, port: "33o6" }, /whole number from 1 to 65535/],
    ["a password written into the file", { ...mysql, password: "geheim" }, /secret: name/],
    ["neither server nor socket", { database: "a", user: "b" }, /either `server` or `socket`/],
    ["both server and socket", { ...mysql, socket: "/s" }, /either `server` or `socket`/],
    ["an unknown key", { ...mysql, hots: "x" }, /hots/],
    ["a tls mode that is none", { ...mysql, tls: { mode: "maybe" } }, /preferred/],
  ])("refuse %s and say what is wanted", (_, settings, message) => {
    const result = parse("mysql", settings);
    expect(result?.success).toBe(false);
    expect(result?.error?.issues.map((issue) => issue.message).join("\n")).toMatch(message);
  });

  const elsewhere = { host: "erp", port: 3306 };
  it("encrypt off this machine unless told otherwise, and verify where an authority is named", () => {
    expect(tlsChoice({ ...mysql }, elsewhere)).toMatchObject({ mode: "preferred", verify: false });
    expect(tlsChoice({ ...mysql }, { host: "127.0.0.1", port: 3306 })).toMatchObject({ mode: "off" });
    expect(tlsChoice({ ...mysql, tls: { ca: "ca.pem" } }, elsewhere)).toMatchObject({ mode: "required", verify: true });
    expect(tlsChoice({ ...mysql, tls: { mode: "required", verify: false } }, elsewhere)).toMatchObject({
      mode: "required",
      verify: false,
    });
  });
});
