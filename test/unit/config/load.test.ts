import { describe, expect, test } from "vitest";
import { FuserError } from "../../../base/errors.ts";
import type { Config, Fault, Read, Source, Step } from "../../../config/config.ts";
import { loadConfig, parseConfig } from "../../../config/load.ts";

const head = `agent: { name: Test, portal: "wss://portal.example.com/agent", state: /tmp/state }
erp: { connector: sqlite, file: /tmp/erp.db, timezone: Europe/Berlin }
`;
const properties = `  properties: { type: property, table: OBJEKT, key: [MANDANT, OBJNR], fields: { name: BEZ } }
`;

function load(text: string): Config {
  const loaded = parseConfig({ text, file: "/etc/erpfuser/erpfuser.yaml" });
  expect(loaded.faults ?? []).toEqual([]);
  return loaded.config as Config;
}

function faults(text: string, options = {}): readonly Fault[] {
  return parseConfig({ text, file: "/etc/erpfuser/erpfuser.yaml" }, options).faults ?? [];
}

/** One source named `it` of type `person` with these fields. */
const person = (fields: string, more = ""): string =>
  `${head}types: { ymd: { integer: yyyyMMdd }, hms: { integer: HHmmss } }
maps: { yes: { read: { J: natural, N: legal } } }
vars: { mandant: "001", prefix: NORD }
sources:
${properties}  it: { type: person, table: PERSON, key: [MANDANT, PERSNR], fields: { kind: { value: natural }, ${fields} }${more} }
`;
const sourceOf = (config: Config, name = "it"): Source => config.sources.find((source) => source.name === name) as Source;
const readOf = (text: string, field: string): Read => sourceOf(load(person(text))).fields[field]?.read as Read;

