/** What the demo page shows, read from the store; field names are the model's. */
import type { Fields } from "../protocol/model.ts";
import type { Agent } from "./agents.ts";
import type { StoredCommand } from "./commands.ts";
import type { Gateway } from "./gateway.ts";
import type { Store } from "./store.ts";
import { successionsIn } from "./successions.ts";

export interface Held {
  id: string;
  time: number;
  fields: Fields;
}

interface Row {
  id: string;
  time: number;
  fields: string;
}

const held = (row: Row): Held => ({ id: row.id, time: row.time, fields: JSON.parse(row.fields) as Fields });
/** Rows of one answer at the most. */
const most = 100;

/** One agent with its link, its place in the stream, its counts and its last status. */
export function agentSummary(gateway: Gateway, agent: Agent) {
  const { store } = gateway;
  const sql =
    "SELECT type, count(*) AS n FROM entity INDEXED BY entity_live WHERE agent_id = ? AND deleted_at IS NULL GROUP BY type";
  const types = store.all<{ type: string; n: number }>(sql, agent.id);
  const states = store.all<{ key: string; n: number }>(
    "SELECT coalesce(outcome, state) AS key, count(*) AS n FROM command WHERE agent_id = ? GROUP BY 1",
    agent.id,
  );
  const refused = store.get<{ n: number }>("SELECT count(*) AS n FROM refusal WHERE agent_id = ?", agent.id);
  const own =
    gateway.offers(agent.id)?.types.flatMap(({ type, schema }) => (schema === undefined ? [] : [[type, schema.title]])) ?? [];
  return {
    id: agent.id,
    name: agent.name,
    host: agent.host,
    stage: agent.stage,
    revoked: agent.revoked_at !== null,
    connected: gateway.isConnected(agent.id),
    connection: agent.connection,
    epoch: agent.epoch,
    last: agent.last,
    seenAt: agent.seen_at,
    entities: Object.fromEntries(types.map((row) => [row.type, row.n])),
    /** Titles of the types that the agent has declared. */
    ownTypes: Object.fromEntries(own) as Record<string, string>,
    commands: Object.fromEntries(states.map((row) => [row.key, row.n])),
    refused: refused?.n ?? 0,
    offers:
      gateway.offers(agent.id)?.commands.map(({ type, fields }) => ({ type, fields: fields.map((field) => field.name) })) ?? [],
    status: agent.status === null ? null : JSON.parse(agent.status),
  };
}

/** Entities of any type in the order of their ids, from behind one on. */
export function entitiesView(store: Store, agentId: string, { type, after }: { type: string; after: string }): Held[] {
  const sql = `SELECT id, time, fields FROM entity INDEXED BY entity_live
    WHERE agent_id = ? AND type = ? AND deleted_at IS NULL AND id > ? ORDER BY id LIMIT ?`;
  return store.all<Row>(sql, agentId, type, after, most).map(held);
}

/** Properties whose name, number or city holds `search`, with their counts. */
export function estatesView(store: Store, agentId: string, search: string) {
  const pattern = `%${search.replace(/[\\%_]/g, "\\$&")}%`;
  const rows = store.all<Row>(
    `SELECT p.id, p.time, p.fields FROM entity p
     WHERE p.agent_id = ? AND p.type = 'property' AND p.deleted_at IS NULL
       AND (json_extract(p.fields, '$.name') LIKE ?2 ESCAPE '\\' OR json_extract(p.fields, '$.number') LIKE ?2 ESCAPE '\\'
         OR json_extract(p.fields, '$.address.city') LIKE ?2 ESCAPE '\\')
     ORDER BY p.id LIMIT ?3`,
    agentId,
    pattern,
    most,
  );
  return rows.map((row) => {
    const buildings = childIds(store, agentId, { type: "building", ...under("property", [row.id]) });
    const units = childIds(store, agentId, { type: "unit", ...under("building", buildings) });
    return { ...held(row), buildings: buildings.length, units: units.length };
  });
}

/** Which parents are meant, and the field that names one. */
interface Under {
  parent: keyof typeof fieldOf;
  ids: readonly string[];
}
const fieldOf = { property: "propertyId", building: "buildingId", unit: "unitId", ticket: "ticketId" } as const;
const under = (parent: Under["parent"], ids: readonly string[]): Under => ({ parent, ids });

