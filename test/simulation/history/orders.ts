/** What tenants and agents of the portal order: commands with the base values that the portal shows them. */
import { FuserError } from "../../../base/errors.ts";
import type { CommandOrder } from "../../../portal/commands.ts";
import type { Chance } from "../world/chance.ts";
import { agentId } from "../world/portal-machine.ts";
import type { World } from "../world/world.ts";

type Order = (world: World, chance: Chance) => CommandOrder | undefined;

const expiry = (chance: Chance): Pick<CommandOrder, "expiresInMs"> =>
  chance.hits(0.2) ? { expiresInMs: chance.whole(2_000, 120_000) } : {};

const createTicket: Order = ({ oracle, office }, chance) => {
  const [units, persons] = [oracle.view.of("unit"), oracle.view.of("person")];
  if (units.length === 0 || persons.length === 0) return undefined;
  const title = `Wish ${++office.serial}`;
  const values = {
    title,
    description: `About ${title}`,
    priority: chance.pick(["high", "normal"]),
    unitId: chance.pick(units).id,
  };
  return { command: "ticket.create", values: { ...values, reporterId: chance.pick(persons).id }, ...expiry(chance) };
};

const updateTicket: Order = ({ oracle, office }, chance) => {
  const open = oracle.view.of("ticket").filter(({ fields }) => fields.status === "open" || fields.status === "in-progress");
  if (open.length === 0) return undefined;
  const { id, fields } = chance.pick(open);
  const values: Record<string, string> = {};
  if (chance.hits(0.7)) values.title = `Better ${++office.serial}`;
  if (fields.status === "open" && chance.hits(0.5)) values.status = "in-progress";
  if (Object.keys(values).length === 0) values.title = `Other ${++office.serial}`;
  const base = Object.fromEntries(Object.keys(values).map((field) => [field, fields[field] as string]));
  return { command: "ticket.update", entity: { type: "ticket", id }, values, base, ...expiry(chance) };
};

const writeMessage: Order = ({ oracle, office }, chance) => {
  const body = `Message ${++office.serial}`;
  // Sometimes to a ticket that was ordered a moment ago.
  const creators = [...oracle.commands.values()].filter(({ command }) => command === "ticket.create");
  if (creators.length > 0 && chance.hits(0.4)) {
    const creator = creators.at(-1) as (typeof creators)[number];
    return { command: "message.create", values: { ticketId: { createdBy: creator.id }, body } };
  }
  const tickets = oracle.view.of("ticket");
  if (tickets.length === 0) return undefined;
  return { command: "message.create", values: { ticketId: chance.pick(tickets).id, body }, ...expiry(chance) };
};

export const orders: Readonly<Record<string, { order: Order; weight: number }>> = {
  "ticket is ordered": { order: createTicket, weight: 3 },
  "ticket is changed": { order: updateTicket, weight: 4 },
  "message is written": { order: writeMessage, weight: 4 },
};

/** Issues it as soon as the portal is there. */
export function place(world: World, what: string, chance: Chance): void {
  const { portal, oracle, time, ways } = world;
  const hub = portal.hub;
  const found = orders[what];
  if (found === undefined) throw new Error(`Nobody orders "${what}"`);
  if (hub === undefined) return void time.after(2_000, () => place(world, what, chance));
  const order = found.order(world, chance);
  if (order === undefined) return;
  try {
    const id = hub.desk.issue(agentId, order);
    const byBase = order.command === "ticket.update" && ways.update === "base";
    time.after(chance.between(0, 150), () => copyStores(world));
    const base = columnsOf(order.base ?? {});
    const { entity } = order;
    const wanted = entity && "id" in entity ? { ticket: entity.id, columns: columnsOf(order.values) } : undefined;
    const isBlind = byBase || (order.command === "message.create" && ways.message === "content");
    oracle.commands.set(id, { id, command: order.command, issuedAt: time.now, byBase, isBlind, base, wanted });
  } catch (error) {
    // A portal that was set back no longer knows the command that this one refers to.
    if (!(error instanceof FuserError) || error.code !== "command-unknown") throw error;
  }
}

/** As a backup takes them that happens to run just now. */
function copyStores({ agent, portal, copies, time }: World): void {
  if (!agent.file.inTransaction) copies.agent = { content: agent.file.content(), at: time.now };
  if (!portal.file.inTransaction) copies.portal = { content: portal.file.content(), at: time.now };
}

/** Values as the ERP's columns hold them. */
function columnsOf({ title, status }: CommandOrder["values"] | NonNullable<CommandOrder["base"]>): Record<string, unknown> {
  const codes: Record<string, string> = { open: "0", "in-progress": "1" };
  return {
    ...(title === undefined ? {} : { TITEL: title }),
    ...(status === undefined ? {} : { STATUS: codes[String(status)] }),
  };
}
