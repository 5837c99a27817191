/**
 * SQL Server's side of the wire (TDS 7.4), for the connector and the real driver. It proves the connector against the driver, not against the database: it
 * answers only the statements it knows, and what it does not know fails and is told in `refused`. What it does not imitate: comparing decimals by more than
 * equality, collations beyond the case of ASCII letters, locks of single rows (a session that writes holds the whole database), rights to run functions. A login
 * for which a test made a user may what it was granted; every other is the owner.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { TLSSocketOptions } from "node:tls";
import { type Fault, serve } from "./connection.ts";
import { type DatabaseOptions, TdsDatabase } from "./engine/database.ts";
import type { Session } from "./engine/session.ts";
import { SqlError } from "./engine/sql-error.ts";
import type { Login } from "./login.ts";

export interface TdsDouble extends AsyncDisposable {
  readonly port: number;
  readonly database: TdsDatabase;
  /** Every text that was run, in order. */
  readonly statements: string[];
  /** Decides what befalls a statement; undefined: nothing. */
  onStatement: ((text: string, session: Session) => Fault | undefined) | undefined;
  /** Refuses logins; undefined: only by the password. */
  onLogin: ((login: Login) => SqlError | undefined) | undefined;
  /** Breaks every connection, as a restart does. */
  restart(): void;
}

export interface DoubleOptions extends Partial<DatabaseOptions> {
  password?: string;
  /** A loopback address; default 127.0.0.1. */
  host?: string;
  tls?: TLSSocketOptions;
}

/** Starts a double on a free loopback port. */
export async function startTdsDouble({
  password = "secret",
  host = "127.0.0.1",
  tls,
  ...options
}: DoubleOptions = {}): Promise<TdsDouble> {
  const database = new TdsDatabase({ name: "erp", ...options });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(socket, {
      database,
      tls,
      onLogin: (login) => {
        const refused = double.onLogin?.(login);
        if (refused || login.password === password || login.domain !== undefined) return refused;
        return new SqlError(18456, `Login failed for user '${login.user}'.`, { state: 1, severity: 14 });
      },
      onStatement: (text, session) => {
        double.statements.push(text);
        return double.onStatement?.(text, session);
      },
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const double: TdsDouble = {
    port: (server.address() as { port: number }).port,
    database,
    statements: [],
    onStatement: undefined,
    onLogin: undefined,
    restart: () => {
      for (const socket of sockets) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      double.restart();
      await closed(server);
      // Sessions end with their sockets, each in its turn.
      while (database.sessions.size > 0) await new Promise((resolve) => setImmediate(resolve));
      database.close();
    },
  };
  return double;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
