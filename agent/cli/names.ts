/** Names that a person gave on the command line, compared with what the configuration has. */
import { FuserError } from "../../base/errors.ts";
import { didYouMean } from "../../base/nearest.ts";
import type { Config, Source } from "../../config/config.ts";

/** @throws FuserError `not-found-source` with the nearest known name; nothing is wrong with no name at all */
export function requireSource(config: Config, name: string | undefined): void {
  if (name === undefined || config.sources.some((source) => source.name === name)) return;
  throw unknownSource(
    name,
    config.sources.map((source) => source.name),
  );
}

/** The sources that a source's or a type's name means. @throws FuserError `not-found-source` */
export function sourcesOf(config: Config, typeOrSource: string): readonly Source[] {
  const found = config.sources.filter((source) => source.name === typeOrSource || source.type === typeOrSource);
  if (found.length > 0) return found;
  throw unknownSource(typeOrSource, [...new Set(config.sources.flatMap(({ name, type }) => [name, type]))]);
}

function unknownSource(name: string, known: readonly string[]): FuserError {
  return new FuserError("rejected", `There is no source called ${name.slice(0, 100)}`, {
    code: "not-found-source",
    operation: "find a source",
    hint: didYouMean(name, known),
  });
}