describe("reading", () => {
  test("plain text is a column, with its place in the file", () => {
    expect(readOf("lastName: NAME1", "lastName")).toEqual({
      kind: "column",
      column: "NAME1",
      at: { path: "sources.it.fields.lastName", line: 8 },
    });
  });

  test("codes stay the text that was written", () => {
    const config = load(`${head}vars: { a: "010", b: 010, c: NO, d: 1e3, e: on, f: ~ }
maps: { m: { read: { 01: NO, on: yes } } }
sources:
${properties}`);
    expect(config.vars).toEqual({ a: "010", b: "010", c: "NO", d: "1e3", e: "on", f: "~" });
    expect(config.maps.m?.read).toEqual({ "01": "NO", on: "yes" });
  });

  test("{ value } is a constant in the type that the model wants", () => {
    const config = load(`${head}sources:
  catalog: { type: catalogEntry, table: K, key: C, fields: { catalog: { value: "01" }, code: C, label: { de: T }, active: { value: true } } }
`);
    expect(sourceOf(config, "catalog").fields.active?.read).toMatchObject({ kind: "constant", value: true });
    expect(sourceOf(config, "catalog").fields.catalog?.read).toMatchObject({ kind: "constant", value: "01" });
  });

  test("a whole ${…} is an expression, without its braces", () => {
    expect(readOf(`lastName: "\${NAME1 + ' ' + {'a': '}'}.a}"`, "lastName")).toMatchObject({
      kind: "expression",
      expression: { cel: "NAME1 + ' ' + {'a': '}'}.a" },
    });
  });

  test("options of a column are converted", () => {
    expect(readOf("birthDate: { from: GEB, as: ymd, shift: -1d, do: trim }", "birthDate")).toMatchObject({
      kind: "from",
      column: "GEB",
      as: "ymd",
      shiftDays: -1,
      do: ["trim"],
    });
    expect(readOf("emails: { from: EMAIL, do: [trim, email-list] }", "emails")).toMatchObject({
      do: ["trim", "email-list"],
      shiftDays: 0,
    });
  });

  test("references keep their key's parts in order and hold by default", () => {
    const config = load(`${head}sources:
${properties}  buildings:
    type: building
    table: HAUS
    key: [MANDANT, OBJNR, HAUSNR]
    fields: { name: BEZ, propertyId: { ref: properties, key: [{ value: "001" }, "\${OBJ}"], missing: omit } }
`);
    expect(sourceOf(config, "buildings").fields.propertyId?.read).toMatchObject({
      kind: "ref",
      source: "properties",
      missing: "omit",
      key: [
        { kind: "constant", value: "001" },
        { kind: "expression", expression: { cel: "OBJ" } },
      ],
    });
  });

  test("lists take their items' conditions, objects their fields, fields their condition and owner", () => {
    const config = load(
      person(`lastName: { from: N, owner: shared, conflict: ask, when: "\${!empty(N)}" },
      phones: [ { when: "\${!empty(TEL)}", number: TEL }, { number: MOBIL, kind: { value: mobile } } ],
      address: { street: STR, country: { value: DE }, when: "\${MIT == 'J'}" }`),
    );
    const { fields } = sourceOf(config);
    expect(fields.lastName).toMatchObject({ owner: "shared", conflict: "ask", when: { cel: "!empty(N)" } });
    expect(fields.phones?.read).toMatchObject({
      kind: "list",
      items: [
        { when: { cel: "!empty(TEL)" }, read: { kind: "object", fields: { number: { kind: "column", column: "TEL" } } } },
        { when: undefined },
      ],
    });
    expect(fields.address).toMatchObject({
      owner: "erp",
      when: { cel: "MIT == 'J'" },
      read: { kind: "object", fields: { street: { column: "STR" }, country: { kind: "constant", value: "DE" } } },
    });
    const address = fields.address?.read;
    const inner = address?.kind === "object" ? address.fields : {};
    expect(Object.keys(inner)).toEqual(["street", "country"]);
  });

  test("child rows are joined, or make items", () => {
    const config = load(`${head}sources:
  invoices:
    type: invoice
    table: R
    key: ID
    fields:
      subject: [ { type: { value: person }, id: { ref: persons, key: P } } ]
      issueDate: DAT
      total: { from: SUMME, currency: EUR }
      lines: { rows: "SELECT T, B FROM P WHERE R = :row.ID", item: { text: T, amount: { from: B, currency: EUR } } }
  persons: { type: person, table: P, key: ID, fields: { kind: { value: natural }, lastName: { rows: "SELECT N FROM N WHERE P = :row.ID", join: "\\n" } } }
`);
    expect(sourceOf(config, "invoices").fields.lines?.read).toMatchObject({
      kind: "rows",
      query: { sql: "SELECT T, B FROM P WHERE R = :row.ID" },
      join: undefined,
      item: { kind: "object", fields: { amount: { kind: "from", currency: "EUR" } } },
    });
    expect(sourceOf(config, "persons").fields.lastName?.read).toMatchObject({ kind: "rows", join: "\n", item: undefined });
  });

  test("date and time of two columns keep the names of their formats", () => {
    const config = load(`${head}types: { ymd: { integer: yyyyMMdd }, hms: { integer: HHmmss } }
sources:
  tickets: { type: ticket, table: A, key: NR, fields: { kind: { value: damage }, title: T, status: { value: open }, createdAt: { date: D, time: Z, as: [ymd, hms] } } }
`);
    expect(sourceOf(config, "tickets").fields.createdAt?.read).toMatchObject({
      kind: "dateTime",
      date: "D",
      time: "Z",
      as: ["ymd", "hms"],
    });
  });
});

