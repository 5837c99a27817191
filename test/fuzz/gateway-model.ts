/** What a portal must hold after what it was told, written from asyncapi.json alone: the oracle for frames to the gateway. */
import { fitsModel, type Item, isEntityId, itemsOf, type Message, parentsOf, typeNames } from "./documents.ts";

export interface Limits {
  windowItems: number;
  windowBytes: number;
  maxFrameBytes: number;
}

interface HeldEntity {
  fields: Record<string, unknown>;
  deleted: boolean;
  replaced: boolean;
}

export interface Refused {
  seq: number;
  code: string;
  /** Type and id. */
  key: string;
}

/** What is durable of one agent. */
export interface Held {
  connection: number;
  epoch: string | null;
  last: number;
  entities: Map<string, HeldEntity>;
  refused: Refused[];
  /** Last number of each entity. */
  latest: Map<string, number>;
}

type LinkState =
  | { at: "greeting" }
  | { at: "welcomed"; hello: Message; connection: number; types: string[] }
  | { at: "open"; types: string[] }
  | { at: "closed"; codes: readonly number[] };

/** Any of these may end a link that said something wrong. */
const malformed = [4400, 4413, 1009];

export class GatewayModel {
  held: Held = { connection: 0, epoch: null, last: 0, entities: new Map(), refused: [], latest: new Map() };
  /** What the portal may hold: it may not have come to the last frames when the link ended. The first is what it has acked at least. */
  possible: Held[] = [];
  readonly #links = new Map<number, LinkState>();
  readonly received = new Set<string>();

  constructor() {
    this.settle();
  }

  /** Everything sent so far was handled. */
  settle(): void {
    this.possible = [snapshot(this.held)];
  }

  state(link: number): LinkState {
    return this.#links.get(link) ?? { at: "greeting" };
  }

  close(link: number, codes: readonly number[]): void {
    if (this.state(link).at !== "closed") this.#links.set(link, { at: "closed", codes });
  }

  /** The link has read something that it must refuse; it may do so before it handles what came earlier in the same turn. */
  refuse(link: number): void {
    const state = this.state(link);
    if (state.at === "closed" && state.codes.length > 0)
      this.#links.set(link, { at: "closed", codes: [...state.codes, ...malformed] });
    this.close(link, malformed);
  }

  /** The socket itself was told nonsense: it may end at any moment, before what came earlier was handled. */
  spoil(link: number): void {
    this.#links.set(link, { at: "closed", codes: [] });
  }

  hear(link: number, message: Message): void {
    const state = this.state(link);
    if (state.at === "closed") return;
    if (state.at === "open") return this.#serve(link, state, message);
    if (message.type === "bye") return this.close(link, [1000]);
    if (state.at === "greeting" && message.type === "hello") return this.#hello(link, message);
    if (state.at === "welcomed" && message.type === "start") return this.#start(link, state, message);
    this.refuse(link);
  }

  #hello(link: number, hello: Message): void {
    if (!(hello.protocols as number[]).includes(1) || !(hello.models as number[]).includes(1)) return this.close(link, [4406]);
    if (hello.stage !== "test") return this.close(link, [4412]);
    if (this.#nextConnection(this.held, hello) > 2 ** 52) return this.refuse(link);
    for (const [other, state] of this.#links) if (other !== link && state.at !== "closed") this.close(other, [4409]);
    const offered = new Set((hello.types as { type: string }[]).map((offer) => offer.type));
    const types = typeNames.filter((type) => offered.has(type));
    this.#links.set(link, { at: "welcomed", hello, connection: this.#nextConnection(this.held, hello), types });
  }

  #nextConnection(held: Held, hello: Message): number {
    return Math.max(held.connection, hello.connection as number) + 1;
  }

