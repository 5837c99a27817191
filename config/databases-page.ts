/** docs/databases.md, made from what each connector declares of itself. Pure. */
import { connectors } from "../connectors/registry.ts";

type Capabilities = (typeof connectors)[string]["dialect"]["capabilities"];

const intro = `# Databases

Made from what the connectors declare (\`connectors/*/capabilities.ts\`) by \`npm run generate\`: do not edit. The contract suite holds each connector to it. How values, locks
and codes are: [erp-databases.md](erp-databases.md); settings: [configuration.md](configuration.md).

*Verified against*: \`contract suite\`: every promise is tried against the product itself each time the tests run. \`double\`: the real driver against a double of the server's
protocol, which shows what the agent sends and takes, and not what the product makes of it. \`not verified\`: nobody has run it yet. Whoever has such a server can:
\`npm run contract -- --connector NAME --url NAME://user@host/database\` asks for the password and uses nothing but tables \`fusertest_…\` of its own in that empty database.
`;

const mark = (sees: boolean): string => (sees ? "yes" : "no");

const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");
}

/** Each connector once, with every name that `erp: connector:` knows it by. */
function named(): { names: string[]; capabilities: Capabilities }[] {
  const groups = Map.groupBy(Object.entries(connectors), ([, { dialect }]) => dialect.capabilities);
  return [...groups].map(([capabilities, entries]) => ({ names: entries.map(([name]) => name), capabilities }));
}

function section(names: readonly string[], { title, changes, writes, idempotency, unsupported, verified }: Capabilities): string {
  const methods = changes.map(({ method, sees, latency, rights }) => [
    `\`${method}\``,
    mark(sees.inserts),
    mark(sees.updates),
    mark(sees.deletes),
    latency,
    rights,
  ]);
  const list = (items: readonly string[], empty: string): string => (items.length > 0 ? items.join("; ") : empty);
  return [
    `## ${title}`,
    "",
    `\`erp: { connector: ${names.join(" }` or `{ connector: ")} }\``,
    "",
    table(["changes", "inserts", "updates", "deletes", "latency", "rights beyond SELECT"], methods),
    "",
    `- Writes: ${list(writes, "none")}`,
    `- Idempotency: ${list(idempotency, "none")}`,
    `- Not supported, and refused with what to do instead: ${list(unsupported, "nothing")}`,
    `- Verified against: ${verified.map(({ product, by }) => `${product} (${by})`).join("; ")}`,
    "",
  ].join("\n");
}

/** The page, in Markdown. */
export function databasesPage(): string {
  const all = named();
  const overview = all.map(({ names, capabilities: { title, changes, writes, unsupported, verified } }) => [
    title,
    names.map((name) => `\`${name}\``).join(", "),
    changes.map(({ method }) => `\`${method}\``).join(", "),
    writes.length > 0 ? "yes" : "no",
    unsupported.includes("call") ? "no" : "yes",
    verified.map(({ product, by }) => `${product}: ${by}`).join("; "),
  ]);
  const head = ["database", "connector", "changes", "writes", "procedures", "verified against"];
  return [intro, table(head, overview), "", ...all.map(({ names, capabilities }) => section(names, capabilities))].join("\n");
}
