/** What the portal shows, kept from what it says it has taken, and read anew from its store whenever that may be another one. */
import type { GatewayEvent } from "../../../portal/events.ts";
import type { Hub } from "../../../portal/hub.ts";
import { type Fields, nameOf } from "./expected.ts";

export interface Shown {
  type: string;
  id: string;
  fields: Fields;
}

type Items = Extract<GatewayEvent, { kind: "items" }>;

export class PortalView {
  readonly shown = new Map<string, Shown>();

  /** The portal began anew, from its own store. */
  reload(hub: Hub): void {
    this.shown.clear();
    for (const entity of stored(hub)) this.shown.set(nameOf(entity.type, entity.id), entity);
  }

  take(items: Items): void {
    for (const item of items.applied) {
      const name = nameOf(item.type, item.id);
      if (item.op === "upsert") this.shown.set(name, { type: item.type, id: item.id, fields: item.fields });
      else this.shown.delete(name);
    }
  }

  of(type: string): Shown[] {
    return [...this.shown.values()].filter((entity) => entity.type === type);
  }
}

/** Live entities as they stand in the portal's tables. */
export function stored(hub: Hub): Shown[] {
  const rows = hub.desk.store.all<{ type: string; id: string; fields: string }>(
    "SELECT type, id, fields FROM entity WHERE deleted_at IS NULL",
  );
  return rows.map(({ type, id, fields }) => ({ type, id, fields: JSON.parse(fields) as Fields }));
}
