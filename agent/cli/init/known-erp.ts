/** ERPs that the agent has a preset for, known by the names of their tables. */
import type { Table } from "../../../connectors/connector.ts";

interface Sign {
  preset: string;
  erp: string;
  /** One of its tables; the group is what differs from installation to installation. */
  table: RegExp;
  /** The variable of the preset that says so; undefined where nothing differs. */
  variable?: string;
  /** Names of further tables behind the group. */
  beside: readonly string[];
}

const signs: readonly Sign[] = [
  {
    preset: "dolibarr",
    erp: "Dolibarr",
    table: /^(\w*)ticket$/i,
    variable: "prefix",
    beside: ["actioncomm", "element_contact", "socpeople"],
  },
  {
    preset: "nav",
    erp: "Dynamics NAV",
    table: /^(.+)\$Customer$/,
    variable: "company",
    beside: ["$Vendor", "$Service Header", "$Sales Invoice Header"],
  },
  {
    preset: "sample",
    erp: "the sample company",
    table: /^()AUFTRTEXT$/i,
    beside: ["MIETVERTRAG", "NUMMERNKREIS", "SOLLSTELLUNG"],
  },
];

/** Lines for the head of a draft: which preset fits, and what to say with it. */
export function presetHints(tables: readonly Table[]): string[] {
  const names = tables.map(({ name }) => name.split(".").at(-1) ?? name);
  const there = new Set(names.map((name) => name.toLowerCase()));
  return signs.flatMap(({ preset, erp, table, variable, beside }) => {
    const found = names.flatMap((name) => table.exec(name)?.[1] ?? []);
    const own = found.filter((group) => beside.every((rest) => there.has(`${group}${rest}`.toLowerCase())));
    if (own.length === 0) return [];
    const vars = variable === undefined ? "" : ` and \`vars: { ${variable}: ${JSON.stringify(own[0])} }\``;
    const others = own.length > 1 ? ` (there are others: ${own.slice(1, 6).join(", ")})` : "";
    return [
      `# These are the tables of ${erp}. Its preset knows more of them than this draft: put \`preset: ${preset}\`${vars}${others}`,
      "# in place of all below `erp:`, and read docs/presets.md.",
    ];
  });
}
