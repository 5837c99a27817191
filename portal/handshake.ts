/** What `welcome` says to a `hello`: pure, so that each rule of protocol.md ("Who speaks") can be read here. */
import { closeCode, type Hello, lastConnection, type Welcome } from "../protocol/messages.ts";
import { modelVersion, protocolVersion } from "../protocol/version.ts";
import type { Agent } from "./agents.ts";
import { ownTypesOf } from "./own-types.ts";
import type { Limits } from "./settings.ts";

export type Greeting =
  | { refusal: number; reason: string }
  | { welcome: Welcome /** What a person should see. */; notes: { code: string; text: string }[] };

export function welcomeFor(told: { agent: Agent; hello: Hello; limits: Limits; now: number }): Greeting {
  const { agent, hello, limits, now } = told;
  if (!hello.protocols.includes(protocolVersion) || !hello.models.includes(modelVersion)) {
    const reason = `this portal speaks protocol ${protocolVersion}, model ${modelVersion}; the agent offers ${hello.protocols} and ${hello.models}`;
    return { refusal: closeCode.versionMismatch, reason };
  }
  if (hello.stage !== agent.stage) {
    return {
      refusal: closeCode.stageMismatch,
      reason: `the agent is at stage ${hello.stage}, the portal expects ${agent.stage}`,
    };
  }
  const connection = Math.max(agent.connection, hello.connection) + 1;
  if (connection > lastConnection) return { refusal: closeCode.malformed, reason: "hello: no connection number is left" };
  const own = ownTypesOf(hello.types);
  if ("fault" in own) return { refusal: closeCode.malformed, reason: `hello: ${own.fault}` };
  const offered = new Set(hello.types.map((offer) => offer.type));
  const otherHost = agent.host !== null && agent.host !== hello.host ? agent.host : undefined;
  const notes: { code: string; text: string }[] = [];
  if (hello.connection < agent.connection) {
    const text = `The agent presents connection ${hello.connection}, the portal has seen ${agent.connection}: its store was restored or copied`;
    notes.push({ code: "connection-below", text });
  }
  if (otherHost !== undefined) {
    notes.push({ code: "other-host", text: `The agent speaks from host ${hello.host}; before it was ${otherHost}` });
  }
  const welcome: Welcome = {
    type: "welcome",
    protocol: protocolVersion,
    model: modelVersion,
    connection,
    seen: agent.connection,
    last: agent.epoch === hello.epoch ? (agent.last ?? 0) : null,
    ...(otherHost === undefined ? {} : { otherHost }),
    types: Object.keys(own.types).filter((type) => offered.has(type)),
    windowItems: limits.windowItems,
    windowBytes: limits.windowBytes,
    maxFrameBytes: limits.maxFrameBytes,
    heartbeatSeconds: limits.heartbeatSeconds,
    now: new Date(now).toISOString(),
  };
  return { welcome, notes };
}
