/** A server that a user names with `npm run contract -- --connector NAME --url URL`: where it is, and what the suite may do there. */
import type { Syntax } from "../../../connectors/source-select.ts";
import type { Subject } from "./subject.ts";

/** Every table of the suite begins so; no other is ever made, written or dropped on a server that a user names. */
export const tablePrefix = "fusertest_";

export interface NamedPlace {
  connector: string;
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

/** A look at the named database before the suite and after it. */
export interface NamedLook extends AsyncDisposable {
  tables(): Promise<string[]>;
  /** For tables of the suite alone. */
  drop(table: string): Promise<void>;
  /** What the server's parser has against a statement; undefined where it is well-formed, its tables being there or not. Runs nothing. */
  parse(text: string): Promise<string | undefined>;
}

export interface NamedServer {
  /** The usual one. */
  port: number;
  syntax: Syntax;
  /** The suite's way to it. `rawRows`: where a connector has two ways to read. */
  subject(place: NamedPlace, settings: { rawRows?: boolean }): Promise<Subject>;
  look(place: NamedPlace): Promise<NamedLook>;
}

/** Environment variables by which the run tells its tests what to run against. */
export const contractEnv = {
  connector: "ERPFUSER_CONTRACT_CONNECTOR",
  url: "ERPFUSER_CONTRACT_URL",
  password: "ERPFUSER_CONTRACT_PASSWORD",
  /** File to which each unsupported power is written once it was seen to be refused. */
  refusals: "ERPFUSER_CONTRACT_REFUSALS",
} as const;

/**
 * Reads `mysql://user@host:port/database`.
 * @throws Error that says what is wrong; a password is refused, for others see the arguments of a process
 */
export function namedPlace(text: string, connector: string, usualPort: number): Omit<NamedPlace, "password"> {
  const form = `${connector}://user@host:port/database`;
  if (!URL.canParse(text)) throw new Error(`--url is not of the form ${form}`);
  const url = new URL(text);
  if (url.password !== "") {
    throw new Error(`--url holds a password, which others can see: leave it out, and type it or set ${contractEnv.password}`);
  }
  const database = decodeURIComponent(url.pathname.slice(1));
  if (url.hostname === "" || url.username === "" || database === "" || database.includes("/")) {
    throw new Error(`--url is not of the form ${form}`);
  }
  const port = url.port === "" ? usualPort : Number(url.port);
  return { connector, host: url.hostname, port, user: decodeURIComponent(url.username), database };
}

/** Drops what the suite made there, in whatever state its last run left it. */
export async function dropOwnTables(look: NamedLook): Promise<void> {
  for (const table of await look.tables()) if (isOwn(table)) await look.drop(table);
}

/** `PostgreSQL 15`: whose figures are called postgres15. */
export const figuresName = (program: string): string => program.replace(/^PostgreSQL (\d+).*/, "postgres$1");

export const isOwn = (table: string): boolean => table.toLowerCase().startsWith(tablePrefix);

/** A subject that leaves nothing of its own behind, and begins without what an earlier one may have left. */
export async function cleanSubject(server: NamedServer, place: NamedPlace, settings: { rawRows?: boolean }): Promise<Subject> {
  const clear = async (): Promise<void> => {
    await using look = await server.look(place);
    await dropOwnTables(look);
  };
  await clear();
  const subject = await server.subject(place, settings);
  return {
    ...subject,
    async [Symbol.asyncDispose]() {
      await subject[Symbol.asyncDispose]();
      await clear();
    },
  };
}
