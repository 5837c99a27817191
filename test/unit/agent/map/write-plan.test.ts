import { expect, test } from "vitest";
import { cut } from "../../../../agent/map/write-input.ts";
import { FuserError } from "../../../../base/errors.ts";
import { command as commandSchema } from "../../../../protocol/messages.ts";
import { commandFaults, commandNamed, context, describedTables, message, planOf, refusal, valuesOf } from "./sample-commands.ts";

const create = commandNamed("ticket.create");
const report = {
  title: "Heizung kalt",
  description: "Seit gestern.",
  kind: "damage",
  unitId: "001.000010.001.0004",
  reporterId: "001.00000815.1",
};
const update = commandNamed("ticket.update");
const entity = { type: "ticket", id: "001.00000042" };

test("A damage report becomes number, ticket and text in one plan, with keys, codes, dates and the command's id", () => {
  const plan = planOf(create, message("ticket.create", { values: report }));
  expect(plan.steps.map((step) => step.kind)).toEqual(["number", "insert", "insert"]);
  expect(plan.steps[0]).toMatchObject({ as: "nr", from: { counter: { table: "NUMMERNKREIS", column: "NR" } } });
  expect(valuesOf(plan, 0)).toEqual({ MANDANT: "001", KREIS: "AUFTRAG" });
  expect(valuesOf(plan, 1)).toEqual({
    MANDANT: "001",
    AUFTRNR: "00000042",
    FREMDNR: "cmd-00000001",
    OBJNR: "000010",
    HAUSNR: "001",
    WOHNNR: "0004",
    MELDER: "00000815",
    SBNR: "0001",
    ART: "S",
    KURZTEXT: "Heizung kalt",
    LANGTEXT: "",
    STATUS: "0",
    PRIO: "2",
    KATEGORIE: "SONS",
    KANAL: "P",
    ANLDAT: 20260701,
    ANLZEIT: 103005,
    AENDTS: "2026-07-01T10:30:05",
  });
  expect(valuesOf(plan, 2)).toMatchObject({ LFDNR: 1, ZEILE: "Seit gestern." });
  expect(plan.idempotency).toEqual({ way: "column", table: "AUFTRAG", column: "FREMDNR", value: "cmd-00000001" });
  expect(plan.resultKey(new Map([["nr", 42]]))).toEqual(["001", "00000042"]);
});

test("A repeated command gets key and number from the row that was found", () => {
  const plan = planOf(create, message("ticket.create", { values: report }), { mayBeRepeated: true });
  expect([plan.mayBeRepeated, plan.found]).toEqual([true, { $key0: "MANDANT", $key1: "AUFTRNR" }]);
  const found = new Map([
    ["$key0", "001"],
    ["$key1", "00000099"],
  ]);
  expect(plan.resultKey(found)).toEqual(["001", "00000099"]);
  expect(create.numberOf(message("ticket.create", { values: report }), found, context)).toBe("00000099");
  expect(create.numberOf(message("ticket.create", { values: report }), new Map([["nr", 7]]), context)).toBe("00000007");
});

test("A call gets its arguments as texts, of the command and of earlier steps, and shows its results to later ones", () => {
  const edit = (yaml: string): string =>
    yaml
      .replace("connector: sqlite", "connector: mysql")
      .replace('file: "/nowhere.db"', "server: s\n  database: d\n  user: u")
      .replace("file: /nowhere.db", "server: s\n  database: d\n  user: u")
      .replace(
        /\n( +)steps:\n/,
        (_, indent) =>
          `\n${indent}steps:\n${indent}  - call: P_CITY\n${indent}    args: { Titel: { from: title, max: 10 }, Stamp: "\${format(now, 'yyyyMMdd')}", Nothing: { empty: true } }\n${indent}    out: { Ort: city }\n`,
      );
  const calling = commandNamed("ticket.create", { edit });
  const plan = planOf(calling, message("ticket.create", { values: { ...report, title: "Ohne Strom" } }));
  expect(plan.steps[0]).toMatchObject({ kind: "call", procedure: "P_CITY", out: { city: "Ort" } });
  expect(valuesOf(plan, 0)).toEqual({ Titel: "Ohne Strom", Stamp: "20260701", Nothing: null });
  expect(refusal(calling, message("ticket.create", { values: { ...report, title: "Heizung kalt" } }))).toBe(
    "text-too-long title",
  );
  const wrong = (yaml: string): string => edit(yaml).replace("format(now, 'yyyyMMdd')", "nosuchfield");
  expect(commandFaults("ticket.create", { edit: wrong })).toEqual([expect.stringContaining("nosuchfield")]);
});

