/** What tenants and the landlord's people do in the portal: report damages, write, change and close tickets. */
import type { Random } from "../../../base/time.ts";
import { portalMayUse } from "../../../test/support/erp/life-rows.ts";
import { damages } from "../../../test/support/erp/names.ts";
import type { PortalProcess } from "./portal-process.ts";

/** A unit with one of its tenants, as the portal knows them. */
export interface Home {
  unitId: string;
  reporterId: string;
}

interface EstateView {
  buildings: {
    units: { id: string; periods: { fields: { endDate?: string | null }; persons: { id: string; fields: unknown }[] }[] }[];
  }[];
}

/** Rented units of the portal, at most `count`: those that the company's life does not renumber meanwhile. */
export async function findHomes(portal: PortalProcess, count: number): Promise<Home[]> {
  const homes: Home[] = [];
  for (const { id } of await portal.get<{ id: string }[]>("/api/estates")) {
    const estate = await portal.get<EstateView>("/api/estate", { id });
    for (const unit of estate.buildings.flatMap(({ units }) => units)) {
      const tenant = unit.periods
        .filter(({ fields }) => fields.endDate === null)
        .flatMap(({ persons }) => persons)
        .find((person) => person.fields !== null && portalMayUse(unit.id, person.id));
      if (tenant) homes.push({ unitId: unit.id, reporterId: tenant.id });
      if (homes.length === count) return homes;
    }
  }
  return homes;
}

/** Every seventh title is longer than the ERP's column: the rest of it must go on in the description. */
function describe(n: number): { category: string; title: string; description: string } {
  const [category, title, description] = damages[n % damages.length] as (typeof damages)[number];
  return { category, description, title: n % 7 === 3 ? `${title} – bitte dringend, wir haben kleine Kinder` : title };
}

const priorities = ["high", "normal", "low"];

/**
 * Reports damage number `n` and all that follows from it, without waiting for the ERP in between: a message to each, a change to every second,
 * the end of every fourth. The ticket is named by the command that makes it. Returns how many commands were issued.
 */
export async function reportDamage(portal: PortalProcess, home: Home, n: number): Promise<number> {
  const priority = priorities[n % priorities.length] as string;
  const create = await portal.issue({ command: "ticket.create", values: { kind: "damage", ...describe(n), priority, ...home } });
  const ticket = { createdBy: create };
  await portal.issue({ command: "message.create", values: { ticketId: ticket, body: `Nachricht ${n}: wann kommt jemand? 🛠️` } });
  if (n % 2 === 1) return 2;
  const change = await portal.issue({
    command: "ticket.update",
    entity: ticket,
    after: create,
    values: { status: "in-progress", priority: "high" },
    base: { status: "open", priority },
  });
  if (n % 4 === 2) return 3;
  await portal.issue({ command: "ticket.close", entity: ticket, after: change, values: {} });
  return 4;
}

interface TicketView {
  id: string;
  fields: { status: string; number?: string };
}

/** Changes and comments a ticket that the ERP has numbered meanwhile, from what the portal last saw of it; false where it shows none yet. */
export async function changeNumberedTicket(portal: PortalProcess, random: Random): Promise<boolean> {
  const { tickets } = await portal.get<{ tickets: (TicketView & { cause: string | null })[] }>("/api/tickets", { limit: "100" });
  const own = tickets.filter((ticket) => ticket.cause !== null && ticket.fields.status !== "closed");
  const ticket = own[Math.floor(random() * own.length)];
  if (ticket === undefined) return false;
  const entity = { type: "ticket", id: ticket.id };
  const status = ticket.fields.status === "waiting-for-external" ? "in-progress" : "waiting-for-external";
  await portal.issue({ command: "ticket.update", entity, values: { status }, base: { status: ticket.fields.status } });
  await portal.issue({ command: "message.create", values: { ticketId: ticket.id, body: "Danke, der Termin passt." } });
  return true;
}
