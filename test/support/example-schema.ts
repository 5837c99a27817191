/** The configurations under docs/examples against real tables in the shape of the schemas that they are for, and what they make of the rows. */
import { readFile } from "node:fs/promises";
import { type Compiled, tryCompile } from "../../agent/compile.ts";
import { openErp } from "../../agent/erp.ts";
import type { PlanContext } from "../../agent/map/write-plan.ts";
import { silentLog } from "../../base/log.ts";
import { systemClock } from "../../base/time.ts";
import { loadConfig } from "../../config/load.ts";
import type { Connector, WriteOutcome } from "../../connectors/connector.ts";
import { fieldsOf } from "../../protocol/entity-text.ts";
import type { Command } from "../../protocol/messages.ts";

export interface Example extends AsyncDisposable {
  readonly connector: Connector;
  readonly compiled: Compiled;
  /** What the rows of a source become, by key: fields of an entity, `cancelled`, or the faults as `code field`. */
  entities(source: string): Promise<Record<string, unknown>>;
  /** Plans and carries out a command. */
  carryOut(command: string, message: Partial<Command> & { repeated?: boolean }): Promise<WriteOutcome>;
}

/** The tables of an example, as statements. */
export const exampleTables = (name: string): Promise<string> => readFile(`test/support/examples/${name}.sql`, "utf8");

/**
 * Loads and compiles an example; the lines that say where its database is are replaced by `connection`, the rest stays as it is.
 * @throws Error with all faults, of the file or of what the database offers
 */
export async function openExample(name: string, connection: readonly string[], password: string): Promise<Example> {
  const file = `docs/examples/${name}.yaml`;
  const text = (await readFile(file, "utf8")).replace(
    /^ {2}server: .*\n {2}database: .*\n {2}user: .*\n {2}password: .*$/m,
    connection.map((line) => `  ${line}`).join("\n"),
  );
  return openConfigured(text, password, file);
}

/** The same for any configuration's text. */
export async function openConfigured(text: string, password: string, file = "/nowhere/erpfuser.yaml"): Promise<Example> {
  const { config, faults } = await loadConfig({ text, file });
  if (config === undefined) throw new Error(JSON.stringify(faults, undefined, 2));
  const connector = await openErp({ config, clock: systemClock, log: silentLog, secret: async () => password });
  const never = new AbortController().signal;
  try {
    const { compiled, faults: missing } = await tryCompile(config, connector, never);
    if (compiled === undefined) throw new Error(missing.map(({ path, message }) => `${path}: ${message}`).join("\n"));
    return {
      connector,
      compiled,
      entities: (source) => entitiesOf(compiled, connector, source),
      async carryOut(command, { repeated = false, ...message }) {
        const at = { ...context, mayBeRepeated: repeated };
        const plan = compiled.commands.get(command)?.plan({ ...sent, command, ...message }, at);
        if (plan === undefined || "rejected" in plan) throw new Error(`${command} was refused: ${JSON.stringify(plan)}`);
        return connector.write(plan, never);
      },
      [Symbol.asyncDispose]: () => connector.close(),
    };
  } catch (error) {
    await connector.close();
    throw error;
  }
}

const context: PlanContext = {
  now: Date.parse("2026-11-23T15:00:00Z"),
  mayBeRepeated: false,
  rehearse: false,
  resolve: () => undefined,
};
const sent: Command = { type: "command", id: "command-1", command: "", values: {}, issuedAt: "2026-11-23T15:00:00Z" };

async function entitiesOf({ mappings }: Compiled, connector: Connector, source: string): Promise<Record<string, unknown>> {
  const mapping = mappings.find((one) => one.source === source);
  if (mapping === undefined) throw new Error(`There is no source ${source}`);
  const found: Record<string, unknown> = {};
  for await (const batch of connector.scan(mapping.query, new AbortController().signal)) {
    for (let index = 0; index < batch.length; index++) {
      const key = batch.key(index) ?? "";
      const mapped = mapping.map(batch.row(index), key);
      found[key] =
        mapped.kind === "entity"
          ? fieldsOf(mapped.text)
          : mapped.kind === "faulty"
            ? mapped.faults.map((fault) => `${fault.code} ${fault.field}`)
            : mapped.kind;
    }
  }
  return found;
}
