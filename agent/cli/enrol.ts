import { FuserError } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import type { Config } from "../../config/config.ts";
import type { Secrets } from "../../config/secrets.ts";
import type { HistoryIdentity } from "../../connectors/connector.ts";
import { enrolRequest } from "../../protocol/enrolment.ts";
import { enrol as enrolAtPortal } from "../channel/enrol.ts";
import { machineName, newId, openErp } from "../erp.ts";
import { pinDatabase } from "../pin.ts";
import { transportSettings } from "../portal-way.ts";
import type { Register } from "./command.ts";
import { readConfiguration, requireSecrets } from "./configuration.ts";
import { exitCodes } from "./exit-codes.ts";
import { configurationSecrets } from "./secrets.ts";
import type { Session } from "./session.ts";

/** `erpfuser enrol CODE`: makes this agent's key, has the portal take it, and pins the ERP database. */
export const enrol: Register = (program, start) => {
  program
    .command("enrol")
    .description("Join this agent to the portal with the one-time code that it shows")
    .argument("[code]", "the code; not needed with --accept-database alone")
    .option("--accept-database", "from now on work with the ERP database that the configuration names now", false)
    .action(
      start(async (session, [code], { acceptDatabase }) => {
        const config = await readConfiguration(session);
        const secrets = configurationSecrets(session, config);
        if (code === undefined && acceptDatabase !== true) throw nothingSaid();
        if (code !== undefined) requireCode(code);
        await requireSecrets(config, secrets);
        const identity = await databaseNow(session, config, secrets);
        const joined = code === undefined ? undefined : await join(session, { config, secrets, code });
        // Last, so that a code which is refused leaves the note of the database as it was.
        await pinDatabase(secrets, identity);
        session.out.result({ ...joined, database: identity.label }, () => [
          ...(joined === undefined
            ? []
            : [
                `Enrolled at ${joined.portalName} for ${joined.tenant} as ${joined.agentId} (${joined.stage}).`,
                `Key: ${joined.fingerprint}  Compare it with what the portal shows.`,
              ]),
          `The ERP database of this agent: ${identity.label}`,
        ]);
        return exitCodes.ok.code;
      }),
    );
};

async function join(session: Session, { config, secrets, code }: { config: Config; secrets: Secrets; code: string }) {
  const transport = await transportSettings(config, secrets.require, session.env);
  const { clock, signal } = session;
  const { portal, stage, name } = config.agent;
  const enrolment = await enrolAtPortal(
    { portal, secrets, transport, clock, newId, signal, stage },
    { code, host: machineName(), agentName: name },
  );
  const { agentId, tenant, portalName, fingerprint } = enrolment;
  return { agentId, tenant, portalName, stage: enrolment.stage, fingerprint };
}

/** The database that the configuration names, as it introduces itself. @throws FuserError what connecting throws */
async function databaseNow(session: Session, config: Config, secrets: Secrets): Promise<HistoryIdentity> {
  const erp = await openErp({ config, clock: session.clock, log: silentLog, secret: secrets.require });
  try {
    return await erp.identity(session.signal);
  } finally {
    await erp.close();
  }
}

/** @throws FuserError `enrol-code-unknown` for what can't be a code, before anybody is asked */
export function requireCode(code: string): void {
  if (enrolRequest.shape.code.safeParse(code.trim()).success) return;
  throw new FuserError("config", "This can't be an enrolment code", {
    code: "enrol-code-unknown",
    operation: "enrol at the portal",
    hint: "Copy it as the portal shows it, e.g. 7KQ2-M9FX-4TDA",
  });
}

function nothingSaid(): FuserError {
  return new FuserError("config", "The portal's one-time code is missing", {
    code: "usage-code",
    operation: "enrol at the portal",
    hint: "Create a code in the portal and run `erpfuser enrol CODE`",
  });
}
