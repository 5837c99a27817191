/** The simulated world: one ERP, one portal, the agent's machine, and a copy of it that runs now and then. */
import type { Ways } from "../erp/schema.ts";
import type { ErpServer } from "../erp/server.ts";
import type { Office } from "../history/clerk.ts";
import type { Oracle } from "../oracle/oracle.ts";
import type { AgentMachine } from "./agent-machine.ts";
import type { Network } from "./network.ts";
import type { PortalMachine } from "./portal-machine.ts";
import type { SimulatedTime } from "./time.ts";

export interface World {
  time: SimulatedTime;
  erp: ErpServer;
  office: Office;
  network: Network;
  portal: PortalMachine;
  /** Starts the portal, and whoever watches it begins anew with it. */
  startPortal: () => void;
  agent: AgentMachine;
  clone: AgentMachine;
  oracle: Oracle;
  ways: Ways;
  /** Copies of both stores as they were while the last command was under way. */
  copies: { agent: Copy | undefined; portal: Copy | undefined };
}

/** A store as it was at a moment, ms since the beginning; undefined when there was none. */
export interface Copy {
  content: Uint8Array | undefined;
  at: number;
}
