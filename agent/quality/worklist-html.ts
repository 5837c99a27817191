/** The worklist as one page for screen and paper that loads nothing: a section for each rule, its remedy once above its records. Pure. */
import type { Language } from "./texts.ts";
import type { Entry } from "./worklist.ts";
import { columnHeads } from "./worklist-heads.ts";

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string | number): string => String(text).replace(/[&<>"']/g, (character) => escapes[character] as string);

const words = {
  de: {
    heading: "Datenqualität: Arbeitsliste",
    head: (name: string, day: string) => `${name} · Stand ${day}`,
    count: (count: number) => (count === 1 ? "1 Befund" : `${count} Befunde`),
    none: "Nichts zu tun: Es liegt kein Befund vor.",
    closes: "Was in der Verwaltungssoftware berichtigt ist, verschwindet von selbst aus dieser Liste.",
    todo: "Zu tun: ",
  },
  en: {
    heading: "Data quality: worklist",
    head: (name: string, day: string) => `${name} · as of ${day}`,
    count: (count: number) => (count === 1 ? "1 finding" : `${count} findings`),
    none: "Nothing to do: there is no finding.",
    closes: "What has been mended in the ERP disappears from this list by itself.",
    todo: "To do: ",
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
const shown = ["finding", "table", "key", "number", "field", "wrong", "since"] as const;

export function worklistHtml(entries: readonly Entry[], { language, name, day }: Page): string {
  const texts = words[language];
  const sections = [...Map.groupBy(entries, ({ rule }) => rule).values()].map((ofRule) => section(ofRule, language));
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
<p>${escaped(texts.head(name, day))} · ${texts.count(entries.length)}</p>
<p>${entries.length === 0 ? texts.none : texts.closes}</p>
</header>
${sections.join("\n")}
</body>
</html>
`;
}

function section(entries: readonly Entry[], language: Language): string {
  const first = entries[0] as Entry;
  const texts = words[language];
  const heads = columnHeads[language];
  const same = entries.every(({ mend }) => mend === first.mend);
  // A number or a field that no record has is no column.
  const kept = shown.filter((column) => entries.some((entry) => entry[column] !== ""));
  const row = (entry: Entry): string => {
    const cells = kept.map((column) => {
      const mend = column === "wrong" && !same ? `<br>${texts.todo}${escaped(entry.mend)}` : "";
      return `<td class="${column}">${escaped(entry[column])}${mend}</td>`;
    });
    return `<tr>${cells.join("")}</tr>`;
  };
  return `<section>
<h2>${escaped(first.title)} <small>${texts.count(entries.length)}</small></h2>
${same ? `<p class="mend"><strong>${texts.todo}</strong>${escaped(first.mend)}</p>\n` : ""}<table>
<thead><tr>${kept.map((column) => `<th scope="col">${heads[column]}</th>`).join("")}</tr></thead>
<tbody>
${entries.map(row).join("\n")}
</tbody>
</table>
</section>`;
}

const style = `:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, "Segoe UI", sans-serif; color: #1d2329; background: #fff; margin: 2rem auto; max-width: 78rem; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .25rem; }
h2 small { font-weight: normal; color: #5a6570; margin-left: .5rem; }
header p { margin: .15rem 0; color: #5a6570; }
.mend { margin: .25rem 0 .75rem; padding: .5rem .75rem; background: #eef4fa; border-left: 3px solid #2f6fad; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #d9dfe5; overflow-wrap: anywhere; }
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