describe("sources", () => {
  test("without `changes` a source is compared every quarter of an hour, and deletes wait an hour", () => {
    expect(sourceOf(load(person("lastName: N")))).toMatchObject({
      changes: { cursor: undefined, compare: { kind: "every", ms: 900_000 } },
      deletes: { flag: undefined, graceMs: 3_600_000 },
      scoped: true,
      append: false,
    });
  });

  test("a column is paired with a nightly comparison, and a note says so", () => {
    const loaded = parseConfig({ text: person("lastName: N", ", changes: { column: AENDTS }"), file: "x.yaml" });
    expect(loaded.config && sourceOf(loaded.config).changes).toMatchObject({
      cursor: { column: "AENDTS", kind: "timestamp", every: { kind: "every", ms: 5_000 }, overlap: 30_000, grain: "second" },
      compare: { kind: "cron", cron: "0 3 * * *" },
    });
    expect(loaded.config && loaded.notes).toMatchObject([
      { severity: "info", code: "compare-paired", place: "sources.it.changes (line 8)" },
    ]);
  });

  test("a sequence counts its overlap, a day's grain re-reads a day", () => {
    expect(
      sourceOf(load(person("lastName: N", ", changes: { column: ID, kind: sequence, overlap: 100, compare: 1h }"))).changes.cursor
        ?.overlap,
    ).toBe(100);
    expect(
      sourceOf(load(person("lastName: N", ", changes: { column: TAG, grain: day, compare: 1h }"))).changes.cursor?.overlap,
    ).toBe(86_400_000);
  });

  test("a source that only grows has no comparison", () => {
    const config = load(person("lastName: N", ", append: true, changes: { column: ID, kind: sequence }"));
    expect(sourceOf(config)).toMatchObject({ append: true, changes: { cursor: { overlap: 1_000 }, compare: undefined } });
  });

  test("variables are replaced once in tables and queries, and stay parameters where they are values", () => {
    const config = load(`${head}vars: { prefix: NORD, mandant: "001" }
scope: { MANDANT: "\${vars.mandant}", SPARTE: "1" }
sources:
  a: { type: property, table: "\${vars.prefix}_OBJ", key: ID, scope: none, where: "M = :vars.mandant", fields: { name: N } }
  b: { type: person, query: "SELECT ID, N FROM \${vars.prefix}_P -- :x ' \\n WHERE M = :vars.mandant", key: ID, fields: { kind: { value: legal }, companyName: N } }
`);
    expect(config.scope).toEqual({ MANDANT: "001", SPARTE: "1" });
    expect(sourceOf(config, "a")).toMatchObject({
      from: { kind: "table", table: "NORD_OBJ" },
      scoped: false,
      where: { sql: "M = :vars.mandant" },
    });
    expect((sourceOf(config, "b").from as { query: { sql: string } }).query.sql).toContain("FROM NORD_P");
  });

  test("a watched query takes its column from the signal", () => {
    const config = load(`${head}sources:
  p: { type: person, query: "SELECT ID, N FROM P", key: ID, signal: { table: P, column: TS, key: ID }, fields: { kind: { value: legal }, companyName: N } }
`);
    expect(sourceOf(config, "p")).toMatchObject({
      signal: { table: "P", column: "TS", key: ["ID"] },
      changes: { cursor: { column: "TS", kind: "timestamp" } },
    });
  });

  test("touching tables keep the key of the parent and their own", () => {
    const config = load(
      person("lastName: N", ", touchedBy: [ { table: T, key: [M, P], own: [M, P, L], changes: { column: TS } } ]"),
    );
    expect(sourceOf(config).touchedBy).toMatchObject([
      { table: "T", key: ["M", "P"], own: ["M", "P", "L"], changes: { cursor: { column: "TS" }, compare: undefined } },
    ]);
  });
});