test("The ledger and the probe are told the command's id; only a probe for the id is exact", () => {
  const ledger = planOf(
    commandNamed("ticket.create", { options: { idempotency: "ledger" } }),
    message("ticket.create", { values: report }),
  );
  expect([ledger.idempotency, ledger.found]).toEqual([
    { way: "ledger", table: "ERPFUSER_LEDGER", commandId: "cmd-00000001" },
    {},
  ]);
  const probe = planOf(
    commandNamed("ticket.create", { options: { idempotency: "probe" } }),
    message("ticket.create", { values: report }),
  );
  expect(probe.idempotency).toMatchObject({ way: "probe", parameters: { "command.id": "cmd-00000001" }, exact: true });
  const content = commandNamed("ticket.create", {
    options: { idempotency: "probe" },
    edit: (yaml) => yaml.replace("WHERE FREMDNR = :command.id", "WHERE KURZTEXT = :field.title"),
  });
  expect(planOf(content, message("ticket.create", { values: report })).idempotency).toMatchObject({
    parameters: { "field.title": "Heizung kalt" },
    exact: false,
  });
});

test("What a report leaves out stays at the ERP's default or blank, and no null is written where none may stand", () => {
  const plan = planOf(create, message("ticket.create", { values: { title: "x" } }));
  const values = valuesOf(plan, 1);
  for (const column of ["OBJNR", "HAUSNR", "WOHNNR"]) expect(Object.keys(values)).not.toContain(column);
  expect(plan.steps[1]).toMatchObject({ blanks: { text: "", integer: "0" } });
  expect(valuesOf(plan, 2)).toMatchObject({ ZEILE: "" });
});

test("A missing value without default or blank is told to the reader by its field", () => {
  const strict = commandNamed("message.create", {
    edit: (yaml) => yaml.replace("{ from: author, default: Portal }", "{ from: author }"),
  });
  expect(
    refusal(strict, message("message.create", { values: { ticketId: "001.00000042", body: "Hallo", visibility: "tenant" } })),
  ).toBe("field-not-writable visibility");
  expect(refusal(strict, message("message.create", { values: { ticketId: "001.00000042", body: "Hallo" } }))).toBe(
    "field-missing author",
  );
  expect(refusal(strict, message("message.create", { values: { body: "Hallo", author: "x" } }))).toBe("field-missing ticketId");
});

test("A staged command takes its key from the probe's columns, once the ERP has given it", () => {
  const staging = '{ status: ERGEBNIS, accepted: ["2"], refused: ["9"], poll: 30s }';
  const edit = (yaml: string): string =>
    yaml
      .replace(
        '    result: { source: tickets, key: ["${vars.mandant}", "${pad(nr, 8, \'0\')}"], number: "${pad(nr, 8, \'0\')}" }',
        "    result: { source: tickets }",
      )
      .replace("  ticket.create:\n", `  ticket.create:\n    staging: ${staging}\n`);
  const command = commandNamed("ticket.create", { options: { idempotency: "probe" }, edit });
  const plan = planOf(command, message("ticket.create", { values: report }));
  expect(plan).toMatchObject({
    staging: { status: "ERGEBNIS", accepted: ["2"], refused: ["9"], pollMs: 30_000 },
    found: { $key0: "MANDANT", $key1: "AUFTRNR" },
  });
  const late = new Map([
    ["$key0", "001"],
    ["$key1", "00000099"],
  ]);
  expect(plan.resultKey(late)).toEqual(["001", "00000099"]);
});

test("A version is raised along with what an update changes, and must be a number", () => {
  const versioned =
    (column: string) =>
    (yaml: string): string =>
      yaml.replace("      - update: AUFTRAG\n", `      - update: AUFTRAG\n        version: { column: ${column} }\n`);
  const sent = message("ticket.update", { entity, values: { title: "neu" }, base: { title: "alt" } });
  expect(planOf(commandNamed("ticket.update", { edit: versioned("anlzeit") }), sent).steps[0]).toMatchObject({
    version: "ANLZEIT",
  });
  expect(commandFaults("ticket.update", { edit: versioned("FREMDNR") })).toEqual([expect.stringContaining("counts nothing")]);
});

