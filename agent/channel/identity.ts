/**
 * Who this agent is: an Ed25519 key pair whose private half never leaves the secrets store, and what the portal said at enrolment. Each connection
 * carries a JWT signed with it (protocol.md, "Who is who").
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import * as z from "zod";
import { FuserError } from "../../base/errors.ts";
import type { Clock } from "../../base/time.ts";
import { type EnrolResponse, enrolResponse, keyFingerprint } from "../../protocol/enrolment.ts";

/** Where secrets are kept (config/secrets.ts). */
export interface SecretStore {
  get(name: string): Promise<string | undefined> | string | undefined;
  set(name: string, value: string): Promise<void> | void;
  remove(name: string): Promise<boolean> | boolean;
}

/** Name of the private key among the secrets: PKCS #8, PEM. */
const keySecret = "agent-key";
/** A key that was made but that the portal may not have taken yet. */
const nextKeySecret = "agent-key-next";
/** Among the secrets and not in the store: a store that is deleted and rebuilds itself must not lose it. */
const enrolmentSecret = "agent-enrolment";

/** What the portal said at enrolment. */
export type Enrolment = Omit<EnrolResponse, "fingerprint"> & { fingerprint: string; enrolledAt: string };

const enrolmentSchema = enrolResponse.extend({ enrolledAt: z.string() });

/** The enrolment as stored; undefined when there is none. */
export async function readEnrolment(secrets: SecretStore): Promise<Enrolment | undefined> {
  const text = await secrets.get(enrolmentSecret);
  return text === undefined ? undefined : enrolmentSchema.parse(JSON.parse(text));
}

export async function storeEnrolment(secrets: SecretStore, enrolment: Enrolment): Promise<void> {
  await secrets.set(enrolmentSecret, JSON.stringify(enrolment));
}

export interface AgentKey {
  privateKey: KeyObject;
  /** The 32 raw bytes as base64url. */
  publicKey: string;
  /** What both ends show to people. */
  fingerprint: string;
}

export function newKey(): AgentKey {
  return keyOf(generateKeyPairSync("ed25519").privateKey);
}

function keyOf(privateKey: KeyObject): AgentKey {
  const publicKey = createPublicKey(privateKey).export({ format: "jwk" }).x as string;
  return { privateKey, publicKey, fingerprint: keyFingerprint(publicKey) };
}

const pemOf = (key: AgentKey): string => key.privateKey.export({ type: "pkcs8", format: "pem" }) as string;

/** Keeps `key` until the portal has taken it, so that an answer lost on the way loses no key. */
export async function stageKey(secrets: SecretStore, key: AgentKey): Promise<void> {
  await secrets.set(nextKeySecret, pemOf(key));
}

/** From now on `key` signs. */
export async function adoptKey(secrets: SecretStore, key: AgentKey): Promise<void> {
  await secrets.set(keySecret, pemOf(key));
  await secrets.remove(nextKeySecret);
}

/**
 * The key that signs.
 * @throws FuserError `agent-not-enrolled`, `agent-key-damaged`
 */
export async function readKey(secrets: SecretStore): Promise<AgentKey> {
  const key = await storedKey(secrets, keySecret);
  if (key !== undefined) return key;
  throw notEnrolled();
}

/** A key that was sent to the portal without its answer having come back. */
export function stagedKey(secrets: SecretStore): Promise<AgentKey | undefined> {
  return storedKey(secrets, nextKeySecret);
}

async function storedKey(secrets: SecretStore, name: string): Promise<AgentKey | undefined> {
  const pem = await secrets.get(name);
  if (pem === undefined) return undefined;
  try {
    return keyOf(createPrivateKey(pem));
  } catch (cause) {
    throw keyDamaged(cause);
  }
}

function keyDamaged(cause: unknown): FuserError {
  return new FuserError("config", "The agent's private key can't be read", {
    code: "agent-key-damaged",
    operation: "sign in at the portal",
    hint: "Enrol this agent again: create a code in the portal and run `erpfuser enrol CODE`.",
    cause,
  });
}

function notEnrolled(): FuserError {
  return new FuserError("config", "This agent is not enrolled", {
    code: "agent-not-enrolled",
    operation: "sign in at the portal",
    hint: "Create a code in the portal and run `erpfuser enrol CODE`.",
  });
}

/** What signing needs to know of the enrolment. */
export type Signer = Pick<Enrolment, "agentId" | "audience">;

/** A token for one connection: valid for the portal while the clocks differ by less than 5 minutes, and only once. */
export async function signToken(key: AgentKey, signer: Signer, at: { clock: Clock; newId: () => string }): Promise<string> {
  return await new SignJWT()
    .setProtectedHeader({ alg: "EdDSA" })
    .setSubject(signer.agentId)
    .setAudience(signer.audience)
    .setIssuedAt(Math.floor(at.clock.now() / 1_000))
    .setJti(at.newId())
    .sign(key.privateKey);
}

/**
 * Makes the token of each connection; the key is read anew each time, so that a rotation needs no restart.
 * @throws FuserError (when called) `agent-not-enrolled`, `agent-key-damaged`
 */
export function tokenSource(parts: { secrets: SecretStore; clock: Clock; newId: () => string }) {
  return async (): Promise<string> => {
    const enrolment = await readEnrolment(parts.secrets);
    if (enrolment === undefined) throw notEnrolled();
    return signToken(await readKey(parts.secrets), enrolment, parts);
  };
}