describe("the rest of the file", () => {
  test("directories are seen from the file, and times over midnight are two", () => {
    const config = load(`agent: { name: A, portal: "ws://127.0.0.1:1/agent", state: state, caFile: ca.pem }
erp: { connector: sqlite, file: f, timezone: UTC, confirmAfter: 90s, courtesy: { lockTimeout: 500ms, blackout: [ { between: "22:00-05:30" }, { between: "12:00-13:00" } ] } }
sources:
${properties}`);
    expect(config.agent).toMatchObject({
      state: "/etc/erpfuser/state",
      caFile: "/etc/erpfuser/ca.pem",
      stage: "test",
      logs: undefined,
    });
    expect(config.erp).toMatchObject({
      connector: "sqlite",
      settings: { file: "f" },
      confirmAfterMs: 90_000,
      courtesy: {
        statementTimeoutMs: 30_000,
        lockTimeoutMs: 500,
        commandsInBlackout: "run",
        blackout: [
          { fromMinute: 1320, untilMinute: 1440 },
          { fromMinute: 0, untilMinute: 330 },
          { fromMinute: 720, untilMinute: 780 },
        ],
      },
    });
    const limits = { rows: 100, percent: 10 };
    expect(config.guards).toEqual({ deletes: limits, emptied: limits, moved: limits });
    expect(config.journal).toEqual({ keepDays: 30, maxBytes: 104_857_600 });
  });

  test("a map is inverted for writing where that has one answer", () => {
    const config = load(`${head}maps:
  a: { read: { "0": open, "1": closed } }
  b: { read: { "0": open, "1": open, "2": closed }, unknown: { value: open } }
sources:
${properties}`);
    expect(config.maps.a).toMatchObject({ write: { open: "0", closed: "1" }, unknown: { kind: "quarantine" } });
    expect(config.maps.b).toMatchObject({ write: { closed: "2" }, unknown: { kind: "value", value: "open" } });
  });

  test("anchors and aliases repeat what stands elsewhere", () => {
    const config = load(`${head}sources:
  properties: &p { type: property, table: A, key: ID, prefix: a, fields: &f { name: BEZ } }
  others: { type: property, table: B, key: ID, prefix: b, fields: *f }
`);
    expect(sourceOf(config, "others").fields.name?.read).toMatchObject({ kind: "column", column: "BEZ" });
  });

  test("a file that is not there is an error with a hint", async () => {
    const error = await loadConfig("/nowhere/erpfuser.yaml").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FuserError);
    expect(error).toMatchObject({ kind: "config", code: "config-unreadable", place: "/nowhere/erpfuser.yaml" });
  });
});