test("A text past `max` goes on in the overflow field and nothing of it is lost, emoji counted as one character", () => {
  const title = `${"Wasser läuft aus der Decke im Bad und ".repeat(3)}😀`;
  const plan = planOf(create, message("ticket.create", { values: { ...report, title } }));
  const short = valuesOf(plan, 1).KURZTEXT as string;
  const rest = valuesOf(plan, 2).ZEILE as string;
  expect([...short].length).toBeLessThanOrEqual(40);
  expect(`${short} ${rest}`).toBe(`${title}\nSeit gestern.`);
  expect(cut("😀".repeat(50), 40)).toEqual({ head: "😀".repeat(40), rest: "😀".repeat(10) });
  expect(cut("abc def", 3)).toEqual({ head: "abc", rest: "def" });
});

test("A text that is too long and has nowhere to go on is refused in German and English, by the field's name", () => {
  const long = message("ticket.update", { entity, values: { title: "x".repeat(41) }, base: { title: "x" } });
  const plan = update.plan(long, context);
  expect(plan).toEqual({
    rejected: {
      code: "text-too-long",
      field: "title",
      de: "Der Text bei „Betreff“ ist zu lang für die Verwaltungssoftware. Bitte kürzen Sie ihn.",
      en: 'The text of "Title" is too long for the management software. Please shorten it.',
    },
  });
  expect(refusal(create, message("ticket.create", { values: { ...report, category: "ZUVIEL" } }))).toBe("text-too-long category");
});

test("An update touches the columns of the fields it carries, beside stamps, and knows what the portal saw before", () => {
  const plan = planOf(
    update,
    message("ticket.update", {
      entity,
      values: { status: "closed", dueDate: null },
      base: { status: "open", dueDate: "2026-07-09", title: "never mind" },
    }),
  );
  expect(valuesOf(plan, 0)).toEqual({
    key: { MANDANT: "001", AUFTRNR: "00000042" },
    values: { STATUS: "9", TERMIN: 0, AENDTS: "2026-07-01T10:30:05" },
    base: { STATUS: "0", TERMIN: 20260709 },
  });
  expect(plan.idempotency).toEqual({ way: "base" });
  expect(plan.resultKey(new Map())).toEqual(["001", "00000042"]);
});

test("The base of a constant is what the source reads from that column", () => {
  const close = commandNamed("ticket.close");
  expect(close.offer).toEqual([{ name: "status", owner: "shared" }]);
  const sent = message("ticket.close", { entity, values: { status: "closed" }, base: { status: "in-progress" } });
  expect(valuesOf(planOf(close, sent), 0)).toMatchObject({
    values: { STATUS: "9", ERLDAT: 20260701, ERLZEIT: 103005 },
    base: { STATUS: "1" },
  });
  expect(valuesOf(planOf(close, message("ticket.close", { entity })), 0)).toMatchObject({ values: { STATUS: "9" }, base: {} });
  expect(refusal(close, message("ticket.close", { entity, values: { status: "open" } }))).toBe("value-fixed status");
});

test("Stamps go along with what an update is about, and codes of one meaning are told apart by nobody", () => {
  const updated = planOf(update, message("ticket.update", { entity, values: { status: "closed" }, base: { status: "open" } }));
  expect(updated.steps[0]).toMatchObject({ along: ["AENDTS"] });
  const close = commandNamed("ticket.close");
  expect(planOf(close, message("ticket.close", { entity })).steps[0]).toMatchObject({ along: ["ERLDAT", "ERLZEIT", "AENDTS"] });
  const twoCodes = commandNamed("ticket.update", { edit: (yaml) => yaml.replace('"9": closed }', '"9": closed, "8": closed }') });
  const closed = message("ticket.update", { entity, values: { status: "closed" }, base: { status: "open" } });
  expect(planOf(twoCodes, closed).steps[0]).toMatchObject({ alike: { STATUS: [["8", "9"]] } });
});

