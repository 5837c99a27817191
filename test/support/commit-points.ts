import type { NamedPoint } from "../../agent/commit-points.ts";

/** Every named moment of a command's way, in its order: where tests kill the agent. */
export const commitPoints: readonly NamedPoint[] = [
  "before-claim-commit",
  "after-claim-commit",
  "before-erp-commit",
  "after-erp-commit",
  "before-conclude-commit",
  "after-conclude-commit",
  "before-reply",
  "after-reply",
];