/** The children, and what to bind: those that name a parent by an id that it had before are its own as well. */
function childrenOf(store: Store, agentId: string, { type, parent, ids }: Under & { type: string }) {
  const names = successionsIn(store).namesOf(agentId, parent, ids);
  // Field and type are constants of this file, never a caller's text; without the type SQLite does not use the index over the field, nor without the plus.
  const from = `FROM json_each(?2) name CROSS JOIN entity e
    ON e.agent_id = ?1 AND e.type = '${type}' AND json_extract(e.fields, '$.${fieldOf[parent]}') = +name.value AND e.deleted_at IS NULL`;
  return { from, values: [agentId, JSON.stringify(names)] as const };
}

function childIds(store: Store, agentId: string, asked: Under & { type: string }): string[] {
  const { from, values } = childrenOf(store, agentId, asked);
  return store.all<{ id: string }>(`SELECT e.id ${from}`, ...values).map(({ id }) => id);
}

function children(store: Store, agentId: string, asked: Under & { type: string }): Held[] {
  const { from, values } = childrenOf(store, agentId, asked);
  return store.all<Row>(`SELECT e.id, e.time, e.fields ${from} ORDER BY e.id LIMIT 500`, ...values).map(held);
}

/** An entity by its id, or by one that it had before. */
function one(store: Store, agentId: string, asked: { type: string; id: string }): Held | undefined {
  const sql = "SELECT id, time, fields FROM entity WHERE agent_id = ? AND type = ? AND id = ? AND deleted_at IS NULL";
  const id = successionsIn(store).currentId(agentId, asked.type, asked.id);
  const row = store.get<Row>(sql, agentId, asked.type, id);
  return row && held(row);
}

interface Participant {
  personId: string;
  role: string;
}

/** The buildings of one property with their units, and who uses each unit. */
export function estateView(store: Store, agentId: string, propertyId: string) {
  const tenants = (unitId: string) =>
    children(store, agentId, { type: "utilisationPeriod", ...under("unit", [unitId]) }).map((period) => ({
      ...period,
      persons: ((period.fields.participants ?? []) as unknown as Participant[]).map(({ personId, role }) => ({
        role,
        id: personId,
        fields: one(store, agentId, { type: "person", id: personId })?.fields ?? null,
      })),
    }));
  const property = one(store, agentId, { type: "property", id: propertyId });
  return {
    property: property ?? null,
    buildings: children(store, agentId, { type: "building", ...under("property", [property?.id ?? propertyId]) }).map(
      (building) => ({
        ...building,
        units: children(store, agentId, { type: "unit", ...under("building", [building.id]) }).map((unit) => ({
          ...unit,
          periods: tenants(unit.id),
        })),
      }),
    ),
  };
}

/** A command as the page shows it. */
function commandView(command: StoredCommand) {
  return {
    id: command.id,
    command: command.type,
    state: command.state,
    outcome: command.outcome,
    issuedAt: command.issued_at,
    resultAt: command.result_at,
    entity: command.entity === null ? null : JSON.parse(command.entity),
    values: JSON.parse(command.body).values,
    result: command.result === null ? null : JSON.parse(command.result),
  };
}

/** The newest tickets with their messages, and the newest commands; the page joins a command to the ticket that its result names. */
export function ticketsView(store: Store, agentId: string, limit: number) {
  const rows = store.all<Row & { cause: string | null }>(
    `SELECT id, time, fields, cause FROM entity WHERE agent_id = ? AND type = 'ticket' AND deleted_at IS NULL ORDER BY time DESC LIMIT ?`,
    agentId,
    Math.min(Math.max(1, Math.floor(limit) || 1), most),
  );
  return {
    tickets: rows.map((row) => ({
      ...held(row),
      cause: row.cause,
      messages: children(store, agentId, { type: "message", ...under("ticket", [row.id]) }),
    })),
    commands: store
      .all<StoredCommand>("SELECT * FROM command WHERE agent_id = ? ORDER BY n DESC LIMIT ?", agentId, most)
      .map((command) => commandView(command)),
  };
}
