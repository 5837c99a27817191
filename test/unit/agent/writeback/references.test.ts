import { expect, test } from "vitest";
import type { CommandState, InboxCommand } from "../../../../agent/store/store.ts";
import { isBehindUncertain, resolveReferences } from "../../../../agent/writeback/references.ts";
import type { Command, Outcome } from "../../../../protocol/messages.ts";

const message = (more: Partial<Command> = {}): Command => ({
  type: "command",
  id: "COMMAND-1",
  command: "ticket.update",
  values: {},
  issuedAt: "2026-11-22T06:00:00Z",
  ...more,
});

function known(
  id: string,
  state: CommandState,
  more: { outcome?: Outcome; entity?: string; message?: Partial<Command> } = {},
): InboxCommand {
  const entity = more.entity === undefined ? {} : { entity: { type: "ticket", id: more.entity } };
  return {
    ...{
      id,
      state,
      mayBeRepeated: false,
      receivedAt: 0,
      attempts: 0,
      notBefore: 0,
      approved: false,
      settledRevision: 0,
      settledAt: undefined,
      source: undefined,
      key: undefined,
    },
    command: message({ id, ...more.message }),
    result: more.outcome === undefined ? undefined : { type: "result", id, revision: 1, outcome: more.outcome, ...entity },
  };
}

const find =
  (...commands: InboxCommand[]) =>
  (id: string) =>
    commands.find((command) => command.id === id);

test("References are replaced at any depth, and everything else stays as it is", () => {
  const creator = known("CREATOR-1", "settled", { outcome: "applied", entity: "T.1" });
  const values = {
    ticketId: { createdBy: "CREATOR-1" },
    list: [{ createdBy: "CREATOR-1" }, "CREATOR-1", null],
    deep: { subject: { createdBy: "CREATOR-1" }, createdBy: "somebody" },
    text: "createdBy",
  };
  expect(resolveReferences(message({ values }), find(creator))).toMatchObject({
    kind: "ready",
    command: {
      values: {
        ticketId: "T.1",
        list: ["T.1", "CREATOR-1", null],
        deep: { subject: "T.1", createdBy: "somebody" },
        text: "createdBy",
      },
    },
  });
});

test("What becomes of a reference depends on where its command stands", () => {
  const kindOf = (creator: InboxCommand | undefined): string => {
    const resolved = resolveReferences(message({ entity: { createdBy: "CREATOR-1" } }), () => creator);
    return resolved.kind === "rejected" ? resolved.code : resolved.kind;
  };
  for (const state of ["received", "executing", "waiting"] as const) expect(kindOf(known("CREATOR-1", state))).toBe("blocked");
  expect(kindOf(known("CREATOR-1", "uncertain", { outcome: "uncertain" }))).toBe("predecessor");
  for (const outcome of ["rejected", "conflict", "expired"] as const) {
    expect(kindOf(known("CREATOR-1", "finished", { outcome }))).toBe("predecessor");
  }
  expect(kindOf(known("CREATOR-1", "finished", { outcome: "applied", entity: "T.1" }))).toBe("ready");
  expect(kindOf(known("CREATOR-1", "settled", { outcome: "applied" }))).toBe("predecessor");
  expect(kindOf(undefined)).toBe("reference-unknown");
});

test("A refusal weighs more than waiting: nothing waits for what can't come", () => {
  const values = { one: { createdBy: "WAITING-1" }, two: { createdBy: "NEVER-SEEN" } };
  expect(resolveReferences(message({ values }), find(known("WAITING-1", "waiting")))).toEqual({
    kind: "rejected",
    code: "reference-unknown",
  });
});

test("A command stands behind an uncertain one whether the entity is named by id or by its creator", () => {
  const creator = known("CREATOR-1", "settled", { outcome: "applied", entity: "T.1", message: { command: "ticket.create" } });
  const byId = known("UNCERTAIN", "uncertain", { message: { entity: { type: "ticket", id: "T.1" } } });
  const byCreator = known("UNCERTAIN", "uncertain", { message: { entity: { createdBy: "CREATOR-1" } } });
  const lookUp = find(creator);
  for (const uncertain of [byId, byCreator]) {
    expect(isBehindUncertain(message({ entity: { type: "ticket", id: "T.1" } }), [uncertain], lookUp)).toBe(true);
    expect(isBehindUncertain(message({ entity: { createdBy: "CREATOR-1" } }), [uncertain], lookUp)).toBe(true);
    expect(isBehindUncertain(message({ entity: { type: "ticket", id: "T.2" } }), [uncertain], lookUp)).toBe(false);
    expect(isBehindUncertain(message({ entity: { type: "unit", id: "T.1" } }), [uncertain], lookUp)).toBe(false);
    expect(isBehindUncertain(message({ after: "UNCERTAIN" }), [uncertain], lookUp)).toBe(true);
    expect(isBehindUncertain(message(), [uncertain], lookUp)).toBe(false);
  }
});

test("Behind an uncertain creator stands what is about its entity", () => {
  const creator = known("CREATOR-1", "uncertain", { outcome: "uncertain", message: { command: "ticket.create" } });
  expect(isBehindUncertain(message({ entity: { createdBy: "CREATOR-1" } }), [creator], find(creator))).toBe(true);
});
