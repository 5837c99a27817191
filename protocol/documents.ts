/** The documents for portal developers, made from the schemas: JSON Schema 2020-12, AsyncAPI 3.0 and OpenAPI 3.1. */
import * as z from "zod";
import { createDigester, digestHex } from "./digest.ts";
import { enrolRequest, enrolResponse, httpFault, keyFingerprint, rotateRequest, rotateResponse } from "./enrolment.ts";
import { closeCode, fromAgent, fromPortal } from "./messages.ts";
import { type Fields, model, typeNames } from "./model.ts";
import { channelRules, messageSummaries } from "./rules.ts";
import { modelVersion, protocolVersion, subprotocol } from "./version.ts";

export type JsonObject = { [key: string]: unknown };

/** JSON Schema of one zod schema, without `$schema`; a reference's target types stand under `x-references`. */
function jsonSchema(schema: z.ZodType): JsonObject {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    override({ jsonSchema: made }) {
      const annotated = made as JsonObject;
      if (annotated.references === undefined) return;
      annotated["x-references"] = annotated.references;
      delete annotated.references;
    },
  }) as JsonObject;
  return rest;
}

const dialect = "https://json-schema.org/draft/2020-12/schema";
const version = `${protocolVersion}.0.0`;
const license = { name: "Apache-2.0", identifier: "Apache-2.0" };

export function modelDocument(): JsonObject {
  const types = typeNames.map((name) => [
    name,
    { ...jsonSchema(model[name].schema), description: model[name].title, "x-rank": model[name].rank },
  ]);
  return {
    $schema: dialect,
    $id: `urn:erpfuser:model:${modelVersion}`,
    title: `ERP Fuser: the portal's model, version ${modelVersion}`,
    description:
      "The fields of each entity type, without type and id. `x-rank`: parents have the same or a lower rank than their children and are sent first. `x-references`: the types that an id points at.",
    "x-model-version": modelVersion,
    $defs: Object.fromEntries(types),
  };
}

/** Each message once by its name; `answer` and `bye` go both ways and are one schema. */
const allMessages: Readonly<Record<string, z.ZodType>> = { ...fromAgent, ...fromPortal };

const refs = (names: readonly string[]): JsonObject[] => names.map((name) => ({ $ref: `#/$defs/${name}` }));

export function messagesDocument(): JsonObject {
  return {
    $schema: dialect,
    $id: `urn:erpfuser:messages:${protocolVersion}`,
    title: `ERP Fuser: messages of ${subprotocol}`,
    description: "One schema per message. The rules between them stand in asyncapi.json.",
    "x-protocol-version": protocolVersion,
    $defs: {
      ...Object.fromEntries(Object.entries(allMessages).map(([name, schema]) => [name, jsonSchema(schema)])),
      fromAgent: { oneOf: refs(Object.keys(fromAgent)) },
      fromPortal: { oneOf: refs(Object.keys(fromPortal)) },
    },
  };
}

export async function asyncApiDocument(): Promise<JsonObject> {
  const names = Object.keys(allMessages);
  const message = (name: string): JsonObject => ({
    name,
    summary: messageSummaries[name],
    contentType: "application/json",
    payload: { $ref: `#/components/schemas/${name}` },
  });
  const inChannel = (list: readonly string[]): JsonObject[] =>
    list.map((name) => ({ $ref: `#/channels/agent/messages/${name}` }));
  return {
    asyncapi: "3.0.0",
    info: { title: "ERP Fuser channel", version, description: channelRules, license: { name: license.name } },
    defaultContentType: "application/json",
    servers: {
      portal: {
        host: "portal.example",
        protocol: "wss",
        description: "The address is told at enrolment.",
        security: [{ $ref: "#/components/securitySchemes/agentToken" }],
      },
    },
    channels: {
      agent: {
        address: "/agent",
        title: `WebSocket, subprotocol ${subprotocol}`,
        messages: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
        bindings: { ws: { method: "GET", bindingVersion: "0.1.0" } },
      },
    },
    operations: {
      fromAgent: {
        action: "receive",
        channel: { $ref: "#/channels/agent" },
        summary: "What the portal hears.",
        messages: inChannel(Object.keys(fromAgent)),
      },
      fromPortal: {
        action: "send",
        channel: { $ref: "#/channels/agent" },
        summary: "What the portal says.",
        messages: inChannel(Object.keys(fromPortal)),
      },
    },
    components: {
      messages: Object.fromEntries(names.map((name) => [name, message(name)])),
      schemas: Object.fromEntries(Object.entries(allMessages).map(([name, schema]) => [name, jsonSchema(schema)])),
      securitySchemes: {
        agentToken: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "Signed by the agent for one connection; see Identity.",
        },
      },
    },
    "x-close-codes": closeCode,
    "x-vectors": await vectors(),
  };
}

