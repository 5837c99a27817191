/** How `init` learns to reach the ERP: from options, else by asking; checked by the connector's own schema before anything is opened. */
import { resolve } from "node:path";
import { FuserError } from "../../base/errors.ts";
import type { Finding } from "../../base/findings.ts";
import { didYouMean } from "../../base/nearest.ts";
import { connectors } from "../../connectors/registry.ts";

/** Answers to `init`'s questions: the option's value, or what the person types. */
export type Answer = (option: string, question: string, standard?: string) => Promise<string>;

export interface ErpAnswers {
  connector: string;
  /** The keys under `erp:` as they are written. */
  written: Readonly<Record<string, string | { secret: string }>>;
  /** The same as the connector takes them. */
  settings: unknown;
}

const usualPorts: Readonly<Record<string, string>> = { postgres: "5432", mssql: "1433", oracle: "1521" };

/** @throws FuserError `usage-connector`, `usage-settings` with every setting that can't work as a finding */
export async function askForErp(answer: Answer, options: Readonly<Record<string, string | undefined>>): Promise<ErpAnswers> {
  const connector = await answer("connector", `Database: ${Object.keys(connectors).join(", ")}`, "mysql");
  const module = connectors[connector];
  if (module === undefined) {
    throw new FuserError("config", `There is no connector called ${connector.slice(0, 100)}`, {
      code: "usage-connector",
      operation: "write a first configuration",
      hint: didYouMean(connector, Object.keys(connectors)),
    });
  }
  if (module.dialect.capabilities.unsupported.includes("write")) {
    throw new FuserError(
      "config",
      "There is nothing to be asked: the tables of a CSV folder are described in the configuration itself",
      {
        code: "usage-connector",
        operation: "write a first configuration",
        hint: "Copy config/examples/csv-folder.yaml, adapt it and run `erpfuser check`.",
      },
    );
  }
  const written: ErpAnswers["written"] =
    connector === "sqlite"
      ? { file: resolve(await answer("file", "Database file")) }
      : {
          server: await answer("server", "Server"),
          port: await answer("port", "Port", usualPorts[connector] ?? "3306"),
          [connector === "oracle" ? "service" : "database"]: await answer(
            "database",
            connector === "oracle" ? "Service" : "Database",
          ),
          user: await answer("user", "Account"),
          password: { secret: options.secret ?? "erp-password" },
        };
  const parsed = module.settings.safeParse(written);
  if (parsed.success) return { connector, written, settings: parsed.data };
  throw new FuserError("config", "With these settings the database can't be reached", {
    code: "usage-settings",
    operation: "write a first configuration",
    findings: parsed.error.issues.map(({ path, message }): Finding => {
      const place = path.map(String).join(".");
      return { severity: "error", code: "usage-settings", place, message, remedy: `Correct --${place}` };
    }),
  });
}
