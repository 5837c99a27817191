import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Connector } from "../../../connectors/connector.ts";
import type { CsvSettings } from "../../../connectors/csv/config.ts";
import { csvSettings } from "../../../connectors/csv/config.ts";
import { csvOver, type OnMoment } from "../../../connectors/csv/connector.ts";
import { sqlite } from "../../../connectors/sqlite/connector.ts";
import { tempDirectory } from "../../support/servers.ts";
import { contextOf, type OpenOptions } from "./subject.ts";

/** A folder into which a test drops files, and connectors to it. */
export interface CsvFolder extends AsyncDisposable {
  folder: string;
  state: string;
  /** Settings as they are written, all of them text. @throws what the schema says */
  open(settings: object, options?: OpenOptions & { onMoment?: OnMoment; state?: string }): Promise<Connector>;
  /** Writes a file as an ERP does it that renames when it is done. */
  drop(name: string, content: string | Uint8Array): Promise<void>;
  names(folder?: string): Promise<string[]>;
  /** SQL on the private database of the last connector. */
  private(sql: string): Promise<unknown[][]>;
}

export async function csvFolder(): Promise<CsvFolder> {
  const home = await tempDirectory();
  const folder = join(home.path, "export");
  const state = join(home.path, "state");
  await mkdir(folder);
  return {
    folder,
    state,
    async open(settings, { onMoment, state: other, ...options } = {}) {
      const parsed: CsvSettings = csvSettings.parse({ folder, settle: "0s", ...settings });
      return csvOver(sqlite, onMoment).open(parsed, async () => "", { ...contextOf(options), stateDirectory: other ?? state });
    },
    async drop(name, content) {
      await writeFile(join(folder, `${name}.tmp`), content);
      await rename(join(folder, `${name}.tmp`), join(folder, name));
    },
    names: async (inner = "") => (await readdir(join(folder, inner)).catch((): string[] => [])).sort(),
    async private(sql) {
      const [file] = (await readdir(state)).filter((name) => name.endsWith(".db"));
      const database = new DatabaseSync(join(state, file as string), { timeout: 1_000 });
      try {
        const statement = database.prepare(sql);
        statement.setReturnArrays(true);
        return statement.all() as unknown as unknown[][];
      } finally {
        database.close();
      }
    },
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  };
}
