/** Who connects: checks the JWT that an agent signs for each connection (protocol.md, "Who is who"). */
import { decodeJwt, errors, importJWK, jwtVerify } from "jose";
import type { Clock } from "../base/time.ts";
import type { HttpFault } from "../protocol/enrolment.ts";
import type { Agent, Agents } from "./agents.ts";

/** How far the agent's clock may be off, milliseconds. */
const clockToleranceMs = 5 * 60_000;

export type Identified = { agent: Agent } | { fault: HttpFault["error"]; message: string };

/** Checks `Authorization: Bearer …`; a token is good for one use. */
export async function identify(
  parts: { agents: Agents; clock: Clock; audience: string },
  authorization: string | undefined,
): Promise<Identified> {
  const token = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) return { fault: "no-token", message: "A signed token is needed: Authorization: Bearer." };
  const agent = agentOf(parts.agents, token);
  if (agent === undefined) return { fault: "unknown-agent", message: "This agent is not known here; enrol it." };
  const usedKey = await keyThatSigned(agent, token);
  if (usedKey === undefined) return { fault: "bad-token", message: "The token is not signed by this agent's key." };
  // Only after the signature: nobody else learns whether an agent was revoked.
  if (agent.revoked_at !== null) return { fault: "revoked", message: "This agent was revoked; enrol it again." };
  const claims = decodeJwt(token);
  if (claims.aud !== parts.audience) return { fault: "wrong-audience", message: "The token is meant for another portal." };
  if (typeof claims.iat !== "number" || Math.abs(claims.iat * 1_000 - parts.clock.now()) > clockToleranceMs) {
    return { fault: "wrong-clock", message: "The agent's clock is more than 5 minutes off the portal's." };
  }
  if (typeof claims.jti !== "string" || claims.jti.length < 8 || claims.jti.length > 100) {
    return { fault: "bad-token", message: "The token's jti is missing or not of 8 to 100 characters." };
  }
  if (!parts.agents.rememberToken(agent.id, claims.jti)) return { fault: "replayed", message: "This token was used before." };
  if (usedKey === agent.public_key) parts.agents.dropPreviousKey(agent.id);
  return { agent };
}

function agentOf(agents: Agents, token: string): Agent | undefined {
  try {
    return agents.get(decodeJwt(token).sub ?? "");
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

async function keyThatSigned(agent: Agent, token: string): Promise<string | undefined> {
  for (const x of [agent.public_key, agent.previous_key]) {
    if (x === null) continue;
    try {
      // The times are judged by our own clock and rule afterwards, so no claim may fail here.
      await jwtVerify(token, await importJWK({ kty: "OKP", crv: "Ed25519", x }, "EdDSA"), {
        algorithms: ["EdDSA", "Ed25519"],
        currentDate: new Date(0),
        clockTolerance: Number.MAX_SAFE_INTEGER,
      });
      return x;
    } catch (error) {
      if (!(error instanceof errors.JOSEError) && !(error instanceof DOMException)) throw error;
    }
  }
  return undefined;
}