/** Results that an implementation can check itself against. */
async function vectors(): Promise<JsonObject[]> {
  const digester = await createDigester();
  const samples: [string, Fields][] = [
    ["E.1", {}],
    ["B.2", { name: "Köln", floor: null, areaSquareMetres: "61.50" }],
    ["U.3", { b: [1, 2.5, 1e21, { z: true, a: "\u20ac" }], a: "line\nbreak" }],
  ];
  return samples.map(([id, fields]) => {
    const entity = digester.entity(fields);
    return { id, fields, digest: digestHex(entity), share: digestHex(digester.share(id, entity)) };
  });
}

export function openApiDocument(): JsonObject {
  const schemas = { enrolRequest, enrolResponse, rotateRequest, rotateResponse, httpFault };
  const body = (name: keyof typeof schemas): JsonObject => ({
    "application/json": { schema: { $ref: `#/components/schemas/${name}` } },
  });
  const fault = (description: string): JsonObject => ({ description, content: body("httpFault") });
  const slowDown = fault("`slow-down`: too many wrong codes; wait a minute.");
  const zeroKey = "A".repeat(43);
  return {
    openapi: "3.1.0",
    info: {
      title: "ERP Fuser enrolment",
      version,
      license,
      description: `Plain HTTPS beside the channel. A fingerprint is the first 16 bytes of SHA-256 over the 32 raw bytes of the public key, hex in groups of four joined by \`-\`: ${keyFingerprint(zeroKey)} for 32 zero bytes. Both sides show it to people.`,
    },
    servers: [{ url: "https://portal.example" }],
    paths: {
      "/enrol": {
        post: {
          operationId: "enrol",
          summary: "Redeems a one-time code for an identity. A code made for a known agent replaces that agent's key.",
          security: [],
          requestBody: { required: true, content: body("enrolRequest") },
          responses: {
            200: { description: "Enrolled; the code is used up.", content: body("enrolResponse") },
            400: fault("`malformed`"),
            403: fault("`code-unknown`, `code-used` or `code-expired`"),
            409: fault("`key-in-use`: another agent has this key. The code stays good."),
            429: slowDown,
          },
        },
      },
      "/rotate": {
        post: {
          operationId: "rotate",
          summary:
            "Replaces the agent's key. Old and new are valid until the new one was used for the first time; asking again is fine.",
          security: [{ agentToken: [] }],
          requestBody: { required: true, content: body("rotateRequest") },
          responses: {
            200: { description: "The new key is valid.", content: body("rotateResponse") },
            400: fault("`malformed`"),
            401: fault("The token is missing, wrong, used before, of a revoked agent, or of a wrong clock"),
            409: fault("`key-in-use`"),
          },
        },
      },
    },
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, jsonSchema(schema)])),
      securitySchemes: {
        agentToken: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "The same token as for the channel." },
      },
    },
  };
}

/** All documents by file name, as text. */
export async function documents(): Promise<Record<string, string>> {
  const made: Record<string, JsonObject> = {
    "model.schema.json": modelDocument(),
    "messages.schema.json": messagesDocument(),
    "asyncapi.json": await asyncApiDocument(),
    "openapi.json": openApiDocument(),
  };
  return Object.fromEntries(Object.entries(made).map(([file, document]) => [file, `${JSON.stringify(document, null, 2)}\n`]));
}
