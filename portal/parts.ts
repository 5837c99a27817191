/** The parts of a gateway that its links share. */

import type { Log } from "../base/log.ts";
import type { Clock } from "../base/time.ts";
import type { Digester } from "../protocol/digest.ts";
import type { Types } from "../protocol/model.ts";
import type { Agents } from "./agents.ts";
import type { Apply } from "./apply.ts";
import type { Commands } from "./commands.ts";
import type { Events } from "./events.ts";
import type { Journal } from "./journal.ts";
import type { Known } from "./known.ts";
import type { Refusals } from "./refusals.ts";
import type { Hooks, Limits } from "./settings.ts";
import type { Store } from "./store.ts";
import type { Looks } from "./table-plan.ts";
import type { Turns } from "./turns.ts";

export interface GatewayParts {
  store: Store;
  agents: Agents;
  journal: Journal;
  apply: Apply;
  refusals: Refusals;
  known: Known;
  looks: (accepted: ReadonlySet<string>, types: Types) => Looks;
  turns: Turns;
  commands: Commands;
  events: Events;
  digester: Digester;
  clock: Clock;
  log: Log;
  limits: Limits;
  hooks: Hooks;
}