test("A base value with a code of its own is compared by that code, although we would write another", () => {
  const twoCodes = commandNamed("ticket.update", {
    edit: (yaml) =>
      yaml.replace('"9": closed }\n    write: { open: "0",', '"9": closed, "5": waiting-for-customer }\n    write: { open: "0",'),
  });
  const sent = message("ticket.update", { entity, values: { status: "closed" }, base: { status: "waiting-for-customer" } });
  expect(valuesOf(planOf(twoCodes, sent), 0)).toMatchObject({ base: { STATUS: "5" } });
});

test("Fields that the ERP owns, that no step writes or that don't exist are refused by name", () => {
  const refused = (values: Record<string, string>, base = {}) =>
    refusal(update, message("ticket.update", { entity, values, base }));
  expect(refused({ category: "SANI" }, { category: "HEIZ" })).toBe("field-owned-by-erp category");
  expect(refused({ severity: "high" })).toBe("field-not-writable severity");
  expect(refused({ colour: "red" })).toBe("field-unknown colour");
  expect(refused({ status: "closed" })).toBe("base-missing status");
  expect(refused({ status: "shut" }, { status: "open" })).toBe("value-invalid status");
  expect(refused({ status: "rejected" }, { status: "open" })).toBe("value-unknown status");
  expect(refused({})).toBe("nothing-to-write");
});

test("What a command is about must be an entity of the right type, with a key of the right source", () => {
  const about = (wrong: Parameters<typeof message>[1]) =>
    refusal(update, message("ticket.update", { values: { status: "closed" }, base: { status: "open" }, ...wrong }));
  expect(about({})).toBe("entity-unknown");
  expect(about({ entity: { type: "person", id: "001.00000042" } })).toBe("entity-unknown");
  expect(about({ entity: { type: "ticket", id: "001" } })).toBe("entity-unknown");
  expect(about({ entity: { type: "ticket", id: "x:001.00000042" } })).toBe("entity-unknown");
  expect(about({ entity: { createdBy: "cmd-00000000" } })).toBe("entity-unknown");
  expect(refusal(create, message("ticket.create", { values: { ...report, unitId: "001.000010" } }))).toBe(
    "reference-unknown unitId",
  );
});

test("A reference to what another command made is resolved, and refused while that is not known", () => {
  const sent = message("message.create", { values: { ticketId: { createdBy: "cmd-00000000" }, body: "Hallo" } });
  const reply = commandNamed("message.create");
  expect(
    valuesOf(planOf(reply, sent, { resolve: (id) => (id === "cmd-00000000" ? "001.00000042" : undefined) }), 1),
  ).toMatchObject({ AUFTRNR: "00000042", LFDNR: 7, ZEILE: "Hallo" });
  expect(refusal(reply, sent)).toBe("reference-unknown ticketId");
  const later = message("ticket.update", {
    entity: { createdBy: "cmd-00000000" },
    values: { status: "closed" },
    base: { status: "open" },
  });
  expect(valuesOf(planOf(update, later, { resolve: () => "001.00000042" }), 0)).toMatchObject({ key: { AUFTRNR: "00000042" } });
});

test("What does not fit only once the ERP has drawn its number is the ERP's refusal, not a crash", () => {
  const plan = planOf(create, message("ticket.create", { values: report }));
  const insert = () => valuesOf(plan, 1, new Map([["nr", 1_234_567_890]]));
  expect(insert).toThrow(FuserError);
  expect(insert).toThrow(expect.objectContaining({ kind: "rejected", code: "text-too-long" }));
});

test("Conflicts are told by field, the ERP's current value in the portal's words", () => {
  const sent = message("ticket.update", {
    entity,
    values: { status: "closed", dueDate: "2026-08-01" },
    base: { status: "open", dueDate: null },
  });
  const found = [
    { column: "STATUS", base: "0", current: "1", wanted: "9" },
    { column: "TERMIN", base: 0, current: 20260715, wanted: 20260801 },
  ];
  expect(update.conflicts(sent, found)).toEqual([
    { field: "status", base: "open", current: "in-progress", wanted: "closed" },
    { field: "dueDate", base: null, current: "2026-07-15", wanted: "2026-08-01" },
  ]);
});

