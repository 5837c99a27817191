import { silentLog } from "../../base/log.ts";
import type { Config } from "../../config/config.ts";
import type { Secrets } from "../../config/secrets.ts";
import { enrol as enrolAtPortal } from "../channel/enrol.ts";
import { machineName, newId, openErp } from "../erp.ts";
import { pinDatabase, readPin } from "../pin.ts";
import { transportSettings } from "../portal-way.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
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
        const database = await pin(session, { config, secrets, accept: acceptDatabase === true || code !== undefined });
        if (code === undefined) {
          session.out.result({ database }, () => [`The ERP database is now: ${database}`]);
          return exitCodes.ok.code;
        }
        const transport = await transportSettings(config, secrets.require, session.env);
        const { clock, signal } = session;
        const enrolment = await enrolAtPortal(
          { portal: config.agent.portal, secrets, transport, clock, newId, signal, stage: config.agent.stage },
          { code, host: machineName(), agentName: config.agent.name },
        );
        const { agentId, tenant, portalName, stage, fingerprint } = enrolment;
        session.out.result({ agentId, tenant, portalName, stage, fingerprint, database }, () => [
          `Enrolled at ${portalName} for ${tenant} as ${agentId} (${stage}).`,
          `Key: ${fingerprint}  Compare it with what the portal shows.`,
          `ERP: ${database}`,
        ]);
        return exitCodes.ok.code;
      }),
    );
};

/** Notes the database's identity, so that a copied one is refused later. Returns its label. */
async function pin(session: Session, parts: { config: Config; secrets: Secrets; accept: boolean }): Promise<string> {
  const { config, secrets, accept } = parts;
  const erp = await openErp({ config, clock: session.clock, log: silentLog, secret: secrets.require });
  try {
    const identity = await erp.identity(session.signal);
    if (accept) await pinDatabase(secrets, identity);
    return (await readPin(secrets))?.label ?? identity.label;
  } finally {
    await erp.close();
  }
}