  /**
   * What `welcome` says decides which of the possible states the portal is in, if it fits one of them; where it fits several, nobody can foretell what comes.
   * `acked`: it holds that much at least.
   */
  welcomed(link: number, welcome: Message, acked: number): "fits" | "fits several" | "does not fit" {
    const state = this.state(link);
    if (state.at !== "welcomed" || JSON.stringify(welcome.types) !== JSON.stringify(state.types)) return "does not fit";
    const fits = (held: Held): boolean => {
      const last = held.epoch === state.hello.epoch ? held.last : null;
      return welcome.last === last && welcome.connection === this.#nextConnection(held, state.hello);
    };
    const found = this.possible.filter((held) => fits(held) && (held.epoch !== this.held.epoch || held.last >= acked));
    const [first] = found;
    if (first === undefined) return "does not fit";
    this.possible = found;
    const same = (held: Held): boolean =>
      held.epoch === first.epoch && held.last === first.last && held.connection === first.connection;
    if (!found.every(same)) return "fits several";
    this.held = snapshot(found.at(-1) as Held);
    this.#links.set(link, { ...state, connection: welcome.connection as number });
    return "fits";
  }

  #start(link: number, { hello, connection, types }: LinkState & { at: "welcomed" }, start: Message): void {
    if (start.connection !== connection || (start.epoch !== hello.epoch && start.renewed === undefined)) return this.refuse(link);
    this.held.connection = connection;
    if (this.held.epoch !== start.epoch)
      Object.assign(this.held, { epoch: start.epoch, last: 0, refused: [], latest: new Map() });
    this.#links.set(link, { at: "open", types });
    this.possible.push(snapshot(this.held));
  }

  #serve(link: number, state: LinkState & { at: "open" }, message: Message): void {
    switch (message.type) {
      case "changes":
        return this.#changes(link, state, message);
      case "received":
        this.received.add(message.id as string);
        return;
      case "bye":
        return this.close(link, [1000]);
      case "hello":
      case "start":
        return this.refuse(link);
    }
  }

  #changes(link: number, { types }: LinkState & { at: "open" }, message: Message): void {
    if ((message.from as number) > this.held.last + 1) return this.refuse(link);
    for (const item of itemsOf(message)) if (item.seq > this.held.last) this.#apply(item, new Set(types));
    this.possible.push(snapshot(this.held));
  }

  #apply(item: Item, types: ReadonlySet<string>): void {
    const { held } = this;
    const key = `${item.type}/${item.id}`;
    held.last = item.seq;
    held.latest.set(key, item.seq);
    const code = this.#refusalOf(item, types);
    if (code !== undefined) {
      held.refused.push({ seq: item.seq, code, key });
      return;
    }
    const before = held.entities.get(key);
    if (item.op === "delete") {
      if (before !== undefined) held.entities.set(key, { ...before, deleted: true });
      return;
    }
    held.entities.set(key, { fields: item.fields, deleted: false, replaced: false });
    const old = `${item.type}/${item.replaces}`;
    const replaced = item.replaces === undefined || item.replaces === item.id ? undefined : held.entities.get(old);
    if (replaced !== undefined) held.entities.set(old, { ...replaced, replaced: true });
  }

  #refusalOf(item: Item, types: ReadonlySet<string>): string | undefined {
    if (!types.has(item.type) || !isEntityId(item.id)) return "invalid";
    if (item.op === "delete") return deleteReasons.has(item.fields.reason) ? undefined : "invalid";
    if (item.withheld.some((field) => !Object.hasOwn(item.fields, field) || item.fields[field] !== null)) return "invalid";
    if (!fitsModel(item.type, item.fields)) return "invalid";
    for (const parent of parentsOf(item.type, item.fields)) {
      const asked = parent.types.filter((type) => types.has(type));
      if (asked.length === 0 || (parent.id === item.id && asked.includes(item.type))) continue;
      const known = asked.some((type) => {
        const found = this.held.entities.get(`${type}/${parent.id}`);
        return found !== undefined && (!found.deleted || found.replaced);
      });
      if (!known) return "unknown-parent";
    }
    return undefined;
  }
}

const deleteReasons = new Set<unknown>(["gone", "cancelled", "out-of-scope", "erased", "merged", "renumbered"]);

function snapshot(held: Held): Held {
  return { ...held, entities: new Map(held.entities), refused: [...held.refused], latest: new Map(held.latest) };
}

/** What an inventory must name: ids by type, with their fields. */
export function liveEntities(held: Held): { type: string; id: string; fields: Record<string, unknown> }[] {
  return [...held.entities].flatMap(([key, entity]) => {
    const at = key.indexOf("/");
    return entity.deleted ? [] : [{ type: key.slice(0, at), id: key.slice(at + 1), fields: entity.fields }];
  });
}