test("A field's policy decides on its columns in a conflict, the strictest where a column is written from several, and a stamp is the ERP's", () => {
  const policies = commandNamed("ticket.update", {
    edit: (yaml) =>
      yaml
        .replace("title: { from: KURZTEXT, owner: shared }", "title: { from: KURZTEXT, owner: shared, conflict: portal-wins }")
        .replace("map: priority, owner: shared }", "map: priority, owner: shared, conflict: ask }")
        .replace("PRIO: { from: priority, map: priority }", "PRIO: \"${priority == 'high' || title == '!' ? '1' : '2'}\""),
  });
  const sent = message("ticket.update", {
    entity,
    values: { title: "neu", status: "closed", priority: "high" },
    base: { title: "alt", status: "open", priority: "normal" },
  });
  const step = planOf(policies, sent).steps[0];
  expect(step).toMatchObject({ overrule: ["KURZTEXT"] });
  expect(
    planOf(policies, message("ticket.update", { entity, values: { status: "closed" }, base: { status: "open" } })).steps[0],
  ).not.toHaveProperty("overrule");
  const asks = (...columns: string[]) =>
    policies.asks(columns.map((column) => ({ column, base: "0", current: "1", wanted: "9" })));
  expect([asks("PRIO"), asks("KURZTEXT"), asks("prio", "KURZTEXT")]).toEqual([true, true, true]);
  expect([asks("STATUS"), asks("PRIO", "STATUS"), asks("AENDTS")]).toEqual([false, false, false]);
});

test("The offer names what a command takes and who owns it", () => {
  expect(create.offer.map(({ name }) => name)).toEqual([
    "category",
    "description",
    "kind",
    "priority",
    "reporterId",
    "status",
    "title",
    "unitId",
  ]);
  expect(update.offer).toEqual(["dueDate", "priority", "status", "title"].map((name) => ({ name, owner: "shared" })));
  expect([create.type, create.source, create.draft]).toEqual(["ticket", "tickets", false]);
});

test("Steps may be conditional and SQL takes command, field, result and vars as parameters", () => {
  const compiled = commandNamed("ticket.create", {
    edit: (yaml) =>
      yaml.replace(
        '    result: { source: tickets, key: ["${vars.mandant}", "${pad(nr, 8, \'0\')}"], number',
        '      - sql: UPDATE X SET A = :command.id, B = :field.title, C = :result.nr, D = :vars.mandant, E = :command.issuedAt\n        when: "${priority == \'high\'}"\n    result: { source: tickets, key: ["${vars.mandant}", "${pad(nr, 8, \'0\')}"], number',
      ),
  });
  const plan = planOf(compiled, message("ticket.create", { values: { ...report, priority: "high" } }));
  expect(valuesOf(plan, 3)).toEqual({
    "command.id": "cmd-00000001",
    "field.title": "Heizung kalt",
    "result.nr": 42,
    "vars.mandant": "001",
    "command.issuedAt": "2026-07-01T08:30:00Z",
  });
  expect(plan.steps[3]?.when?.(new Map())).toBe(true);
  expect(planOf(compiled, message("ticket.create", { values: report })).steps[3]?.when?.(new Map())).toBe(false);
});

const withTable = (name: string, change: (table: (typeof describedTables)[number]) => object) =>
  describedTables.map((table) => (table.name === name ? { ...table, ...change(table) } : table));

