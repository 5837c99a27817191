/** `quality:` with what is not written filled in. */
import type { QualityConfig } from "./config.ts";
import type { FileNode } from "./schema.ts";

export function resolveQuality({ rules, actions, placeholder }: FileNode["quality"]): QualityConfig {
  return {
    rules,
    actions,
    placeholder: { patterns: placeholder.patterns ?? [], marked: placeholder.marked ?? [] },
  };
}
