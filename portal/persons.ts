/**
 * Persons of two worlds: those whom the ERP has sent, and those whom somebody has added here by hand. Nobody is taken for another by name or e-mail: a person is asked for in
 * the ERP (`person.match`), somebody decides, and a `link` that the agent has confirmed makes one of two. The ERP's id survives, also where the ERP renumbers later.
 */
import { FuserError } from "../base/errors.ts";
import type { Clock, Random } from "../base/time.ts";
import type { Result } from "../protocol/messages.ts";
import type { Fields, Json } from "../protocol/model.ts";
import type { CommandOrder } from "./commands.ts";
import { newCommandId } from "./ids.ts";
import type { Store } from "./store.ts";
import { successionsIn } from "./successions.ts";

export interface OwnPerson {
  id: string;
  fields: Fields;
  createdAt: number;
  /** The ERP's person that it was linked with. */
  personId: string | undefined;
  /** What the last answer named; undefined before there is one. */
  matches: Result["matches"];
}

/** A person, whoever knows of it. */
export interface OnePerson {
  /** The ERP's where there is one. */
  id: string;
  /** Ids under which it was added here. */
  own: readonly string[];
  /** What the ERP says, and of what it says nothing what was entered here. */
  fields: Fields;
}

export interface Persons {
  /** Adds a person by hand; returns its id. `email` and `unitId` are what it may be found by, beside the names of the model. */
  add(agentId: string, fields: Fields): string;
  /** Asks the ERP who fits; returns the command's id. @throws FuserError `person-unknown`, and as `issue` */
  match(agentId: string, id: string): string;
  /** Says which person of the ERP it is; returns the command's id. It holds once the result is `applied`. @throws FuserError `person-unknown`, `person-linked`, and as `issue` */
  link(agentId: string, id: string, personId: string): string;
  list(agentId: string): OwnPerson[];
  /** By either id. */
  find(agentId: string, id: string): OnePerson | undefined;
}

interface OwnRow {
  id: string;
  fields: string;
  created_at: number;
  match_result: string | null;
  link_result: string | null;
}

export interface PersonParts {
  store: () => Store;
  clock: Clock;
  random: Random;
  issue(agentId: string, order: CommandOrder): string;
}

/** The last one that was carried out, found by what it names: what holds is what the agent has said, and nothing else has to be noted. */
const lastResult = (command: "person.match" | "link"): string =>
  `(SELECT c.result FROM command c WHERE c.type = '${command}' AND json_extract(c.body, '$.values.portalId') = o.id
      AND c.agent_id = o.agent_id AND c.outcome = 'applied' ORDER BY c.n DESC LIMIT 1)`;

/** What of an own person the question holds. */
const asked = ["firstName", "lastName", "companyName", "email", "unitId"] as const;

export function personsIn(parts: PersonParts): Persons {
  const { clock, random, issue } = parts;
  const currentId = (agentId: string, type: string, id: string): string =>
    successionsIn(parts.store()).currentId(agentId, type, id);
  const toPerson = (agentId: string, row: OwnRow): OwnPerson => {
    const said = (result: string | null): Partial<Result> => JSON.parse(result ?? "{}") as Partial<Result>;
    const personId = said(row.link_result).entity?.id;
    return {
      ...{ id: row.id, fields: JSON.parse(row.fields) as Fields, createdAt: row.created_at },
      personId: personId && currentId(agentId, "person", personId),
      matches: row.match_result === null ? undefined : (said(row.match_result).matches ?? []),
    };
  };
  const list = (agentId: string): OwnPerson[] =>
    parts
      .store()
      .all<OwnRow>(
        `SELECT o.id, o.fields, o.created_at, ${lastResult("person.match")} AS match_result, ${lastResult("link")} AS link_result
         FROM own_person o WHERE o.agent_id = ? ORDER BY o.created_at, o.id`,
        agentId,
      )
      .map((row) => toPerson(agentId, row));
  const own = (agentId: string, id: string): OwnPerson => {
    const found = list(agentId).find((person) => person.id === id);
    if (found === undefined) throw refused("person-unknown", "Nobody was added by hand under this id.");
    return found;
  };
  return {
    list,
    add(agentId, fields) {
      const id = `own-${newCommandId(clock, random)}`;
      const sql = "INSERT INTO own_person (id, agent_id, fields, created_at) VALUES (?, ?, ?, ?)";
      parts.store().run(sql, id, agentId, JSON.stringify(fields), clock.now());
      return id;
    },
    match(agentId, id) {
      const { fields } = own(agentId, id);
      const known = asked.flatMap((name): [string, Json][] => {
        const value = fields[name];
        if (typeof value !== "string" || value === "") return [];
        return [[name, name === "unitId" ? currentId(agentId, "unit", value) : value]];
      });
      const values = { ...Object.fromEntries(known), portalId: id };
      return issue(agentId, { command: "person.match", values });
    },
    link(agentId, id, personId) {
      if (own(agentId, id).personId !== undefined) throw refused("person-linked", "This person is linked already.");
      const entity = { type: "person", id: personId };
      return issue(agentId, { command: "link", entity, values: { portalId: id } });
    },
    find(agentId, id) {
      const all = list(agentId);
      const mine = all.find((person) => person.id === id);
      const stands = mine === undefined ? currentId(agentId, "person", id) : mine.personId;
      if (mine !== undefined && stands === undefined) return { id, own: [id], fields: mine.fields };
      const sql = "SELECT fields FROM entity WHERE agent_id = ? AND type = 'person' AND id = ? AND deleted_at IS NULL";
      const row = parts.store().get<{ fields: string }>(sql, agentId, stands as string);
      const joined = all.filter(({ personId }) => personId === stands);
      if (row === undefined && joined.length === 0) return undefined;
      const said = row === undefined ? {} : (JSON.parse(row.fields) as Fields);
      const fields = Object.assign({}, ...joined.map((person) => person.fields), said) as Fields;
      return { id: stands as string, own: joined.map((person) => person.id), fields };
    },
  };
}

function refused(code: string, message: string): FuserError {
  return new FuserError("rejected", message, {
    code,
    operation: "join persons",
    hint: "Look at the persons that were added by hand.",
  });
}