test("What would go wrong in the ERP is a fault before the first command: columns, widths, indexes, transactions", () => {
  const without = (pattern: string | RegExp, by: string) => ({ edit: (yaml: string) => yaml.replace(pattern, by) });
  expect(commandFaults("ticket.create", without("KURZTEXT: { from: title", "KURZTXT: { from: title"))[0]).toBe(
    "Table AUFTRAG has no column KURZTXT. Did you mean `KURZTEXT`? Known: MANDANT, AUFTRNR, FREMDNR, OBJNR, HAUSNR, WOHNNR, MELDER, SBNR, KREDNR, ART, KURZTEXT, LANGTEXT, STATUS, PRIO, KATEGORIE, KANAL, ANLDAT, ANLZEIT, ERLDAT, ERLZEIT, TERMIN, GEWAEHR, KOSTST, SPARTE, AENDTS.",
  );
  expect(commandFaults("ticket.create", without("max: 40", "max: 60"))[0]).toBe(
    "max is 60, but column KURZTEXT holds 40 characters. Say max: 40.",
  );
  expect(commandFaults("ticket.create", without("KANAL: P", "KANAL: PORTAL"))[0]).toContain(
    'The constant "PORTAL" does not fit column KANAL, which holds 1 characters',
  );
  expect(commandFaults("ticket.create", without('        blanks: { text: "", integer: 0 }\n', ""))[0]).toContain(
    "Table AUFTRAG needs values for: KREDNR, ERLDAT, ERLZEIT, TERMIN, GEWAEHR, KOSTST, SPARTE",
  );
  expect(commandFaults("ticket.create", without("key(unitId).OBJNR", "key(unitId).OBJNUM"))[0]).toContain(
    "the key behind unitId has no part OBJNUM. Did you mean `OBJNR`? Known: MANDANT, OBJNR, HAUSNR, WOHNNR",
  );
  expect(
    commandFaults("ticket.create", without("${format(now, 'yyyyMMdd')}\"\n          ANLZEIT", '${now}"\n          ANLZEIT'))[0],
  ).toContain("The expression gives instant, but column ANLDAT is integer. Say how it is written: format(now, 'yyyyMMdd').");
  const narrow = withTable("AUFTRAG", (table) => ({
    columns: table.columns.map((column) => (column.name === "FREMDNR" ? { ...column, length: 20 } : column)),
  }));
  expect(
    commandFaults("ticket.create", {
      tables: narrow,
      edit: (yaml) => yaml.replaceAll(/short\(command\.id, \d+\)/g, "command.id"),
    })[0],
  ).toContain(
    "Column AUFTRAG.FREMDNR holds 20 characters, the command's id has up to 64. Write ${short(command.id, 20)}, which always fits.",
  );
  expect(
    commandFaults("ticket.create", { tables: withTable("AUFTRAG", (table) => ({ uniqueIndexes: [table.primaryKey] })) }),
  ).toContainEqual(expect.stringContaining("Column AUFTRAG.FREMDNR is under no unique index"));
  expect(commandFaults("ticket.update", { tables: withTable("AUFTRAG", () => ({ transactional: false })) })[0]).toContain(
    "Table AUFTRAG knows no transactions",
  );
  expect(
    commandFaults("message.create", { tables: withTable("AUFTRTEXT", () => ({ uniqueIndexes: [["FREMDNR"]] })) })[0],
  ).toContain("Under the number AUFTRTEXT.LFDNR there is no unique index over MANDANT, AUFTRNR, LFDNR");
  expect(
    commandFaults("ticket.create", { tables: describedTables.filter((table) => table.name !== "NUMMERNKREIS") })[0],
  ).toContain("There is no table NUMMERNKREIS");
});

test("Nothing that the portal can send makes the plan throw", () => {
  const odd = [null, "", "x", 1, true, [], {}, { createdBy: "nobody00" }, "\u0000", "9".repeat(30_000)] as const;
  for (const compiled of [create, update, commandNamed("ticket.close"), commandNamed("message.create")]) {
    for (const field of [
      ...compiled.offer.map(({ name }) => name),
      "unitId",
      "location",
      "appointment",
      "__proto__",
      "constructor",
      "toString",
    ]) {
      for (const value of odd) {
        const sent = message(compiled.name, {
          entity,
          values: Object.fromEntries([[field, value]]) as never,
          base: Object.fromEntries([[field, value]]) as never,
        });
        expect(() => compiled.plan(sent, context)).not.toThrow();
      }
    }
  }
});

test("A refusal fits the result message of the protocol", () => {
  expect(commandSchema.safeParse(message("ticket.create", { values: report })).success).toBe(true);
  const plan = update.plan(message("ticket.update", { entity, values: { colour: "red" } }), context);
  expect(Object.keys((plan as { rejected: object }).rejected).sort()).toEqual(["code", "de", "en", "field"]);
});

test("What names a record whose key was given to somebody new is not written to the new one", () => {
  const isCurrent = (source: string, id: string): boolean =>
    !["tickets 001.00000042", "units 001.000010.001.0004"].includes(`${source} ${id}`);
  expect(refusal(create, message("ticket.create", { values: report }), { isCurrent })).toBe("entity-ended unitId");
  const changed = message("ticket.update", { entity, values: { status: "closed" }, base: { status: "open" } });
  expect([refusal(update, changed), refusal(update, changed, { isCurrent })]).toEqual([undefined, "entity-ended"]);
  const now = { ...changed, entity: { ...entity, id: "001.00000042::2" } };
  expect(valuesOf(planOf(update, now, { isCurrent }), 0)).toMatchObject({ key: { AUFTRNR: "00000042" } });
});
