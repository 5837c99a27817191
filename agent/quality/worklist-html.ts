/** The worklist as one page for screen and paper that loads nothing: a section for each rule, its remedy once above its records. Pure. */
import type { Language } from "./texts.ts";
import type { Entry } from "./worklist.ts";
import { columnHeads } from "./worklist-heads.ts";

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string | number): string => String(text).replace(/[&<>"']/g, (character) => escapes[character] as string);

/** A day as people write it there. */
const dayText = (day: string, language: Language): string => (language === "de" ? day.split("-").reverse().join(".") : day);

const words = {
  de: {
    heading: "Datenqualität: Arbeitsliste",
    head: (name: string, day: string) => `${name} · Stand ${day}`,
    count: (count: number) => (count === 1 ? "1 Befund" : `${count} Befunde`),
    none: "Nichts zu tun: Es liegt kein Befund vor.",
    closes: "Was in der Verwaltungssoftware berichtigt ist, verschwindet von selbst aus dieser Liste.",
    todo: "Zu tun: ",
    accepted: "So in Ordnung",
  },
  en: {
    heading: "Data quality: worklist",
    head: (name: string, day: string) => `${name} · as of ${day}`,
    count: (count: number) => (count === 1 ? "1 finding" : `${count} findings`),
    none: "Nothing to do: there is no finding.",
    closes: "What has been mended in the ERP disappears from this list by itself.",
    todo: "To do: ",
    accepted: "Accepted as it is",
  },
} as const;

export interface Page {
  language: Language;
  /** Whose list it is: the company, the team. */
  name: string;
  /** As `2026-11-23`. */
  day: string;
}

/** The columns of a section: what is the same for all of it stands above. */
const shown = ["finding", "table", "key", "number", "field", "wrong", "since", "accepted"] as const;
/** Texts of the rule, which mostly are the same for all of its records. */
const said = ["wrong", "mend"] as const;

export function worklistHtml(entries: readonly Entry[], { language, name, day }: Page): string {
  const texts = words[language];
  const byRule = (some: readonly Entry[]): string =>
    [...Map.groupBy(some, ({ rule }) => rule).values()].map((ofRule) => section(ofRule, language)).join("\n");
  const open = entries.filter(({ accepted }) => accepted === "");
  const accepted = entries.filter((entry) => entry.accepted !== "");
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(`${texts.heading} – ${name}`)}</title>
<style>
${style}
</style>
</head>
<body>
<header>
<h1>${texts.heading}</h1>
<p>${escaped(texts.head(name, dayText(day, language)))} · ${texts.count(open.length)}</p>
<p>${open.length === 0 ? texts.none : texts.closes}</p>
</header>
${byRule(open)}
${accepted.length === 0 ? "" : `<h1 class="accepted">${texts.accepted}</h1>\n${byRule(accepted)}`}
</body>
</html>
`;
}

function section(entries: readonly Entry[], language: Language): string {
  const first = entries[0] as Entry;
  const texts = words[language];
  const heads = columnHeads[language];
  const above = said.filter((column) => entries.every((entry) => entry[column] === first[column]));
  // A number or a field that no record has is no column.
  const kept = shown.filter((column) => !above.some((one) => one === column) && entries.some((entry) => entry[column] !== ""));
  const cell = (entry: Entry, column: (typeof shown)[number]): string => {
    const mend = column === "wrong" && !above.includes("mend") ? `<br>${texts.todo}${escaped(entry.mend)}` : "";
    const text = column === "since" ? dayText(entry.since, language) : entry[column];
    return `<td class="${column}">${escaped(text)}${mend}</td>`;
  };
  const lead = above.includes("wrong") ? `<p>${escaped(first.wrong)}</p>\n` : "";
  const mend = above.includes("mend") ? `<p class="mend"><strong>${texts.todo}</strong>${escaped(first.mend)}</p>\n` : "";
  return `<section>
<h2>${escaped(first.title)} <small>${texts.count(entries.length)}</small></h2>
${lead}${mend}<table>
<thead><tr>${kept.map((column) => `<th scope="col">${heads[column]}</th>`).join("")}</tr></thead>
<tbody>
${entries.map((entry) => `<tr>${kept.map((column) => cell(entry, column)).join("")}</tr>`).join("\n")}
</tbody>
</table>
</section>`;
}

const style = `:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, "Segoe UI", sans-serif; color: #1d2329; background: #fff; margin: 2rem auto; max-width: 78rem; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
h1.accepted { font-size: 1.3rem; margin-top: 3rem; }
section p { margin: .25rem 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .25rem; }
h2 small { font-weight: normal; color: #5a6570; margin-left: .5rem; }
header p { margin: .15rem 0; color: #5a6570; }
section .mend { margin: .25rem 0 .75rem; padding: .5rem .75rem; background: #eef4fa; border-left: 3px solid #2f6fad; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #d9dfe5; overflow-wrap: break-word; }
th { border-bottom: 2px solid #9aa6b2; white-space: nowrap; }
tbody tr:nth-child(even) { background: #f6f8fa; }
.finding, .since { white-space: nowrap; }
.key { min-width: 11rem; }
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  body { font-size: 10pt; margin: 0; max-width: none; padding: 0; }
  thead { display: table-header-group; }
  tr, .mend { break-inside: avoid; }
  h2 { break-after: avoid; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}`;
