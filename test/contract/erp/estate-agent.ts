/** The agent's command line between a portal of its own and an ERP of one table of estates. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, vi } from "vitest";
import { openSecrets } from "../../../config/secrets.ts";
import { openGateway } from "../../../portal/gateway.ts";
import { patience, type Run, type Said, saidBy, watch } from "../../support/agent-run.ts";
import { tempDirectory } from "../../support/servers.ts";

export interface EstateErp {
  /** What stands under `erp:` beside the time zone. */
  settings: string;
  /** The secret `erp`; set by the test itself where it is left out. */
  password?: string;
  /** Its columns are `nr`, the key, and `bez`. */
  table: string;
  /** What stands under `changes:`. */
  changes: string;
  /** Its rows: `nr` and `bez`. */
  rows(): Promise<Iterable<readonly unknown[]>>;
}

export interface EstateAgent extends AsyncDisposable {
  /** The configuration. */
  readonly file: string;
  /** @param input what it is told on stdin */
  erpfuser(args: readonly string[], input?: string): Promise<Said>;
  enrol(): Promise<void>;
  run(): Run;
  /** Waits until the portal holds the rows of the ERP and nothing else. */
  converges(): Promise<void>;
}

export async function estateAgent(name: string, { settings, password, table, changes, rows }: EstateErp): Promise<EstateAgent> {
  const folder = await tempDirectory();
  const storePath = join(folder.path, "portal.db");
  const gateway = await openGateway({ storePath, random: Math.random });
  const file = join(folder.path, "erpfuser.yaml");
  const state = join(folder.path, "state");
  await mkdir(state, { mode: 0o700 });
  if (password !== undefined) await openSecrets(state).set("erp", password);
  await writeFile(
    file,
    `agent: { name: ${name}, portal: "${gateway.url}", stage: live, state: ${state} }
erp: { ${settings}, timezone: Europe/Berlin }
sources:
  properties: { type: property, table: ${table}, key: [nr], fields: { name: bez }, changes: { ${changes} }, deletes: { grace: 0s } }
guards: { deletes: { rows: 50, percent: 50 } }
`,
  );
  const start = (...args: readonly string[]): ChildProcess =>
    spawn(process.execPath, ["agent/main.ts", "--config", file, "--json", ...args], { stdio: "pipe" });
  const erpfuser = (args: readonly string[], input = ""): Promise<Said> => {
    const child = start(...args);
    child.stdin?.end(input);
    return saidBy(child);
  };
  return {
    file,
    erpfuser,
    async enrol() {
      const { code } = gateway.createEnrolmentCode({ stage: "live", ttlMs: 60_000 });
      expect(await erpfuser(["enrol", code])).toMatchObject({ code: 0 });
    },
    run: () => watch(start("run"), (said) => said),
    converges: () =>
      vi.waitFor(async () => {
        await gateway.settled();
        using portal = new DatabaseSync(storePath, { readOnly: true, timeout: 5_000 });
        const held = portal.prepare("SELECT id, fields FROM entity WHERE type = 'property' AND deleted_at IS NULL").all();
        const wanted = Object.fromEntries([...(await rows())].map(([nr, bez]) => [String(nr), bez]));
        expect(Object.fromEntries(held.map(({ id, fields }) => [id, JSON.parse(String(fields)).name]))).toEqual(wanted);
      }, patience),
    async [Symbol.asyncDispose]() {
      await gateway.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}
