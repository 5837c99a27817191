/** Looks a few times a day for what will stand still one day if nobody does anything: passwords, certificates, versions, feeds, the disk. `status` shows it, and the portal. */
import { isAbort, kindOf } from "../base/errors.ts";
import type { Finding } from "../base/findings.ts";
import { certificateForecast, forecastCodes, secretForecast } from "../base/forecasts.ts";
import type { Running } from "./agent.ts";
import { feedPlan } from "./capture/feed-tables.ts";
import { certificateUntil } from "./channel/issuer.ts";
import { channelAddress } from "./channel/socket.ts";
import { type TransportSettings, transportFor } from "./channel/transport.ts";
import { type DiskSample, fillingDisk, freeBytesOf, lowDisk, withSample } from "./disk-forecast.ts";
import { pinSecret } from "./pin.ts";
import type { MetaStore } from "./store/store.ts";
import { waitOut } from "./wait-out.ts";

const everyMs = 21_600_000;
/** An agent that has just started has other things to do. */
const firstMs = 600_000;
const [forecastsName, samplesName] = ["forecasts", "disk-samples"];

/** What was found at the last look. */
export function forecastsIn(meta: Pick<MetaStore, "get">): readonly Finding[] {
  return JSON.parse(meta.get(forecastsName) ?? "[]") as Finding[];
}

/** What a look needs of an agent. */
export type Looking = Pick<Running, "store" | "erp"> & {
  parts: Pick<Running["parts"], "config" | "clock" | "random" | "log" | "secrets">;
  compiled: Pick<Running["compiled"], "sources">;
};

/** @param transport the way to the portal */
export async function keepForecasts(
  running: Looking,
  transport: () => Promise<TransportSettings>,
  signal: AbortSignal,
): Promise<void> {
  const { parts } = running;
  const startedAt = parts.clock.monotonic();
  let lookedAt = Number.NEGATIVE_INFINITY;
  const look = async (inner: AbortSignal): Promise<void> => {
    const now = parts.clock.monotonic();
    if (now - startedAt < firstMs || now - lookedAt < everyMs) return;
    lookedAt = now;
    await lookAhead(running, transport, inner);
  };
  await waitOut({ parts, part: "forecasts", everyMs: 60_000 }, look, signal);
}

/** One look; what is new is told. */
export async function lookAhead(
  running: Looking,
  transport: () => Promise<TransportSettings>,
  signal: AbortSignal,
): Promise<void> {
  const { store, parts } = running;
  const before = new Set(forecastsIn(store.meta).map(({ code, place }) => `${code} ${place}`));
  const ofPortal = async (): Promise<Finding[]> =>
    portalForecast(parts.config.agent.portal, await transport(), { now: parts.clock.now(), signal });
  const found: Finding[] = [];
  for (const look of [() => ofDatabase(running, signal), ofPortal, () => ofDisk(running), () => ofSecrets(running)])
    found.push(...(await look().catch(nothing)));
  store.meta.set(forecastsName, JSON.stringify(found));
  const log = parts.log.part("forecasts");
  for (const { code, place, message, remedy } of found)
    if (!before.has(`${code} ${place}`)) log.warn(message, { code, place, hint: remedy });
}

/** Whoever works with what can't be looked at now says what is wrong with it. */
function nothing(error: unknown): Finding[] {
  if (isAbort(error) || kindOf(error) === "bug") throw error;
  return [];
}

/** What `check` says of the days to come, as far as the database tells with the rights of the account. */
async function ofDatabase({ erp, compiled }: Looking, signal: AbortSignal): Promise<Finding[]> {
  const found = (await erp.check(signal)).filter(({ code }) => forecastCodes.includes(code));
  const plan = feedPlan(compiled.sources);
  if (plan === undefined || erp.feed?.name !== plan.name) return found;
  // How long changes are kept, and what is kept for us: the feed itself says what is wrong now.
  const feed = await erp.feed.check(plan.tables, signal);
  return [...found, ...feed.filter(({ severity }) => severity === "warning")];
}

/** Nothing of a portal without TLS. */
export async function portalForecast(
  portal: string,
  transport: TransportSettings,
  { now, signal }: { now: number; signal: AbortSignal },
): Promise<Finding[]> {
  const address = channelAddress(portal);
  if (address.protocol !== "wss:") return [];
  const until = await certificateUntil(address, transportFor(address, transport).options, signal);
  return certificateForecast("portal", until, now).map((forecast) => ({ ...forecast, place: portal }));
}

async function ofDisk({ store, parts }: Looking): Promise<Finding[]> {
  const { state } = parts.config.agent;
  const freeBytes = await freeBytesOf(state).catch(() => undefined);
  if (freeBytes === undefined) return [];
  const samples = withSample(JSON.parse(store.meta.get(samplesName) ?? "[]") as DiskSample[], {
    at: parts.clock.now(),
    freeBytes,
  });
  store.meta.set(samplesName, JSON.stringify(samples));
  return [...lowDisk(state, freeBytes), ...fillingDisk(state, samples)];
}

/** What lies beside the secrets and is none: what the portal has said, the ERP's identity, a key that is not in use yet. */
const notSecret: readonly string[] = ["agent-enrolment", "agent-key-next", pinSecret];

async function ofSecrets({ parts }: Looking): Promise<Finding[]> {
  const { secrets, clock } = parts;
  const stored = [...(await secrets.storedAt())].filter(([name]) => !notSecret.includes(name));
  return stored.flatMap(([name, storedAt]) =>
    secretForecast(name, storedAt, clock.now()).map((forecast) => ({ ...forecast, place: `secret ${name}` })),
  );
}
