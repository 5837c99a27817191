/**
 * The independent judge of end-to-end tests: it reads the sample ERP by SQL, reads the portal's store by SQL, and compares. Nothing of
 * agent/, config/ or connectors/ is used here, so that a fault there can't hide itself.
 */
import { DatabaseSync } from "node:sqlite";
import type { ErpDb } from "./db.ts";
import { type CommandVerdict, judgeCommands } from "./oracle-commands.ts";
import { expectEntities } from "./oracle-expected.ts";
import { canonical, type OracleFields } from "./oracle-values.ts";

export interface OracleOptions {
  erp: ErpDb;
  /** The portal's store: an SQLite file with the tables `entity` and `command`. */
  portalStore: string;
  /** Only this agent's rows; all when not given. */
  agentId?: string;
  /** What the mapping alone makes: no rule of quality has judged it. */
  unjudged?: boolean;
}

/** One difference between what the ERP says and what the portal holds. */
export interface Difference {
  kind: "missing" | "extra" | "different" | "command";
  type: string;
  id: string;
  /** What the ERP says; only the differing fields of an entity that both hold. */
  expected: unknown;
  /** What the portal holds. */
  actual: unknown;
}

export interface OracleVerdict {
  mismatches: number;
  /** The first 20, with both sides. */
  details: Difference[];
  commands: CommandVerdict;
  /** Entities that the portal must hold, by type. */
  entities: Record<string, number>;
}

const detailLimit = 20;

/** Compares the ERP with the portal's store. Both should be at rest. */
export async function consultOracle({ erp, portalStore, agentId, unjudged }: OracleOptions): Promise<OracleVerdict> {
  const portal = new DatabaseSync(portalStore, { readOnly: true, timeout: 10_000 });
  const verdict: OracleVerdict = { mismatches: 0, details: [], commands: noCommands(), entities: {} };
  const report = (difference: Difference): void => {
    verdict.mismatches++;
    if (verdict.details.length < detailLimit) verdict.details.push(difference);
  };
  try {
    const compare = (type: string, expected: Map<string, OracleFields>): void => {
      verdict.entities[type] = expected.size;
      compareType({ portal, agentId, type, expected, report });
    };
    await expectEntities(erp, compare, unjudged);
    reportForeignTypes(portal, agentId, verdict, report);
    verdict.commands = await judgeCommands({ erp, portal, agentId, report });
    return verdict;
  } finally {
    portal.close();
  }
}

const noCommands = (): CommandVerdict => ({ issued: 0, appliedOnce: 0, lost: 0, doubled: 0, refused: 0, uncertain: 0 });

const ofAgent = (agentId: string | undefined): string => (agentId === undefined ? "? IS NULL" : "agent_id = ?");

interface TypeComparison {
  portal: DatabaseSync;
  agentId: string | undefined;
  type: string;
  /** Emptied as its entities are found. */
  expected: Map<string, OracleFields>;
  report: (difference: Difference) => void;
}

function compareType({ portal, agentId, type, expected, report }: TypeComparison): void {
  const sql = `SELECT id, fields FROM entity WHERE ${ofAgent(agentId)} AND type = ? AND deleted_at IS NULL`;
  for (const row of portal.prepare(sql).iterate(agentId ?? null, type) as Iterable<{ id: string; fields: string }>) {
    const fields = expected.get(row.id);
    const held = JSON.parse(row.fields) as OracleFields;
    if (!fields) {
      report({ kind: "extra", type, id: row.id, expected: undefined, actual: held });
      continue;
    }
    expected.delete(row.id);
    if (canonical(fields) !== canonical(held)) report({ kind: "different", type, id: row.id, ...differingFields(fields, held) });
  }
  for (const [id, fields] of expected) report({ kind: "missing", type, id, expected: fields, actual: undefined });
}

function differingFields(expected: OracleFields, held: OracleFields): { expected: OracleFields; actual: OracleFields } {
  const names = new Set([...Object.keys(expected), ...Object.keys(held)]);
  const differing = [...names].filter((name) => canonical(expected[name], name) !== canonical(held[name], name));
  const only = (fields: OracleFields): OracleFields =>
    Object.fromEntries(differing.filter((name) => name in fields).map((name) => [name, fields[name] ?? null]));
  return { expected: only(expected), actual: only(held) };
}

/** A type that this ERP has no rows for. */
function reportForeignTypes(
  portal: DatabaseSync,
  agentId: string | undefined,
  verdict: OracleVerdict,
  report: TypeComparison["report"],
): void {
  const sql = `SELECT type, id FROM entity WHERE ${ofAgent(agentId)} AND deleted_at IS NULL AND type NOT IN (SELECT value FROM json_each(?))`;
  for (const row of portal.prepare(sql).iterate(agentId ?? null, JSON.stringify(Object.keys(verdict.entities)))) {
    report({
      kind: "extra",
      type: String(row.type),
      id: String(row.id),
      expected: undefined,
      actual: "type unknown to the oracle",
    });
  }
}
