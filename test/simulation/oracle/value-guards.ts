/** How many periods lose their end or get another flat or tenant at the portal: beyond the guards' number only once a person was asked. */
import { valueRows } from "../erp/schema.ts";
import type { Fields } from "./expected.ts";

type Kind = "emptied" | "moved";

/** By the portal's own fields. */
export function lostOrMoved(type: string, before: Fields, now: Fields): Kind[] {
  if (type !== "utilisationPeriod") return [];
  const tenants = (fields: Fields): string => JSON.stringify(fields.participants);
  const moved = before.unitId !== now.unitId || tenants(before) !== tenants(now);
  const emptied = before.endDate !== null && now.endDate === null;
  return [...(emptied ? (["emptied"] as const) : []), ...(moved ? (["moved"] as const) : [])];
}

export class ValueGuards {
  readonly #seen: { kind: Kind; type: string; at: number }[] = [];
  readonly #approved = new Set<string>();
  readonly #isRecent: (at: number) => boolean;
  readonly #violated: (what: string) => void;
  /** The agent no longer knows what the portal holds. */
  #forgiven = false;

  constructor(isRecent: (at: number) => boolean, violated: (what: string) => void) {
    this.#isRecent = isRecent;
    this.#violated = violated;
  }

  forgive(): void {
    this.#forgiven = true;
  }

  approved(kind: Kind, type: string): void {
    this.#approved.add(`${kind} ${type}`);
  }

  judge(type: string, kinds: readonly Kind[], now: number): void {
    for (const kind of kinds) {
      this.#seen.push({ kind, type, at: now });
      if (this.#forgiven || this.#approved.has(`${kind} ${type}`)) continue;
      const recent = this.#seen.filter((one) => one.kind === kind && one.type === type && this.#isRecent(one.at));
      if (recent.length > valueRows)
        this.#violated(`Guards: ${recent.length} entities of ${type} were ${kind} within an hour, and nobody was asked`);
    }
  }
}
