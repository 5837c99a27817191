import type pg from "pg";
import type { ConnectorContext, Value } from "../connector.ts";
import type { Statement } from "../statement.ts";

/** What the feed needs of the connector: short questions on its connections, and sessions that speak the replication protocol. */
export interface FeedServer {
  /** Rows of a short SELECT, all of their values as text. */
  ask(statement: Statement | string, operation: string, signal: AbortSignal): Promise<Answer[]>;
  /** A session for replication, its settings those of sessions that read: a value has the same text in both. The caller ends it. */
  open(signal: AbortSignal): Promise<pg.Client>;
  /** Gives an error of the driver its kind, code and hint. */
  error(error: unknown, operation: string): unknown;
  /** What a value of this type means, from its text. */
  decoder(type: number): (text: string) => Value;
  quote(identifier: string): string;
  /** Time between batches of a quiet server, ms. */
  readonly beatMs: number;
  /** Where the server is, for errors. */
  readonly place: string;
  readonly database: string;
  readonly user: string;
  readonly context: ConnectorContext;
}

export type Answer = Readonly<Record<string, string | null>>;
