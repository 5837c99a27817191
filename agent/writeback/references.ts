/** Commands refer to entities that other commands create: whose turn it is, and what the references mean by now. Pure but for looking commands up. */
import type { Command } from "../../protocol/messages.ts";
import type { Json } from "../../protocol/model.ts";
import type { InboxCommand } from "../store/store.ts";
import type { ResolvedCommand } from "./parts.ts";
import type { ReplyCode } from "./replies.ts";

type Find = (id: string) => InboxCommand | undefined;

export type Resolved =
  | { kind: "ready"; command: ResolvedCommand }
  /** A command that creates what this one needs is not finished. */
  | { kind: "blocked" }
  | { kind: "rejected"; code: ReplyCode };

/** Replaces every `{createdBy: id}` by the id of the entity that the command made. */
export function resolveReferences(command: Command, find: Find): Resolved {
  const fate: { blocked: boolean; code: ReplyCode | undefined } = { blocked: false, code: undefined };
  const entityOf = (id: string): { type: string; id: string } | undefined => {
    const made = madeBy(find(id));
    if (made === "pending") fate.blocked = true;
    else if (typeof made === "string") fate.code ??= made;
    else return made;
    return undefined;
  };
  const { entity, values, ...rest } = command;
  const resolved: ResolvedCommand = { ...rest, values: replaceIn(values, entityOf) as Command["values"] };
  if (entity !== undefined) {
    const target = "createdBy" in entity ? entityOf(entity.createdBy) : entity;
    if (target !== undefined) resolved.entity = target;
  }
  if (fate.code !== undefined) return { kind: "rejected", code: fate.code };
  return fate.blocked ? { kind: "blocked" } : { kind: "ready", command: resolved };
}

/** What a command has made: an entity, nothing yet, or why nothing will come of it. */
function madeBy(creator: InboxCommand | undefined): { type: string; id: string } | "pending" | ReplyCode {
  if (creator === undefined) return "reference-unknown";
  switch (creator.state) {
    case "received":
    case "executing":
    case "waiting":
      return "pending";
    case "uncertain":
      return "predecessor";
    case "finished":
    case "settled":
      return creator.result?.outcome === "applied" && creator.result.entity !== undefined ? creator.result.entity : "predecessor";
  }
}

/** Replaces references at any depth; anything else stays as it is. */
function replaceIn(value: Json, entityOf: (id: string) => { id: string } | undefined): Json {
  if (Array.isArray(value)) return value.map((item: Json) => replaceIn(item, entityOf));
  if (value === null || typeof value !== "object") return value;
  const object = value as { readonly [key: string]: Json };
  const keys = Object.keys(object);
  if (keys.length === 1 && typeof object.createdBy === "string") return entityOf(object.createdBy)?.id ?? null;
  return Object.fromEntries(keys.map((key) => [key, replaceIn(object[key] as Json, entityOf)]));
}

/** True when an uncertain command stands before this one: on the same entity, or as its named predecessor. */
export function isBehindUncertain(command: Command, uncertain: readonly InboxCommand[], find: Find): boolean {
  if (uncertain.length === 0) return false;
  const own = laneOf(command, find);
  return uncertain.some(
    (other) =>
      other.id !== command.id &&
      (other.id === command.after || (other.command !== undefined && laneOf(other.command, find) === own)),
  );
}

/** One name for an entity, whether it is named by its id or by the command that creates it. */
function laneOf(command: Command, find: Find): string {
  const { entity } = command;
  if (entity !== undefined && !("createdBy" in entity)) return `${entity.type}:${entity.id}`;
  const creator = entity?.createdBy ?? command.id;
  const made = find(creator)?.result?.entity;
  return made === undefined ? `createdBy:${creator}` : `${made.type}:${made.id}`;
}
