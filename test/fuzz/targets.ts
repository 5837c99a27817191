import { configuration } from "./configuration.ts";
import { framesAgent } from "./frames-agent.ts";
import { framesPortal } from "./frames-portal.ts";
import { rows } from "./rows.ts";
import type { Target } from "./target.ts";

export const targets: readonly Target[] = [framesPortal, framesAgent, configuration, rows];
