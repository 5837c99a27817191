import type { Config, Source } from "../../config/config.ts";
import { keyBefore } from "../capture/key-before.ts";
import { lineageOf } from "../map/lineage.ts";
import type { StoreReader } from "../store/store.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { requireSource } from "./names.ts";
import { durationOption } from "./options.ts";
import { table } from "./output.ts";
import { type Renumbering, readRenumberings } from "./rekey-file.ts";
import { ask, withState } from "./state.ts";

const standardMs = 30 * 86_400_000;

interface Options {
  from: string;
  source: string | undefined;
  for: number | undefined;
  merged: boolean;
  dryRun: boolean;
}

/** `erpfuser rekey --from FILE`: records that the ERP is about to renumber go on under their new ids, with all that hangs on them. */
export const rekey: Register = (program, start) => {
  program
    .command("rekey")
    .description("Announce a renumbering in the ERP: each new record continues its old one, and no guard holds their deletes")
    .requiredOption("--from <file>", "CSV file with the columns old and new (and source), keys as the ERP has them")
    .option("--source <source>", "source of all lines")
    .addOption(durationOption("--for <duration>", "how long it is expected; default 30d"))
    .option("--merged", "the old records are merged into the new ones, which may be there already", false)
    .option("--dry-run", "only count what it would concern", false)
    .action(
      start(async (session, _, options) => {
        const { from, source, for: ms = standardMs, merged, dryRun } = options as unknown as Options;
        const config = await readConfiguration(session);
        requireSource(config, source);
        const given = readRenumberings(from, config.sources, source);
        const counts = await withState(session, config, (state) => given.map((one) => countOf(state, config, one)));
        const answers: string[] = [];
        const until = session.clock.now() + ms;
        if (!dryRun) {
          for (const {
            source: { name },
            pairs,
          } of given)
            answers.push((await ask(session, config, { kind: "rekey", source: name, pairs, until, merged })).message);
        }
        session.out.result({ announced: !dryRun, until: new Date(until).toISOString(), sources: counts }, () => [
          ...table([
            ["SOURCE", "PAIRS", "OLD KNOWN", "NEW KNOWN", "UNKNOWN", "FOLLOWING"],
            ...counts.map(({ source: name, pairs, oldKnown, newKnown, unknown, following }) => [
              ...[name, String(pairs), String(oldKnown), String(newKnown), String(unknown)],
              Object.entries(following)
                .map(([child, count]) => `${count} ${child}`)
                .join(", ") || "-",
            ]),
          ]),
          ...(dryRun ? ["Nothing was announced."] : answers),
        ]);
        return exitCodes.ok.code;
      }),
    );
};

interface Count {
  source: string;
  pairs: number;
  /** Of these the portal holds the old record, and the new one already. */
  oldKnown: number;
  newKnown: number;
  /** Neither: a wrong key, or one that was sent neither. */
  unknown: number;
  /** By source: records whose own key holds the old one, so that it changes as well. */
  following: Record<string, number>;
}

function countOf({ entities }: StoreReader, config: Config, { source, pairs }: Renumbering): Count {
  const { name } = source;
  const old = pairs.filter((pair) => entities.known(name, pair.old));
  const following: Record<string, number> = {};
  follow(entities, config, { source: name, pairs: old, following });
  return {
    source: name,
    pairs: pairs.length,
    oldKnown: old.length,
    newKnown: pairs.filter(({ next }) => entities.known(name, next)).length,
    unknown: pairs.filter((pair) => !entities.known(name, pair.old) && !entities.known(name, pair.next)).length,
    following,
  };
}

/** So many of each record's dependents are looked at. */
const mostDependents = 10_000;

interface Followed {
  source: string;
  pairs: Renumbering["pairs"];
  following: Record<string, number>;
}

/** Counts what hangs on the old records and has their key within its own, then what hangs on that. */
function follow(entities: StoreReader["entities"], config: Config, { source, pairs, following }: Followed): void {
  if (pairs.length === 0) return;
  const found = entities.dependentsOf(
    source,
    pairs.map(({ old }) => old),
    mostDependents,
  );
  const moved = new Map<Source, { old: string; next: string }[]>();
  for (const [index, places] of found.entries()) {
    const { old, next } = pairs[index] as Renumbering["pairs"][number];
    for (const place of places) {
      const child = config.sources.find(({ name }) => name === place.source);
      if (child === undefined) continue;
      const keys = lineageOf(child)
        .filter((lineage) => lineage.source === source)
        .map((lineage) => keyBefore(lineage, place.key, { from: next, to: old }));
      const key = keys.find((one) => one !== undefined);
      if (key !== undefined) moved.set(child, [...(moved.get(child) ?? []), { old: place.key, next: key }]);
    }
  }
  for (const [child, children] of moved) {
    following[child.name] = (following[child.name] ?? 0) + children.length;
    follow(entities, config, { source: child.name, pairs: children, following });
  }
}
