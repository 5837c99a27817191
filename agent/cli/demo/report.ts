/** The end of `demo --once`: one JSON object, or the same for people. */
import type { Difference } from "../../../test/support/erp/oracle.ts";
import type { ScriptResult } from "./script.ts";

/** What `--json` prints. */
export function reportDocument({ verdict, firstSync, leftOut, feed, memory }: ScriptResult) {
  const { mismatches, commands, entities, details } = verdict;
  const measured = memory.firstSync !== undefined && memory.steady !== undefined;
  return {
    mismatches,
    commands,
    entities,
    firstSync,
    ...(leftOut.length > 0 ? { leftOut } : {}),
    ...(feed === undefined ? {} : { feed: { name: feed.name, state: feed.state } }),
    ...(measured ? { agentRssMb: { firstSync: memory.firstSync, steady: memory.steady } } : {}),
    ...(details.length > 0 ? { details } : {}),
  };
}

/** True when ERP and portal agree, and every command had its one effect. */
export function isClean({ verdict }: ScriptResult): boolean {
  return verdict.mismatches === 0 && verdict.commands.lost === 0 && verdict.commands.doubled === 0;
}

export function reportLines(result: ScriptResult): string[] {
  const { verdict, firstSync, leftOut, feed, memory } = result;
  const { issued, appliedOnce, lost, doubled, refused, uncertain } = verdict.commands;
  const total = Object.values(verdict.entities).reduce((sum, count) => sum + count, 0);
  const mb = (value: number | undefined): string => (value === undefined ? "not measured here" : `${value} MB`);
  return [
    "",
    isClean(result) ? "ERP and portal are in step." : "ERP AND PORTAL DIFFER.",
    `  Entities    ${total}: ${Object.entries(verdict.entities)
      .map(([type, count]) => `${count} ${type}`)
      .join(", ")}`,
    `  Mismatches  ${verdict.mismatches}`,
    `  Commands    ${issued} issued, ${appliedOnce} applied once, ${lost} lost, ${doubled} doubled, ${refused} refused, ${uncertain} uncertain`,
    `  First sync  ${firstSync.rows} rows in ${firstSync.seconds} s`,
    ...leftOut.map((part) => `  Left out    ${part}`),
    ...(feed === undefined ? [] : [`  Feed        ${feed.name}, ${feed.state}`]),
    `  Memory      first sync ${mb(memory.firstSync)}, steady ${mb(memory.steady)}`,
    ...verdict.details.map(detailLine),
  ];
}

function detailLine({ kind, type, id, expected, actual }: Difference): string {
  return `  ${kind} ${type} ${id}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(actual)}`;
}
