import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { documents, type JsonObject, messagesDocument, modelDocument, openApiDocument } from "../../../protocol/documents.ts";
import { closeCode, fromAgent, fromPortal } from "../../../protocol/messages.ts";
import { messageSummaries } from "../../../protocol/rules.ts";
import { modelVersion, protocolVersion } from "../../../protocol/version.ts";
import { entityDigest, shareOf, documents as written } from "../../support/schema-only.ts";

const folder = new URL("../../../protocol/generated/", import.meta.url);

/** SHA-256 of the schemas by version, texts for people left out. A changed hash needs a new version, unless that version was never released. */
const pinned = {
  protocol: { 1: "524362ec022a7dceb347794069b06ad692c1df8502c6367babb7dc43d55890d3" },
  model: { 1: "b89707f8b165b978b57892590ee223b2d77d2ab4427327bb44bf0a5d72289110" },
} as const;

function hashOf(value: unknown): string {
  const texts = new Set(["description", "title", "summary"]);
  const bare = (inner: unknown): unknown => {
    if (Array.isArray(inner)) return inner.map(bare);
    if (typeof inner !== "object" || inner === null) return inner;
    const kept = Object.entries(inner).filter(([key, text]) => !(texts.has(key) && typeof text === "string"));
    return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, child]) => [key, bare(child)]));
  };
  return createHash("sha256")
    .update(JSON.stringify(bare(value)))
    .digest("hex");
}

test("The generated documents on disk are what the schemas say now (else: npm run generate)", async () => {
  const now = await documents();
  expect(readdirSync(folder).sort()).toEqual(Object.keys(now).sort());
  for (const [file, text] of Object.entries(now)) expect(readFileSync(new URL(file, folder), "utf8") === text, file).toBe(true);
});

test("A changed wire schema has a new protocol version", () => {
  const { components } = openApiDocument() as { components: JsonObject };
  expect(hashOf([messagesDocument(), components.schemas])).toBe(pinned.protocol[protocolVersion]);
});

test("A changed model has a new model version", () => {
  expect(hashOf(modelDocument())).toBe(pinned.model[modelVersion]);
});

test("Every message and every close code is explained", () => {
  for (const name of Object.keys({ ...fromAgent, ...fromPortal })) {
    expect(messageSummaries[name], name).toBeTruthy();
    expect(written.asyncapi.components.messages[name].payload.$ref).toBe(`#/components/schemas/${name}`);
  }
  for (const code of Object.values(closeCode)) expect(written.asyncapi.info.description).toContain(String(code));
});

test("Every reference inside the documents leads somewhere", () => {
  for (const document of Object.values(written)) {
    const references = JSON.stringify(document).match(/"\$ref":"#[^"]*"/g) ?? [];
    for (const reference of references) {
      const path = reference.slice(9, -1).split("/").slice(1);
      expect(
        path.reduce((inner: JsonObject | undefined, key) => inner?.[key] as JsonObject | undefined, document),
        reference,
      ).toBeDefined();
    }
  }
});

test("The digests of the vectors come out as the documents' own words describe them", () => {
  expect(written.asyncapi["x-vectors"].length).toBeGreaterThan(2);
  for (const vector of written.asyncapi["x-vectors"]) {
    expect(entityDigest(vector.fields)).toBe(vector.digest);
    expect(shareOf(vector.id, vector.digest)).toBe(vector.share);
  }
});
