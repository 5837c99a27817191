/** Enrolment and key rotation: plain HTTPS beside the channel; OpenAPI is generated from here. */
import { createHash } from "node:crypto";
import * as z from "zod";

const word = z.string().min(1).max(100);
/** The 32 raw bytes of an Ed25519 public key (RFC 8032) as base64url without padding. */
const publicKey = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const fingerprint = z.string().regex(/^[0-9a-f]{4}(-[0-9a-f]{4}){7}$/);

export const enrolRequest = z.strictObject({
  code: z.string().min(8).max(64).describe("The one-time code that the portal showed."),
  publicKey,
  host: word,
  agentName: word.optional(),
});

export const enrolResponse = z.strictObject({
  agentId: word,
  tenant: word,
  channel: z.url({ protocol: /^wss?$/ }).describe("Address of the WebSocket."),
  audience: z.string().min(1).max(200).describe("`aud` of every JWT that the agent signs."),
  stage: z.enum(["test", "live"]),
  portalName: word,
  fingerprint: fingerprint.describe("Of the key as it arrived: the agent shows its own and both must be the same."),
});

export const rotateRequest = z.strictObject({ publicKey });
export const rotateResponse = z.strictObject({ fingerprint });

/** Body of every refusal over HTTP, those of the WebSocket's handshake included. */
export const httpFault = z.strictObject({
  error: z.enum([
    "malformed",
    "code-unknown",
    "code-used",
    "code-expired",
    "key-in-use",
    "slow-down",
    "no-token",
    "bad-token",
    "unknown-agent",
    "wrong-audience",
    "wrong-clock",
    "replayed",
    "revoked",
    "wrong-subprotocol",
    "not-found",
  ]),
  message: z.string().max(1_000),
  now: z.iso.datetime({ offset: false }).describe("The portal's time, by which a wrong clock is recognised."),
});

export type EnrolRequest = z.output<typeof enrolRequest>;
export type EnrolResponse = z.output<typeof enrolResponse>;
export type RotateRequest = z.output<typeof rotateRequest>;
export type RotateResponse = z.output<typeof rotateResponse>;
export type HttpFault = z.output<typeof httpFault>;

/** What both ends show of a public key: the first 16 bytes of SHA-256 over its 32 raw bytes, hex in groups of four. */
export function keyFingerprint(publicKeyBase64url: string): string {
  const hex = createHash("sha256").update(Buffer.from(publicKeyBase64url, "base64url")).digest("hex").slice(0, 32);
  return (hex.match(/.{4}/g) as string[]).join("-");
}
