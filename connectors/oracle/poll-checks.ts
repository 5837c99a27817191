import type { Poll } from "../connector.ts";
import { oracleCapabilities } from "./capabilities.ts";
import { describeTables } from "./describe.ts";
import type { Inspection, Problem } from "./inspection.ts";
import { rowScn } from "./sql.ts";

/** So many rows a second may be read for polls, a tenth of the pace of a compare, before it is more than a remark. */
const modestRowsPerSecond = 1_250;

/** No index has ORA_ROWSCN: a poll by it reads the whole table, each time. */
export async function pollCosts({ link, needs, signal }: Inspection): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const poll of needs.polls ?? []) {
    if (poll.column.toUpperCase() !== rowScn) continue;
    const [table] = await describeTables(link, [poll.table], signal);
    if (table !== undefined) problems.push(costOf(poll, table.rows));
  }
  return problems;
}

function costOf({ table, everyMs }: Poll, rows: number | undefined): Problem {
  const often = everyMs === undefined ? "" : `, every ${everyMs / 1_000} s`;
  const modestMs = rows === undefined ? undefined : Math.ceil(rows / modestRowsPerSecond) * 1_000;
  const many = rows === undefined ? "how many rows it has the server's statistics don't tell" : `about ${rows} rows`;
  const interval =
    modestMs === undefined ? "the longer the larger the table is" : `here to ${Math.max(modestMs / 1_000, 1)}s or more`;
  const isHeavy = modestMs !== undefined && everyMs !== undefined && everyMs < modestMs && modestMs > 1_000;
  return {
    severity: isHeavy ? "warning" : "info",
    code: "erp-poll-reads-all",
    place: table,
    message: `Each poll by ${rowScn} reads the whole table${often}: ${many}`,
    remedy: `Set \`every:\` accordingly, ${interval}, or use ${others}.`,
  };
}

/** What else the connector declares, but for the feed, which reads as much. */
const others = oracleCapabilities.changes
  .filter(({ method }) => !method.includes(rowScn) && !method.startsWith("feed:"))
  .map(({ method }) => `\`${method}\``)
  .join(" or ");
