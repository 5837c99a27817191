import { describe, expect, it } from "vitest";
import { feedName } from "../../../../connectors/postgres/feed-names.ts";
import { lsnOf, lsnText, parsePosition, positionText } from "../../../../connectors/postgres/feed-position.ts";
import { shows, snapshotOf } from "../../../../connectors/postgres/feed-visible.ts";
import { parseHistory } from "../../../../connectors/postgres/timelines.ts";

describe("names of slot and publication", () => {
  it("are names that PostgreSQL takes, another one for each agent and database", () => {
    const names = [
      "erpfuser:a",
      "erpfuser:A",
      "erpfuser:ä",
      `erpfuser:${"long".repeat(30)}`,
      `erpfuser:${"long".repeat(30)}!`,
    ].map((agent) => feedName(agent, "erp"));
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9_]{1,62}$/);
    expect(new Set([...names, feedName("erpfuser:a", "erp2")]).size).toBe(6);
    expect(names[0]).toMatch(/^erpfuser_a_erp_/);
  });
});

describe("positions", () => {
  it("come back from their text as they were", () => {
    const position = { system: "7711", timeline: "3", database: "erp", lsn: 0x1_0000_00ffn, tables: { rent: "x" }, unseen: [7] };
    expect(parsePosition(positionText(position), "here")).toEqual(position);
    expect(lsnText(lsnOf("16/B374D848"))).toBe("16/B374D848");
  });

  it.each(["", "0-1-7", "{}", '{"system":"1","timeline":"1","database":"erp","lsn":"x"}', "null"])("%s is none", (text) => {
    expect(() => parsePosition(text, "here")).toThrow(
      expect.objectContaining({ kind: "history-lost", code: "erp-feed-other-history" }),
    );
  });
});

describe("the history of a timeline", () => {
  it("says where each of those before it ended", () => {
    const text = "# a word of the DBA's\n1\t0/3000060\tno recovery target specified\n\n2\t1/A\tbefore 2026-11-23 10:00:00+01\n";
    expect([...parseHistory(text)]).toEqual([
      ["1", 0x3000060n],
      ["2", 0x1_0000_000an],
    ]);
    expect(parseHistory("").size).toBe(0);
  });
});

describe("what a snapshot shows", () => {
  it("is what is below its end and not running", () => {
    const snapshot = snapshotOf("700:705:700,703");
    expect([699, 700, 701, 703, 704, 705].map((xid) => shows(snapshot, xid))).toEqual([true, false, true, false, true, false]);
    expect(shows(snapshotOf("700:700:"), 699)).toBe(true);
  });

  it("is told by the number's last 32 bits, on either side of their end", () => {
    const behind = 2n ** 32n;
    const snapshot = snapshotOf(`${behind + 3n}:${behind + 10n}:${behind + 3n}`);
    expect([4_294_967_295, 2, 3, 4, 10].map((xid) => shows(snapshot, xid))).toEqual([true, true, false, true, false]);
    expect(shows(snapshotOf(`${behind - 1n}:${behind}:${behind - 1n}`), 4_294_967_295)).toBe(false);
    expect(shows(snapshotOf(`${behind - 1n}:${behind}:`), 3)).toBe(false);
  });
});
