import type { z } from "zod";
import type { Connector, ConnectorContext, Dialect } from "./connector.ts";
import type { GrantScript } from "./grants.ts";

/** Reads a secret by its name, afresh at each call, so that a rotated one is used at the next connect. */
export type ReadSecret = (name: string) => Promise<string>;

/** One kind of database, as the registry lists it. */
export interface ConnectorModule<Settings = unknown> {
  name: string;
  /** The keys under `erp:` besides connector, timezone and courtesy. Scalars arrive as text (failsafe YAML). */
  settings: z.ZodType<Settings>;
  dialect: Dialect;
  /** Scripts for the DBA, made without any connection; absent where the connector has none yet. */
  grants?(settings: Settings): GrantScript;
  /**
   * Prepares a connector; nothing is connected before the first call of it.
   * @throws FuserError config when the settings can't work on this machine
   */
  open(settings: Settings, secret: ReadSecret, context: ConnectorContext): Promise<Connector>;
}
