import { FuserError } from "../../base/errors.ts";
import type { Guard } from "../store/store.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { heldMeanings } from "./held-words.ts";
import { countOf } from "./options.ts";
import { table } from "./output.ts";
import { ask, withState } from "./state.ts";
import { when } from "./times.ts";

/** `erpfuser guard show|approve|reject`: deletes, lost values and moves that wait for a person. */
export const guard: Register = (program, start) => {
  const group = program.command("guard").description("Deletes, lost values and moves that wait for a person's decision");

  group
    .command("show")
    .description("Show what is held")
    .argument("[guard]", "number of one guard, to list its keys", countOf)
    .action(
      start(async (session, [number]) => {
        const config = await readConfiguration(session);
        return await withState(session, config, (state) => {
          if (number !== undefined && state.guards.get(Number(number)) === undefined) throw unknownGuard(number);
          const guards = state.guards.list().filter(({ id }) => number === undefined || id === Number(number));
          const shown = guards.map(({ since, ...entry }) => ({
            ...entry,
            since: new Date(since).toISOString(),
            ...(number === undefined ? {} : { keys: state.pending.heldBy(entry.id).map(({ key }) => key) }),
          }));
          session.out.result({ guards: shown }, () =>
            guards.length === 0
              ? ["Nothing is held."]
              : [
                  ...table([
                    ["GUARD", "SOURCE", "STATE", "HELD", "OF", "SINCE", "WHY"],
                    ...guards.map((entry) => [
                      String(entry.id),
                      entry.source,
                      entry.state,
                      String(entry.count),
                      String(entry.of),
                      when(entry.since),
                      whyOf(entry),
                    ]),
                  ]),
                  ...shown.flatMap((entry) => ("keys" in entry ? (entry.keys as string[]) : [])),
                ],
          );
          return exitCodes.ok.code;
        });
      }),
    );

  for (const decision of ["approve", "reject"] as const) {
    group
      .command(decision)
      .description(decision === "approve" ? "Send what is held" : "Keep the entities at the portal as they are")
      .argument("<guard>", "its number, as `guard show` prints it", countOf)
      .action(
        start(async (session, [number]) => {
          const config = await readConfiguration(session);
          const answer = await ask(session, config, { kind: "guard", guard: Number(number), decision });
          session.out.result(answer, () => [answer.message]);
          return exitCodes.ok.code;
        }),
      );
  }
};

function whyOf({ kind, fields }: Guard): string {
  return fields.length === 0 ? heldMeanings[kind] : `${heldMeanings[kind]}: ${fields.join(", ")}`;
}

function unknownGuard(number: string): FuserError {
  return new FuserError("rejected", `There is no guard ${number}`, {
    code: "guard-unknown",
    operation: "show a guard",
    hint: "See `erpfuser guard show`",
  });
}
