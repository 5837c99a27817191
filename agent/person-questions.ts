/**
 * What the portal asks about persons: which ones fit somebody whom it knows (`person.match`), and that one of them is meant (`link`). Answered from facts, nothing is written
 * in the ERP. Whom it has asked about is remembered as hashes, until it is linked: somebody who comes to stand in the ERP later is then found as well.
 */
import { decodeKey, splitId } from "../base/key.ts";
import type { Clock } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Json } from "../protocol/model.ts";
import type { Offer } from "./channel/greeting.ts";
import type { Compiled } from "./compile.ts";
import { rejection } from "./map/reader-texts.ts";
import { type Asked, isTelling, type Match, matchesOf } from "./quality/matching.ts";
import { nameOf } from "./quality/person-name.ts";
import { askedPersons } from "./store/asked-persons.ts";
import type { Store } from "./store/store.ts";
import type { Answer, Questions, ResolvedCommand } from "./writeback/parts.ts";

/** Values of each; all of them may be left out. */
const fields = {
  "person.match": ["companyName", "email", "firstName", "lastName", "portalId", "unitId"],
  link: ["portalId"],
} as const;
type Name = keyof typeof fields;

/** Persons of one answer, at the most. */
const mostMatches = 20;
const longestValue = 500;
const dayMs = 86_400_000;

/** For `hello`. */
export function offeredQuestions({ persons }: Pick<Config, "persons">): Offer["commands"] {
  if (!persons.match) return [];
  return Object.entries(fields).map(([type, names]) => ({ type, fields: names.map((name) => ({ name, owner: "portal" })) }));
}

export interface QuestionParts {
  config: Pick<Config, "sources" | "persons" | "erp">;
  compiled: Pick<Compiled, "mappings">;
  store: Store;
  clock: Clock;
  /** Whether all facts are known, or as many as there are to be. */
  isReady: () => boolean;
}

export interface PersonQuestions extends Questions {
  /** Looks once more for all who were asked about and are not linked. Where nobody may ask any more they are forgotten, with what was found of them. */
  lookAgain(): void;
}

export function personQuestions(parts: QuestionParts): PersonQuestions {
  const { config, compiled, store, clock, isReady } = parts;
  const remembered = askedPersons(store.meta);
  /** Commits of the store, and the day, when all were looked for last: with the same nobody else is found. */
  let lookedAt: string | undefined;
  const today = (): number => dayIn(config.erp.timezone, clock.now());
  const find = (asked: Asked, day: number): readonly Match[] => {
    const isThere = ({ source, key }: Match): boolean => store.entities.known(source, key);
    return matchesOf(asked, store.facts, { today: day, most: mostMatches }).filter(isThere);
  };
  /** One finding at each person who is probably the one that the portal has added by hand. */
  const report = (portalId: string, matches: readonly Match[]): void => {
    const raised = matches.filter(isTelling).map(({ source, key, reasons }) => ({
      ...{ rule: "person-maybe-known" as const, source, key, field: "", other: "" },
      params: { portal: portalId, reasons: reasons.join(", ") },
    }));
    store.findings.replace(store.facts.hash("portal-person", portalId), raised, clock.now());
  };
  const idOf = ({ source, key }: Match): string => compiled.mappings.find((one) => one.source === source)?.idOf(key) ?? key;
  /** One whose key was given to somebody new is no longer there. */
  const placeOf = (type: string, id: string): { source: string; key: string } | undefined => {
    const place = placeOfId(config, type, id);
    const stands = place && compiled.mappings.find((one) => one.source === place.source)?.idOf(place.key);
    return stands === undefined || stands === id ? place : undefined;
  };
  const match = (values: Values): Answer => {
    if (!isReady()) return { kind: "later" };
    const unit = values.unitId === undefined ? undefined : placeOf("unit", values.unitId);
    if (values.unitId !== undefined && unit === undefined)
      return { kind: "rejected", error: rejection("reference-unknown", "unitId") };
    const name = nameOf(values);
    const asked: Asked = {
      ...(name !== undefined && { name: store.facts.hash("name", name) }),
      ...(values.email !== undefined && { email: store.facts.hash("email", values.email.trim().toLowerCase()) }),
      ...(unit && { unit: store.facts.selfOf(unit.source, unit.key) }),
    };
    const matches = find(asked, today());
    const { portalId } = values;
    if (portalId !== undefined)
      store.transaction(() => {
        for (const forgotten of remembered.add(portalId, asked, clock.now())) report(forgotten, []);
        report(portalId, matches);
      }, "person-asked");
    return { kind: "said", details: { matches: matches.map((one) => ({ id: idOf(one), reasons: [...one.reasons] })) } };
  };
  const link = (command: ResolvedCommand, { portalId }: Values): Answer => {
    const { entity } = command;
    const place = entity?.type === "person" ? placeOf("person", entity.id) : undefined;
    if (entity === undefined || place === undefined || !store.entities.known(place.source, place.key))
      return { kind: "rejected", error: rejection("entity-unknown") };
    if (portalId !== undefined)
      store.transaction(() => {
        remembered.remove(portalId);
        report(portalId, []);
      }, "person-linked");
    return { kind: "said", details: { entity } };
  };
  return {
    has: (type) => config.persons.match && Object.hasOwn(fields, type),
    answer(command) {
      const name = command.command as Name;
      const values = readValues(command.values as Record<string, Json>, fields[name]);
      if ("wrong" in values) return { kind: "rejected", error: rejection(values.code, values.wrong) };
      return name === "link" ? link(command, values.read) : match(values.read);
    },
    lookAgain() {
      if (!remembered.any()) return;
      const forgotten = config.persons.match ? remembered.old(clock.now()) : remembered.list().map(({ portalId }) => portalId);
      if (forgotten.length > 0)
        store.transaction(() => {
          for (const portalId of forgotten) {
            remembered.remove(portalId);
            report(portalId, []);
          }
        }, "person-asked");
      const day = today();
      if (lookedAt === `${store.commits} ${day}` || !isReady()) return;
      store.transaction(() => {
        for (const { portalId, asked } of remembered.list()) report(portalId, find(asked, day));
      }, "person-asked");
      lookedAt = `${store.commits} ${day}`;
    },
  };
}

type Values = Partial<Record<(typeof fields)["person.match"][number], string>>;

function readValues(
  values: Readonly<Record<string, Json>>,
  known: readonly string[],
): { read: Values } | { wrong: string; code: "field-unknown" | "value-invalid" } {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== "");
  for (const [name, value] of given) {
    if (!known.includes(name)) return { wrong: name, code: "field-unknown" };
    if (typeof value !== "string" || value.length > longestValue) return { wrong: name, code: "value-invalid" };
  }
  return { read: Object.fromEntries(given) as Values };
}

/** Source and key behind an id of the portal's. */
function placeOfId({ sources }: Pick<Config, "sources">, type: string, id: string): { source: string; key: string } | undefined {
  const { prefix, key } = splitId(id);
  const source = sources.find((one) => one.type === type && one.prefix === prefix);
  return source && decodeKey(key)?.length === source.key.length ? { source: source.name, key } : undefined;
}

/** Days since 1970-01-01 of the local date. */
const dayIn = (timeZone: string, now: number): number =>
  Date.parse(new Intl.DateTimeFormat("sv-SE", { timeZone }).format(now)) / dayMs;
