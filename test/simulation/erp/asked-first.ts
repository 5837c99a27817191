/** Whether one agent's process asks the ERP who it is before anything else, once it has found it away; and so at its start. It shares no code with the agent. */
import type { ErpServer } from "./server.ts";

export interface AskedFirst {
  /** A statement found nobody, or lost its connection. */
  away(): void;
  /** The question who it is was answered. `beganAt`: ms since the beginning. */
  answered(beganAt: number): void;
  /** A statement is answered that began then. */
  served(what: string, beganAt: number): void;
}

export function askedFirst(server: ErpServer): AskedFirst {
  let awayAt: number | undefined = server.time.now;
  return {
    away() {
      awayAt = server.time.now;
    },
    answered(beganAt) {
      if (awayAt !== undefined && beganAt >= awayAt) awayAt = undefined;
    },
    served(what, beganAt) {
      if (awayAt !== undefined && beganAt > awayAt) server.tellUnasked(what);
    },
  };
}
