/** Whether each command of the portal had its one effect in the ERP: counted in the ERP itself by the id that the command left there. */
import type { DatabaseSync } from "node:sqlite";
import type { ErpDb, ErpRow } from "./db.ts";
import type { Difference } from "./oracle.ts";
import { idOf, str } from "./oracle-values.ts";

export interface CommandVerdict {
  issued: number;
  /** Settled as applied, and in the ERP exactly once. */
  appliedOnce: number;
  /** Settled as applied but not in the ERP, or never settled. */
  lost: number;
  /** In the ERP more often than it was asked for, or in the ERP although nobody asked or it was refused. */
  doubled: number;
  /** Settled as rejected, in conflict or expired, and without effect. */
  refused: number;
  /** Waits for a person. */
  uncertain: number;
}

interface PortalCommand {
  id: string;
  type: string;
  state: string;
  result: { outcome?: string; entity?: { id?: string } } | undefined;
}

export interface CommandJudgement {
  erp: ErpDb;
  portal: DatabaseSync;
  agentId: string | undefined;
  report: (difference: Difference) => void;
}

/** Rows of the ERP that commands made: id of the command to the ids of the entities. */
type Effects = Map<string, string[]>;

export async function judgeCommands({ erp, portal, agentId, report }: CommandJudgement): Promise<CommandVerdict> {
  const verdict: CommandVerdict = { issued: 0, appliedOnce: 0, lost: 0, doubled: 0, refused: 0, uncertain: 0 };
  const effects = {
    "ticket.create": await effectsIn(
      erp,
      "SELECT MANDANT, AUFTRNR, FREMDNR FROM AUFTRAG WHERE FREMDNR IS NOT NULL OR KANAL = 'P'",
    ),
    "message.create": await effectsIn(
      erp,
      "SELECT MANDANT, AUFTRNR, LFDNR, FREMDNR FROM AUFTRTEXT WHERE FREMDNR IS NOT NULL OR (VERFASSER = 'Portal' AND ART <> 'B')",
    ),
  };
  for (const command of commandsOf(portal, agentId)) {
    verdict.issued++;
    const made = effectOf(command, effects);
    const found = made ? made.length : await countEntity(erp, command);
    const word = judge(command, found, made !== undefined);
    verdict[word]++;
    const elsewhere = word === "appliedOnce" && made && command.result?.entity?.id !== made[0];
    if (word === "lost" || word === "doubled" || elsewhere) {
      report({ kind: "command", type: command.type, id: command.id, expected: { inErp: made ?? found }, actual: command });
    }
  }
  for (const [type, rest] of Object.entries(effects)) {
    for (const [id, entities] of rest) {
      verdict.doubled += entities.length;
      report({ kind: "command", type, id, expected: { inErp: entities }, actual: "no such command was issued" });
    }
  }
  return verdict;
}

/** `made`: the command inserts, so its effect can be counted; otherwise `found` only tells whether its entity exists. */
function judge({ state, result }: PortalCommand, found: number, made: boolean): keyof Omit<CommandVerdict, "issued"> {
  if (made && found > 1) return "doubled";
  const outcome = result?.outcome;
  if (outcome === "uncertain" || outcome === "waiting") return "uncertain";
  if (state !== "settled" || outcome === undefined) return "lost";
  if (outcome === "applied") return found === 1 ? "appliedOnce" : "lost";
  return made && found > 0 ? "doubled" : "refused";
}

/** Takes the command's effects out of the map: what is left at the end was asked for by nobody. */
function effectOf(command: PortalCommand, effects: Record<"ticket.create" | "message.create", Effects>): string[] | undefined {
  if (command.type !== "ticket.create" && command.type !== "message.create") return undefined;
  const made = effects[command.type].get(command.id) ?? [];
  effects[command.type].delete(command.id);
  return made;
}

async function effectsIn(erp: ErpDb, sql: string): Promise<Effects> {
  const effects: Effects = new Map();
  for await (const row of erp.each(sql)) {
    const command = row.FREMDNR === null ? `no id in ${entityOf(row)}` : str(row, "FREMDNR");
    effects.set(command, [...(effects.get(command) ?? []), entityOf(row)]);
  }
  return effects;
}

function entityOf(row: ErpRow): string {
  const ticket = idOf(str(row, "MANDANT"), str(row, "AUFTRNR"));
  return row.LFDNR === undefined ? ticket : `${ticket}.${str(row, "LFDNR")}`;
}

/** 1 when the ticket that an update names is in the ERP. */
async function countEntity(erp: ErpDb, command: PortalCommand): Promise<number> {
  const [mandant = "", number = ""] = (command.result?.entity?.id ?? "").split(".");
  const rows = await erp.query("SELECT 1 AS N FROM AUFTRAG WHERE MANDANT = ? AND AUFTRNR = ?", [mandant, number]);
  return rows.length;
}

function commandsOf(portal: DatabaseSync, agentId: string | undefined): PortalCommand[] {
  const exists = portal.prepare("SELECT 1 FROM sqlite_master WHERE name = 'command'").get();
  if (!exists) return [];
  const where = agentId === undefined ? "? IS NULL" : "agent_id = ?";
  const rows = portal.prepare(`SELECT id, type, state, result FROM command WHERE ${where}`).all(agentId ?? null);
  return rows.map((row) => ({
    id: String(row.id),
    type: String(row.type),
    state: String(row.state),
    result: typeof row.result === "string" ? (JSON.parse(row.result) as PortalCommand["result"]) : undefined,
  }));
}
