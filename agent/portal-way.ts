import type { Config } from "../config/config.ts";
import type { TransportSettings } from "./channel/transport.ts";

/**
 * How the configuration says the portal is reached; the proxy's password comes from the secrets store.
 * @throws FuserError `secret-missing`
 */
export async function transportSettings(
  config: Config,
  secret: (name: string) => Promise<string>,
  env: TransportSettings["env"],
): Promise<TransportSettings> {
  const { proxy, caFile } = config.agent;
  if (proxy === undefined) return { proxy: undefined, caFile, env };
  const password = proxy.password === undefined ? undefined : await secret(proxy.password);
  return { proxy: { url: proxy.url, user: proxy.user, password }, caFile, env };
}
