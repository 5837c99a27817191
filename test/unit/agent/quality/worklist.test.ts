import { expect, test } from "vitest";
import { missingTable } from "../../../../agent/compile.ts";
import { missingColumns } from "../../../../agent/map/query.ts";
import { fieldLabel, findingTexts } from "../../../../agent/quality/texts.ts";
import { entriesIn, type Kept } from "../../../../agent/quality/worklist.ts";
import { worklistCsv } from "../../../../agent/quality/worklist-csv.ts";
import { worklistHtml } from "../../../../agent/quality/worklist-html.ts";
import type { Source } from "../../../../config/config.ts";
import { parseConfig } from "../../../../config/load.ts";
import type { Table } from "../../../../connectors/connector.ts";

const text = `
agent: { name: Musterstadt, portal: "wss://p.example.com/agent" }
erp: { connector: sqlite, file: "erp.db", timezone: Europe/Berlin }
sources:
  persons:
    type: person
    table: PERSON
    key: [MANDANT, PERSNR]
    fields: { kind: { value: natural }, lastName: NAME, emails: { from: EMAIL, do: [email-list] } }
`;
const { config } = parseConfig({ text, file: "erpfuser.yaml" });
if (config === undefined) throw new Error("the configuration does not load");

const placeholder: Kept = {
  ...{ id: 7, rule: "email-placeholder", source: "persons", key: "001.0004711", field: "emails", other: "", params: {} },
  accepted: undefined,
  // Already the next day in Berlin.
  since: Date.UTC(2026, 10, 22, 23, 30),
};
const schema: Kept = {
  ...{ id: 8, rule: "schema-missing", source: "persons", key: "", field: "", other: "PERSON" },
  ...{ params: { stops: "source", line: 3, what: `=1+1 <b>"x"</b>` }, since: Date.UTC(2026, 10, 23), accepted: undefined },
};
const now = Date.UTC(2026, 10, 24);
const german = [placeholder, schema].map(entriesIn("de", config, now));

test("An entry names table, key and field as the ERP has them, what is wrong, what to do, and since which day there", () => {
  expect(german[0]).toEqual({
    ...{ finding: 7, rule: "email-placeholder", title: "Platzhalter statt E-Mail-Adresse", source: "persons", table: "PERSON" },
    ...{ key: "MANDANT 001, PERSNR 0004711", number: "", field: "E-Mail-Adressen (EMAIL)", since: "2026-11-23" },
    wrong: findingTexts["email-placeholder"].wrong.de,
    mend: findingTexts["email-placeholder"].mend.de,
    accepted: "",
  });
  const gone = entriesIn("en", { ...config, sources: [] }, now)({ ...placeholder, params: { number: "K-7" } });
  expect(gone).toMatchObject({ table: "", key: "001, 0004711", number: "K-7", field: fieldLabel("emails", "en") });
});

test("Every text exists in both languages and asks for the same parameters in both", () => {
  const asked = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).toSorted();
  for (const texts of Object.values(findingTexts))
    for (const { de, en } of Object.values(texts)) {
      expect(de.length * en.length).toBeGreaterThan(0);
      expect(asked(de)).toEqual(asked(en));
    }
});

test("What the schema lacks is told in the list's language; what the database itself has said stays as it is", () => {
  const at = { path: "sources.persons", line: 3 };
  const [source] = config.sources;
  const table = { name: "PERSON", columns: [{ name: "MANDANT" }, { name: "PERSNR" }, { name: "EMAIL" }] } as unknown as Table;
  const faults = [missingTable("PERSON", at), ...missingColumns(source as Source, config, table)];
  const said = (language: "de" | "en") =>
    faults.map(
      ({ message }) => entriesIn(language, config, now)({ ...schema, params: { stops: "source", line: 3, what: message } }).wrong,
    );
  expect(said("de")).toEqual([
    expect.stringContaining("Die Tabelle PERSON gibt es nicht, oder das Konto darf sie nicht sehen."),
    expect.stringContaining("Die Tabelle PERSON hat keine Spalte NAME."),
  ]);
  expect(said("en")).toEqual([
    expect.stringContaining("Table PERSON is not there"),
    expect.stringContaining("has no column NAME"),
  ]);
  expect(german[1]?.wrong).toContain(`=1+1 <b>"x"</b>`);
});

test("Nothing in the CSV is taken for a formula, and quotes and separators stay within their cell", () => {
  const nasty = ["=1+1", "+1", "-1", "@SUM(A1)", " \t=1", "＝1", "\r=1"].map((key) => ({ ...placeholder, key }));
  const csv = worklistCsv(nasty.map(entriesIn("de", { ...config, sources: [] }, now)), "de");
  const cells = csv
    .split("\r\n")
    .slice(1, -1)
    .map((line) => line.split(";")[5]);
  expect(cells).toEqual([`"'=1+1"`, `"'+1"`, `"'-1"`, `"'@SUM(A1)"`, `"' \t=1"`, `"'＝1"`, `"'\r=1"`]);
  const quoted = worklistCsv([{ ...(german[0] as (typeof german)[0]), key: 'a"b;c,d' }], "en");
  expect(quoted.startsWith('\uFEFF"No.","Finding",')).toBe(true);
  expect(quoted).toContain(',"a""b;c,d",');
});

test("The page loads nothing, escapes what the ERP and the configuration say, and groups by rule", () => {
  const html = worklistHtml(german, { language: "de", name: `A & B "<i>"`, day: "2026-11-23" });
  expect(html).not.toMatch(/<b>|<i>|<script|src=|href=|url\(|@import/);
  expect(html).toContain("=1+1 &lt;b&gt;&quot;x&quot;&lt;/b&gt;");
  expect(html).toContain("A &amp; B &quot;&lt;i&gt;&quot;");
  expect(html.match(/<h2>/g)).toHaveLength(2);
  expect(html).toContain(`<td class="since">23.11.2026</td>`);
  expect(html).toContain(`<td class="key">MANDANT 001, PERSNR 0004711</td>`);
  expect(worklistHtml([], { language: "en", name: "A", day: "2026-11-23" })).toContain("Nothing to do");
});

test("What is accepted stands apart with its reason and its last day, and counts as open again once that is over", () => {
  const accepted = { reason: "Ist so <richtig>", until: Date.UTC(2026, 11, 31, 23) };
  const entry = entriesIn("de", config, now)({ ...placeholder, accepted });
  expect(entry.accepted).toBe("Ist so <richtig> (bis 2026-12-31)");
  const html = worklistHtml([entry], { language: "de", name: "A", day: "2026-11-23" });
  expect(html).toContain("Nichts zu tun");
  expect(html).toContain(`<td class="accepted">Ist so &lt;richtig&gt; (bis 2026-12-31)</td>`);
  expect(entriesIn("de", config, accepted.until)({ ...placeholder, accepted }).accepted).toBe("");
  expect(entriesIn("en", config, now)({ ...placeholder, accepted: { reason: "fine", until: undefined } }).accepted).toBe("fine");
});