describe("commands", () => {
  const command = (
    steps: string,
    more = `idempotency: { ledger: fuser.ledger }`,
    name = "ticket.create",
  ): string => `${head}maps: { s: { read: { "0": open, "9": closed } } }
types: { ymd: { integer: yyyyMMdd } }
vars: { mandant: "001" }
sources:
  tickets: { type: ticket, table: A, key: [M, NR], fields: { kind: { value: damage }, title: T, status: { from: S, map: s } } }
commands:
  ${name}:
    ${more}
    steps:
${steps}
    result: { source: tickets, key: ["\${vars.mandant}", "\${nr}"] }
`;
  const stepsOf = (text: string): readonly Step[] => load(text).commands[0]?.steps as readonly Step[];

  test("plain text is a constant, and a text around expressions joins them", () => {
    const [step] = stepsOf(
      command(`      - insert: A
        values: { M: "001", N: "AB-\${pad(nr, 4, '0')}/\${short(command.id, 5)}", E: "\${nr}", L: "", X: { value: "\${x}" }, Z: { empty: true }, S: { from: status, map: s, default: "0" } }`),
    );
    expect(step).toMatchObject({
      kind: "insert",
      table: "A",
      values: {
        M: { kind: "constant", value: "001" },
        N: { kind: "expression", expression: { cel: `"AB-" + string(pad(nr, 4, '0')) + "/" + string(short(command.id, 5))` } },
        E: { kind: "expression", expression: { cel: "nr" } },
        L: { kind: "constant", value: "" },
        X: { kind: "constant", value: "${x}" },
        Z: { kind: "null" },
        S: { kind: "from", field: "status", map: "s", default: "0" },
      },
    });
  });

  test("numbers are written flat or as one object, from a counter or from the highest", () => {
    const steps = stepsOf(
      command(`      - number: nr
        counter: { table: NK, column: NR, where: { M: "\${vars.mandant}", K: AUFTRAG } }
      - number: { as: line, max: { table: AT, column: L, where: { A: "\${nr}" } } }
      - { sql: "UPDATE A SET X = :result.nr, T = :field.title WHERE ID = :command.id", out: { y: X }, when: "\${nr > 1}" }`),
    );
    expect(steps).toMatchObject([
      {
        kind: "number",
        as: "nr",
        from: { kind: "counter", table: "NK", column: "NR", where: { K: { kind: "constant", value: "AUFTRAG" } } },
      },
      { kind: "number", as: "line", from: { kind: "max", table: "AT", column: "L", where: { A: { kind: "expression" } } } },
      { kind: "sql", out: { y: "X" }, when: { cel: "nr > 1" } },
    ]);
  });

  test("the id's column is written by the insert even if the file does not name it there", () => {
    const way = `idempotency: { column: A.FREMDNR, value: "\${short(command.id, 20)}" }`;
    expect(stepsOf(command("      - { insert: A, values: { M: x } }", way))).toMatchObject([
      { values: { M: { kind: "constant" }, FREMDNR: { kind: "expression", expression: { cel: "short(command.id, 20)" } } } },
    ]);
    expect(stepsOf(command(`      - { insert: a, values: { fremdnr: "\${short(command.id, 20)}" } }`, way))).toMatchObject([
      { values: { fremdnr: { kind: "expression" } } },
    ]);
    expect(faults(command(`      - { insert: A, values: { FREMDNR: "1" } }`, way))).toMatchObject([
      { message: expect.stringContaining("something else") },
    ]);
    expect(faults(command(`      - { insert: B, values: { M: "1" } }`, way))).toMatchObject([
      { message: "No step inserts into `A`" },
    ]);
  });

  test("updates are recognised by their base values without being told", () => {
    const text = command(
      `      - { update: A, key: { M: "1" }, values: { S: { from: status, map: s } } }`,
      "draft: true",
      "ticket.update",
    );
    expect(load(text).commands).toMatchObject([{ idempotency: { way: "base" }, draft: true, perHour: undefined }]);
    expect(load(text.replace("draft: true", "idempotency: { base: true }")).commands).toMatchObject([
      { idempotency: { way: "base" } },
    ]);
  });

  test("a command that could be carried out twice is refused", () => {
    const insert = `      - { insert: A, values: { M: "1" } }`;
    expect(faults(command(insert, "draft: true"))).toMatchObject([
      { path: "commands.ticket.create", remedy: expect.stringContaining("ledger") },
    ]);
    expect(faults(command(insert, "idempotency: base", "ticket.update"))).toMatchObject([
      { path: "commands.ticket.update.idempotency" },
    ]);
    expect(faults(command(insert, `idempotency: { column: A.B, value: "\${nr}" }`))).toMatchObject([
      { message: expect.stringContaining("command.id") },
    ]);
  });

  test("a probe by content is taken, and noted as unable to tell", () => {
    const loaded = parseConfig({
      text: command(
        `      - { insert: A, values: { M: "1" } }`,
        `idempotency: { probe: "SELECT M FROM A WHERE T = :field.title" }`,
      ),
      file: "x",
    });
    expect(loaded.config && loaded.notes).toMatchObject([{ code: "probe-by-content" }]);
  });

  test("a field that a command writes and the ERP owns is noted, mapped or not: commands that bring it are refused", () => {
    const notes = (fields: string): unknown => {
      const source = `persons: { type: person, table: P, key: NR, fields: { kind: { value: natural }, lastName: NAME, ${fields} } }`;
      const steps = `[{ update: P, key: { NR: "\${key(id).NR}" }, values: { MAIL: { from: birthDate }, NAME: { from: firstName } } }]`;
      const text = `agent: { name: a, portal: "wss://p.example/agent" }
erp: { connector: sqlite, file: /tmp/erp.db, timezone: UTC }
sources: { ${source} }
commands: { person.update: { steps: ${steps}, result: { source: persons, key: "\${key(id).NR}" } } }`;
      const loaded = parseConfig({ text, file: "x" });
      return loaded.faults ?? loaded.notes;
    };
    expect(notes("birthDate: BD, salutation: A")).toMatchObject([
      { code: "field-never-written", message: expect.stringContaining("birthDate, firstName, which the ERP owns") },
    ]);
    expect(notes("firstName: { from: VN, owner: shared }")).toEqual([]);
  });

  test("a procedure is called with its parameters, and its results are used like others", () => {
    const steps = [
      `      - call: "dbo.P_NEXT_NR"`,
      `        args: { Kreis: AUFTRAG, Titel: { from: title, max: 40 } }`,
      `        out: { Nr: nr }`,
      `        rows: { city: ORT }`,
      `        returns: code`,
      `      - { insert: A, values: { M: "\${nr}", T: "\${city}", C: "\${code}" } }`,
    ].join("\n");
    const ledger = "idempotency: { ledger: L }";
    const text = (more: string): string =>
      command(steps, more).replace(/connector: sqlite, file: [^,}]*/, "connector: mysql, server: s, database: d, user: u");
    const loaded = parseConfig({ text: text(ledger), file: "x" });
    expect(loaded.faults ?? []).toEqual([]);
    expect(loaded.config?.commands[0]?.steps[0]).toMatchObject({
      kind: "call",
      procedure: "dbo.P_NEXT_NR",
      args: { Kreis: { kind: "constant", value: "AUFTRAG" }, Titel: { kind: "from", field: "title" } },
      out: { nr: "Nr" },
      rows: { city: "ORT" },
      returns: "code",
    });
    expect(loaded.config && loaded.notes).toEqual([]);
    const probe = `idempotency: { probe: "SELECT M FROM A WHERE T = :command.id" }`;
    const noted = parseConfig({ text: text(probe), file: "x" });
    expect(noted.config && noted.notes).toMatchObject([{ code: "call-may-commit", remedy: expect.stringContaining("ledger") }]);
    const told = parseConfig({ text: text(probe).replace("Kreis: AUFTRAG", `Kreis: "\${command.id}"`), file: "x" });
    expect(told.config && told.notes).toEqual([]);
    expect(faults(command(steps, ledger))).toMatchObject([{ message: "The sqlite database has no procedures" }]);
  });

  test("text that is cut must go on somewhere", () => {
    const values = (more: string): string =>
      command(`      - { insert: A, values: { K: { from: title, max: 40, overflow: description }${more} } }`);
    expect(faults(values(""))).toMatchObject([
      { path: "commands.ticket.create.steps[0].values.K", message: expect.stringContaining("no step writes") },
    ]);
    expect(stepsOf(values(", D: { from: description }"))).toHaveLength(1);
  });

  test("a map without inverse can't be written by", () => {
    const text = command(`      - { insert: A, values: { S: { from: status, map: s } } }`).replace('"9": closed', '"9": open');
    expect(faults(text)).toMatchObject([
      { path: "commands.ticket.create.steps[0].values.S.map", message: expect.stringContaining("several codes for `open`") },
    ]);
  });

  test("results have names of their own", () => {
    const text = command(`      - { number: nr, max: { table: A, column: B } }
      - { number: nr, max: { table: A, column: B } }
      - { number: title, max: { table: A, column: B } }
      - { insert: A, values: { M: x }, returning: { now: B } }`);
    expect(faults(text).map((fault) => fault.message)).toEqual([
      "An earlier step has a result `nr`",
      "`title` is a field of the command",
      "`now` has a meaning in expressions",
    ]);
  });
});
