import { appendFile, chmod, mkdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Connector, Value } from "../../connectors/connector.ts";
import { type CsvFolder, csvFolder } from "./erp/csv.ts";
import { collect, never, sourceOf } from "./erp/subject.ts";

const source = sourceOf("T", ["ID"], ["ID", "NAME", "AMOUNT", "BORN"]);
const base = { full: "T_{n}.csv", key: ["ID"], columns: { ID: "integer", NAME: "text", AMOUNT: "decimal(12,2)", BORN: "date" } };
const head = "ID;NAME;AMOUNT;BORN\r\n";

/** The names of the places in code page 850. */
const cp850 = Buffer.from([0x31, 0x3b, 0x4d, 0x81, 0x6c, 0x6c, 0x65, 0x72, 0x3b, 0x31, 0x3b, 0x0d, 0x0a]);

describe("CSV folder: how files are written", () => {
  let place: CsvFolder;
  let open: Connector[];
  const connect = async (table: object = {}, more: object = {}): Promise<Connector> => {
    const connector = await place.open({ ...more, tables: { T: { ...base, ...table } } });
    open.push(connector);
    return connector;
  };
  const rows = async (connector: Connector): Promise<(readonly Value[])[]> =>
    (await collect(connector.scan(source, never))).map(({ row }) => row.values);
  const told = (name: string): Promise<string> => readFile(join(place.folder, "rejected", `${name}.txt`), "utf8");
  beforeEach(async () => {
    open = [];
    place = await csvFolder();
  });
  afterEach(async () => {
    for (const connector of open) await connector.close();
    await place[Symbol.asyncDispose]();
  });

  const line = "1;Müller – €;12.50;2026-03-29\r\n";
  const arrived = [1, "Müller – €", "12.50", "2026-03-29"];
  it.each([
    ["UTF-8", {}, Buffer.from(head + line)],
    ["UTF-8 with a byte order mark", {}, Buffer.from(`\ufeff${head}${line}`)],
    ["UTF-16", {}, Buffer.from(`\ufeff${head}${line}`, "utf16le")],
    ["UTF-16 without a mark", {}, Buffer.from(head + line, "utf16le")],
    ["UTF-16 without a mark, named", { encoding: "utf-16le" }, Buffer.from(head + line, "utf16le")],
    [
      "windows-1252",
      {},
      Buffer.concat([
        Buffer.from(`${head}1;M`),
        Buffer.from([0xfc]),
        Buffer.from("ller "),
        Buffer.from([0x96, 0x20, 0x80]),
        Buffer.from(";12.50;2026-03-29"),
      ]),
    ],
    ["commas", {}, Buffer.from(`${head}${line}`.replaceAll(";", ","))],
    ["tabulators", {}, Buffer.from(`${head}${line}`.replaceAll(";", "\t"))],
    ["bars", {}, Buffer.from(`${head}${line}`.replaceAll(";", "|"))],
    ["a named separator", { separator: "|" }, Buffer.from(`${head}${line}`.replaceAll(";", "|"))],
    ["line ends of Unix and an empty line at the end", {}, Buffer.from(`${head}${line}`.replaceAll("\r\n", "\n").concat("\n"))],
    ["everything in quotes", {}, Buffer.from('"ID";"NAME";"AMOUNT";"BORN"\n"1";"Müller – €";"12.50";"2026-03-29"\n')],
    ["other columns and another order", {}, Buffer.from("BORN;X;AMOUNT;id;Name\n2026-03-29;;12.50;1;Müller – €\n")],
    ["a separator behind the last value", {}, Buffer.from("ID;NAME;AMOUNT;BORN\n1;Müller – €;12.50;2026-03-29;\n")],
    ["no titles", { header: "false" }, Buffer.from(line)],
    [
      "a German number and date",
      { decimal: ",", dateFormat: "dd.MM.yyyy" },
      Buffer.from(`${head}1;Müller – €;12,5;29.03.2026\n`),
    ],
    ["a trailer", { trailer: "END;{rows};*" }, Buffer.from(`${head}${line}END;1;x\n`)],
  ])("%s: read as it is meant", async (_, table, content) => {
    const connector = await connect(table);
    await place.drop("T_1.csv", content);
    expect(await rows(connector)).toEqual([arrived]);
    expect(await place.names("rejected")).toEqual([]);
  });

  it("ISO 8859-15 is read when it is named, with the euro where windows-1252 has another sign", async () => {
    const connector = await connect({ encoding: "iso-8859-15" });
    await place.drop("T_1.csv", Buffer.from(`${head}1;Müller \u00a4;1;\n`, "latin1"));
    expect(await rows(connector)).toEqual([[1, "Müller €", "1.00", null]]);
  });

  it("code page 850 is read when it is named, and its letters are not taken for others when it is not", async () => {
    const connector = await connect();
    await place.drop("T_1.csv", Buffer.concat([Buffer.from(head.replace(";BORN", "")), cp850]));
    await expect(rows(connector)).rejects.toMatchObject({ code: "erp-export-awaited" });
    const named = await connect({ encoding: "cp850" });
    await place.drop(
      "T_2.csv",
      Buffer.concat([Buffer.from(head), Buffer.from([0x31, 0x3b, 0x4d, 0x81, 0x6c, 0x6c, 0x65, 0x72, 0x3b, 0x31, 0x3b, 0x0a])]),
    );
    expect(await rows(named)).toEqual([[1, "Müller", "1.00", null]]);
  });

  const good = `${head}1;Ada;1;2026-01-01\n`;
  it.each([
    [
      "bytes of another encoding",
      { encoding: "utf-8" },
      Buffer.concat([Buffer.from(`${head}1;Ada;1;\n2;M`), Buffer.from([0xfc, 0x6c, 0x0a])]),
      "From line",
      "Set `encoding`",
    ],
    [
      "bytes that windows-1252 does not have",
      {},
      Buffer.concat([Buffer.from(`${head}1;Ada;1;\n2;M`), Buffer.from([0x81, 0x6c, 0x0a])]),
      "From line 3",
      "cp850",
    ],
    ["a quote that is never closed", {}, `${head}1;"Ada;1;\n2;Bob;2;\n`, "never closed", "cut off"],
    ["a quote within a value", {}, `${head}1;Ada "L";1;\n2;"Bob"x;2;\n`, "Line: ", "quotes"],
    ["a row with too few values", {}, `${head}1;Ada;1;\n2;Bob\n3;Cleo;1;\n`, "Line 3 has 2 values in place of 4", "separator"],
    ["a row with too many values", {}, `${head}1;Ada;1;;x\n`, "Line 2 has 5 values in place of 4", "separator"],
    ["a key column that is missing", {}, "NAME;AMOUNT;BORN\nAda;1;\n", "no column ID", "It has: NAME, AMOUNT, BORN"],
    ["a column that is there twice", {}, "ID;NAME;AMOUNT;BORN;ID\n1;Ada;1;;2\n", "names the column ID twice", "Correct"],
    ["a row without a key", {}, `${head}1;Ada;1;\n;Bob;1;\n`, "Line 3 has no value in the key column ID", "key"],
    [
      "a key that is there twice",
      {},
      `${head}1;Ada;1;\n2;Bob;1;\n1;Eve;1;\n`,
      "Line 4 has the key of an earlier line",
      "each row once",
    ],
    ["a trailer with another count", { trailer: "END;{rows}" }, `${good}END;2\n`, "tells of 2 rows, and there are 1", "anew"],
    ["no trailer", { trailer: "END;{rows}" }, good, "not the trailer", "not whole"],
    [
      "rows behind the trailer",
      { trailer: "END;{rows}" },
      `${head}1;Ada;1;\nEND;1\n2;Bob;1;\n`,
      "Line 3 has 2 values",
      "separator",
    ],
    ["nothing at all", {}, "", "empty", "anew"],
    ["a letter", {}, "Dear Sir or Madam,\nthis is no table.\n", "no column ID", "It has:"],
  ])(
    "%s: the whole file goes to the reject folder beside a text that says why, and what stood stays",
    async (_, table, content, ...words) => {
      const sound = await connect();
      await place.drop("T_1.csv", `${head}7;Before;1;2026-01-01\n`);
      const before = await rows(sound);
      expect(before).toHaveLength(1);
      const connector = await connect(table);
      await place.drop("T_2.csv", content);
      expect(await rows(connector)).toEqual(before);
      expect(await place.names("rejected")).toEqual(["T_2.csv", "T_2.csv.txt"]);
      expect(await readFile(join(place.folder, "rejected", "T_2.csv"))).toEqual(Buffer.from(content));
      const text = await told("T_2.csv");
      for (const word of words) expect(text).toContain(word);
      expect(await connector.check(never)).toContainEqual(
        expect.objectContaining({ code: "erp-file-rejected", severity: "warning" }),
      );
      // Corrected and put back, it is taken.
      await place.drop("T_2.csv", table && "trailer" in table ? `${good}END;1\n` : good);
      expect(await rows(connector)).toEqual([[1, "Ada", "1.00", "2026-01-01"]]);
    },
  );

  it("a value that does not fit its column holds back nothing: it arrives as the text it is", async () => {
    const connector = await connect();
    await place.drop("T_1.csv", `${head}x12;Ada;n/a;0010\n2;Bob;1e3;00.00.0000\n`);
    expect(await rows(connector)).toEqual([
      [2, "Bob", "1e3", "00.00.0000"],
      ["x12", "Ada", "n/a", "0010"],
    ]);
  });

  it("numbers keep all of their digits", async () => {
    const columns = { ID: "text", NAME: "integer", AMOUNT: "decimal(38,10)", BORN: "float" };
    const connector = await connect({ columns, decimal: "," });
    await place.drop(
      "T_1.csv",
      `${head}1;9223372036854775807;1234567890123456789012345678,1234567890;0,1\n2;18446744073709551615;-0,01;-1,5e3\n3;-0012;1.234.567,89-;+2\n`,
    );
    expect(await rows(connector)).toEqual([
      ["1", 9223372036854775807n, "1234567890123456789012345678.1234567890", 0.1],
      ["2", 18446744073709551615n, "-0.0100000000", -1500],
      ["3", -12, "-1234567.8900000000", 2],
    ]);
  });

  it("a file that is still being written is left alone until its size and time stand still, and those behind it wait", async () => {
    const connector = await connect({}, { settle: "400ms" });
    const path = join(place.folder, "T_1.csv");
    await writeFile(path, `${head}1;Ada;1;\n`);
    await place.drop("T_2.csv.accepted", `${head}2;Bob;1;\n`);
    let writing = true;
    const writer = (async () => {
      for (let row = 10; row < 25; row++) {
        await appendFile(path, `${row};n;1;\n`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      writing = false;
    })();
    while (writing) {
      await connector.aggregate(source, undefined, never).catch(() => {});
      if (writing) expect(await place.names("archive")).toEqual([]);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await writer;
    expect(await rows(connector).catch(() => rows(connector))).toEqual([[2, "Bob", "1.00", null]]);
    expect(await place.private("SELECT file, row_count FROM fuser_import ORDER BY id")).toEqual([
      ["T_1.csv", 16],
      ["T_2.csv.accepted", 1],
    ]);
  });

  it("a file that is written on while it is read is left alone, and read as a whole the next time", async () => {
    const path = join(place.folder, "T_1.csv");
    let grows = true;
    const connector = await place.open(
      { tables: { T: base } },
      {
        onMoment: async (moment) => {
          if (moment !== "read" || !grows) return;
          grows = false;
          await appendFile(path, "2;Bob;1;\n");
        },
      },
    );
    open.push(connector);
    await place.drop("T_1.csv", `${head}1;Ada;1;\n`);
    await expect(rows(connector)).rejects.toMatchObject({ code: "erp-export-awaited" });
    expect(grows).toBe(false);
    expect((await rows(connector)).length).toBe(2);
    expect(await place.private("SELECT row_count FROM fuser_import")).toEqual([[2]]);
  });

  it("temporary names are no files of a table", async () => {
    const connector = await connect();
    for (const name of ["T_1.csv.tmp", "T_1.csv.part", "~T_1.csv", "T_x.csv", "XT_1.csv"])
      await writeFile(join(place.folder, name), good);
    await expect(rows(connector)).rejects.toMatchObject({ code: "erp-export-awaited" });
    expect(await connector.check(never)).toContainEqual(expect.objectContaining({ code: "erp-file-unread" }));
  });

  it("a folder that is missing or another one is told with its name and the account", async () => {
    const connector = await connect({}, { marker: "live" });
    await expect(rows(connector)).rejects.toMatchObject({ kind: "transient", code: "erp-folder-other" });
    await writeFile(join(place.folder, "erpfuser-folder.txt"), "live\n");
    await place.drop("T_1.csv", good);
    expect((await rows(connector)).length).toBe(1);
    await rename(place.folder, `${place.folder}.away`);
    const told = { kind: "transient", code: "erp-folder-missing", message: expect.stringContaining(userInfo().username) };
    await expect(rows(connector)).rejects.toMatchObject(told);
    await expect(rows(connector)).rejects.toMatchObject({ message: expect.stringContaining(place.folder) });
    expect(await connector.check(never)).toContainEqual(
      expect.objectContaining({ severity: "error", code: "erp-folder-missing" }),
    );
    await rename(`${place.folder}.away`, place.folder);
    expect((await rows(connector)).length).toBe(1);
  });

  it("a file that can't be moved stays where it is, is told, and is not imported again", async () => {
    const connector = await connect();
    await place.drop("T_1.csv", good);
    await writeFile(join(place.folder, "archive"), "a file where the folder should be");
    expect((await rows(connector)).length).toBe(1);
    await utimes(join(place.folder, "T_1.csv"), new Date(), new Date());
    expect((await rows(connector)).length).toBe(1);
    expect(await place.private("SELECT COUNT(*) FROM fuser_import")).toEqual([[1]]);
    expect(await place.names()).toEqual(["T_1.csv", "archive"]);
    expect((await connector.check(never)).filter(({ severity }) => severity === "error").length).toBe(1);
    await rm(join(place.folder, "archive"));
    const later = await connect();
    await rows(later);
    expect(await place.names("archive")).toEqual(["T_1.csv"]);
    expect(await place.private("SELECT COUNT(*) FROM fuser_import")).toEqual([[1]]);
  });

  it("commands are refused, by the check, the write and the capabilities", async () => {
    const connector = await connect();
    await mkdir(place.folder, { recursive: true });
    await chmod(place.folder, 0o755);
    expect(connector.dialect).toMatchObject({
      name: "csv",
      powers: { nativeFeed: false },
      capabilities: { unsupported: ["write", "call", "feed"] },
    });
    expect(await connector.check(never, { read: ["T"], write: ["T"] })).toContainEqual(
      expect.objectContaining({ severity: "error", code: "erp-read-only" }),
    );
    const plan = {
      commandId: "c",
      idempotency: { way: "base" },
      mayBeRepeated: false,
      steps: [],
      resultKey: () => [],
      found: {},
      rehearse: false,
    } as const;
    await expect(connector.write(plan, never)).rejects.toMatchObject({ kind: "config", code: "erp-read-only" });
    await expect(connector.lookup(plan, never)).rejects.toMatchObject({ kind: "config", code: "erp-read-only" });
  });
});
