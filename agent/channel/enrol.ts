/** Enrolment and key rotation over HTTPS, beside the channel. */
import { FuserError } from "../../base/errors.ts";
import type { Clock } from "../../base/time.ts";
import { type EnrolResponse, enrolResponse, httpFault, keyFingerprint, rotateResponse } from "../../protocol/enrolment.ts";
import { type Attempt, type HttpAnswer, httpFailure } from "./failures.ts";
import { postJson } from "./https-post.ts";
import {
  type AgentKey,
  adoptKey,
  type Enrolment,
  newKey,
  readEnrolment,
  readKey,
  type SecretStore,
  signToken,
  stagedKey,
  stageKey,
  storeEnrolment,
} from "./identity.ts";
import { channelAddress } from "./socket.ts";
import type { TransportSettings } from "./transport.ts";

export interface EnrolParts {
  /** Address of the channel as configured. */
  portal: string;
  secrets: SecretStore;
  transport: TransportSettings;
  clock: Clock;
  newId: () => string;
  signal: AbortSignal;
  /** The code must be one of this stage's tenant. */
  stage?: "test" | "live";
}

/** `wss://host/x/agent` -> `https://host/x/enrol`: beside the channel. */
export function besideChannel(portal: string, name: "enrol" | "rotate"): URL {
  const url = new URL(name, channelAddress(portal));
  url.protocol = url.protocol === "wss:" ? "https:" : "http:";
  url.search = "";
  return url;
}

/**
 * Enrols this agent with the portal's one-time code. An earlier enrolment is replaced only once the portal has taken the new key.
 * @throws FuserError `enrol-code-unknown`, `enrol-code-used`, `enrol-code-expired`, `enrol-slow-down`, and all of failures.ts
 */
export async function enrol(parts: EnrolParts, who: { code: string; host: string; agentName: string }): Promise<Enrolment> {
  const { secrets, clock } = parts;
  const operation = "enrol at the portal";
  const key = newKey();
  await stageKey(secrets, key);
  const body = { code: who.code.trim(), publicKey: key.publicKey, host: who.host, agentName: who.agentName };
  const { answer, attempt } = await postJson({ ...parts, address: besideChannel(parts.portal, "enrol"), body, operation });
  const response = accepted<EnrolResponse>(answer, attempt, clock, enrolResponse);
  if (response.fingerprint !== key.fingerprint) throw otherKey(attempt);
  if (parts.stage !== undefined && response.stage !== parts.stage) throw otherStage(attempt, response.stage, parts.stage);
  const enrolment: Enrolment = { ...response, enrolledAt: new Date(clock.now()).toISOString() };
  // The key first: without it the enrolment would be worth nothing, while a key alone only needs another code.
  await adoptKey(secrets, key);
  await storeEnrolment(secrets, enrolment);
  return enrolment;
}

/**
 * Replaces the agent's key without a gap: the portal takes the old one until the new one was used. Safe to repeat after a lost answer.
 * @throws FuserError `agent-not-enrolled`, `rotate-key-in-use`, and all of failures.ts
 */
export async function rotateKey(parts: EnrolParts): Promise<{ fingerprint: string }> {
  const { secrets, clock } = parts;
  const operation = "rotate the agent's key";
  const current = await readKey(secrets);
  const enrolment = await readEnrolment(secrets);
  if (enrolment === undefined) throw new FuserError("config", "This agent is not enrolled", enrolFirst(operation));
  // A staged key may be known to the portal already: the same one is offered again.
  const next = (await stagedKey(secrets)) ?? newKey();
  await stageKey(secrets, next);
  const post = async (signing: AgentKey) =>
    postJson({
      ...parts,
      address: besideChannel(parts.portal, "rotate"),
      body: { publicKey: next.publicKey },
      token: await signToken(signing, enrolment, parts),
      operation,
    });
  const { answer, attempt } = await post(current);
  const { fingerprint } = accepted(answer, attempt, clock, rotateResponse);
  if (fingerprint !== next.fingerprint) throw otherKey(attempt);
  await adoptKey(secrets, next);
  await storeEnrolment(secrets, { ...enrolment, fingerprint });
  return { fingerprint };
}

const enrolFirst = (operation: string) => ({
  code: "agent-not-enrolled",
  operation,
  hint: "Create a code in the portal and run `erpfuser enrol CODE`.",
});

const refusals: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  "code-unknown": ["The portal does not know this enrolment code", "Check it for a typing mistake; the portal shows it once."],
  "code-used": [
    "This enrolment code was used already",
    "Create a new one in the portal. If you did not use it, tell the portal's operator.",
  ],
  "code-expired": ["This enrolment code has expired", "Create a new one in the portal and use it at once."],
  "key-in-use": ["Another agent has this key", "Run the command again: it makes a new key."],
  "slow-down": ["The portal takes no more codes for the moment", "Wait a minute and try again."],
};

function accepted<T>(
  answer: HttpAnswer,
  attempt: Attempt,
  clock: Clock,
  schema: { safeParse(value: unknown): { success: true; data: T } | { success: false; error: unknown } },
): T {
  const value = parseJson(answer.body);
  if (answer.status === 200) {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new FuserError("config", "The answer is not that of a portal", {
      code: "portal-no-channel",
      operation: attempt.operation,
      place: attempt.place,
      hint: "Check agent.portal; another server seems to answer at this address.",
      cause: parsed.error,
    });
  }
  const fault = answer.fromProxy ? undefined : httpFault.safeParse(value).data;
  const refusal = fault && refusals[fault.error];
  if (fault === undefined || refusal === undefined) throw httpFailure(answer, attempt, clock.now());
  const [message, hint] = refusal;
  const kind = fault.error === "slow-down" ? "transient" : "config";
  throw new FuserError(kind, message, { code: `enrol-${fault.error}`, operation: attempt.operation, place: attempt.place, hint });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function otherStage(attempt: Attempt, offered: string, wanted: string): FuserError {
  return new FuserError("config", `This code belongs to the portal's ${offered} tenant, not to the ${wanted} one`, {
    code: "enrol-other-stage",
    operation: attempt.operation,
    place: attempt.place,
    hint: `Create a code in the portal's ${wanted} tenant. The earlier enrolment still holds.`,
  });
}

function otherKey(attempt: Attempt): FuserError {
  return new FuserError("config", "The portal shows another key's fingerprint than this agent made", {
    code: "enrol-other-key",
    operation: attempt.operation,
    place: attempt.place,
    hint: "Somebody may stand in between. Revoke the agent in the portal and enrol it from a network that you trust.",
  });
}

/** The fingerprint of the key that signs now, for `erpfuser status`. */
export async function fingerprintOf(secrets: SecretStore): Promise<string> {
  return keyFingerprint((await readKey(secrets)).publicKey);
}
