import type { Config } from "../../config/config.ts";
import { openSecrets, type Secrets } from "../../config/secrets.ts";
import type { Session } from "./session.ts";

/** The secrets store of a configuration's state directory. */
export function configurationSecrets(session: Session, config: Config): Secrets {
  return openSecrets(config.agent.state, { env: session.env });
}
