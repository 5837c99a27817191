/** Before the suite runs on a server that a user names: is the database empty, and does its parser take our statements? */
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { contractEnv, dropOwnTables, isOwn, namedPlace } from "../../contract/erp/named.ts";
import { statementsToParse } from "../../contract/erp/parse-first.ts";
import { namedServers } from "../../contract/erp/subjects.ts";

export interface Named {
  /** For the tests' environment. */
  env: Record<string, string>;
  /** Statements that the server's parser took. */
  parsed: number;
}

/** @throws Error that says what is in the way: nothing was changed there */
export async function prepareNamed(asked: { connector: string; url: string; force: boolean }): Promise<Named> {
  const { connector, url, force } = asked;
  const known = namedServers[connector];
  if (known === undefined) {
    throw new Error(`--url goes with --connector ${Object.keys(namedServers).join(", ")}; ${connector} can't be named yet`);
  }
  const { server } = known;
  const place = { ...namedPlace(url, connector, server.port), password: await password() };
  await using look = await server.look(place);
  const foreign = (await look.tables()).filter((table) => !isOwn(table));
  if (foreign.length > 0 && !force) {
    const some = foreign.slice(0, 3).join(", ");
    throw new Error(
      `The database ${place.database} holds ${foreign.length} tables that are not ours (${some}): name an empty one, or say --force`,
    );
  }
  const statements = statementsToParse(server.syntax);
  for (const text of statements) {
    const wrong = await look.parse(text);
    if (wrong !== undefined) throw new Error(`The server can't parse what the agent would send: ${wrong}\n${text}`);
  }
  await dropOwnTables(look);
  const env = { [contractEnv.url]: url, [contractEnv.password]: place.password };
  return { env, parsed: statements.length };
}

/** From the environment, else asked for without showing it. */
async function password(): Promise<string> {
  const given = process.env[contractEnv.password];
  if (given !== undefined) return given;
  if (!process.stdin.isTTY) throw new Error(`Set ${contractEnv.password}: nobody is there to be asked for the password`);
  const mute = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: mute, terminal: true });
  process.stderr.write("Password (not shown): ");
  try {
    return await lines.question("");
  } finally {
    process.stderr.write("\n");
    lines.close();
  }
}
