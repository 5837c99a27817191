/** `quality:` with what is not written filled in. */
import path from "node:path";
import type { DeliverConfig, QualityConfig } from "./config.ts";
import type { FileNode } from "./schema.ts";

export function resolveQuality({ rules, actions, placeholder, throwaway, staff }: FileNode["quality"]): QualityConfig {
  return {
    rules,
    actions,
    placeholder: { patterns: placeholder.patterns ?? [], marked: placeholder.marked ?? [] },
    throwaway: { domains: throwaway.domains ?? [] },
    staff: { domains: staff.domains ?? [] },
  };
}

/** `quality: deliver:`; apart from the rules, since nothing is judged otherwise because of it. @param file of the configuration */
export function resolveDeliver({ deliver }: FileNode["quality"], file: string): DeliverConfig | undefined {
  if (deliver === undefined) return undefined;
  const { folder, team, ...others } = deliver;
  const { column = "", teams = {} } = team ?? {};
  return { ...others, folder: path.resolve(path.dirname(file), folder), column, teams };
}
