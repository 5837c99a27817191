/** Tables that the portal pushes to its agents: kept here, sent at each connect and whenever they change, but only where the mapping uses them and lacks that version. */
import { createHash } from "node:crypto";
import { FuserError } from "../base/errors.ts";
import type { Answer, Lookup, PortalMessage } from "../protocol/messages.ts";
import type { Json } from "../protocol/model.ts";
import type { Agents } from "./agents.ts";
import type { Events } from "./events.ts";
import type { Store } from "./store.ts";

export type LookupContent = Pick<Lookup, "name" | "fields" | "rows">;

export interface PushedLookup {
  name: string;
  version: string;
  rows: number;
  /** Whether the agent's mapping uses it, as far as its last `hello` says. */
  used: boolean;
}

export interface Lookups {
  /**
   * Keeps a table in place of the one before of this name and sends it to the agent as soon as it is there. Returns its version.
   * @throws FuserError `lookup-invalid`, `agent-unknown`
   */
  set(agentId: string, content: LookupContent): string;
  list(agentId: string): PushedLookup[];
  /** Called with every answer of an agent. */
  answered(agentId: string, answer: Answer): void;
}

interface LookupParts {
  store: Store;
  agents: Agents;
  events: Events;
  newId: () => string;
  /** Sends where the agent is connected. */
  send: (agentId: string, message: PortalMessage) => unknown;
}

/** An agent takes 16 MiB in one frame. */
const mostBytes = 15 * 1_048_576;
const mostRows = 100_000;

interface Row {
  name: string;
  version: string;
  fields: string;
  rows: string;
}

export function lookupsIn({ store, agents, events, newId, send }: LookupParts): Lookups {
  /** By the id under which it was sent. */
  const sent = new Map<string, { agentId: string; name: string }>();
  const push = (agentId: string, { name, version, fields, rows }: Row): void => {
    const id = newId();
    sent.set(id, { agentId, name });
    send(agentId, {
      type: "lookup",
      id,
      name,
      version,
      fields: JSON.parse(fields) as string[],
      rows: JSON.parse(rows) as Json[][],
    });
  };
  const all = (agentId: string): Row[] =>
    store.all<Row>("SELECT name, version, fields, rows FROM lookup WHERE agent_id = ? ORDER BY name", agentId);
  events.listen((event) => {
    if (event.kind === "disconnected") for (const [id, { agentId }] of sent) if (agentId === event.agentId) sent.delete(id);
    if (event.kind !== "connected") return;
    const used = new Map(agents.offers(event.agentId)?.lookups?.map(({ name, version }) => [name, version]));
    for (const row of used.size === 0 ? [] : all(event.agentId))
      if (used.has(row.name) && used.get(row.name) !== row.version) push(event.agentId, row);
  });
  return {
    set(agentId, { name, fields, rows }) {
      if (agents.get(agentId) === undefined) throw refused("agent-unknown", "No agent with this id is enrolled here.");
      requireWhole({ fields, rows });
      const row: Row = { name, version: "", fields: JSON.stringify(fields), rows: JSON.stringify(rows) };
      if (Buffer.byteLength(row.rows) > mostBytes) throw refused("lookup-invalid", "The table is larger than an agent takes.");
      row.version = createHash("sha256").update(`${row.fields}\n${row.rows}`).digest("hex").slice(0, 16);
      const sql = "INSERT OR REPLACE INTO lookup (agent_id, name, version, fields, rows) VALUES (?, ?, ?, ?, ?)";
      store.run(sql, agentId, name, row.version, row.fields, row.rows);
      if (agents.offers(agentId)?.lookups?.some((used) => used.name === name)) push(agentId, row);
      return row.version;
    },
    list(agentId) {
      const used = new Set(agents.offers(agentId)?.lookups?.map(({ name }) => name));
      return all(agentId).map(({ name, version, rows }) => ({
        ...{ name, version, used: used.has(name) },
        rows: (JSON.parse(rows) as Json[]).length,
      }));
    },
    answered(agentId, { id, outcome, reason }) {
      const name = sent.get(id)?.name;
      if (!sent.delete(id) || outcome === "ok") return;
      events.emit({
        kind: "noted",
        agentId,
        code: "lookup-refused",
        text: `The agent does not take the table ${name}: ${reason ?? ""}`,
      });
    },
  };
}

/** As the agent asks it of them. */
function requireWhole({ fields, rows }: Pick<LookupContent, "fields" | "rows">): void {
  const keys = new Set(rows.map(([first]) => String(first ?? "").trim()));
  if (fields.length < 2 || new Set(fields).size < fields.length)
    throw refused("lookup-invalid", "A table needs two fields or more, each of a name of its own.");
  if (rows.length > mostRows) throw refused("lookup-invalid", `A table has ${mostRows} rows at the most.`);
  if (rows.some((row) => row.length !== fields.length || row.some((value) => typeof value === "object" && value !== null)))
    throw refused("lookup-invalid", "Each row needs a plain value for each field.");
  if (keys.has("") || keys.size < rows.length) throw refused("lookup-invalid", "The first field must be filled, and unique.");
}

function refused(code: string, message: string): FuserError {
  return new FuserError("rejected", message, { code, operation: "push a table", hint: "Correct it and push it again." });
}
