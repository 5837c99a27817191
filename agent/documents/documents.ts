/**
 * Finds the bytes that the portal asks for: of a document that it holds, at the place that the ERP names now. What is wrong there is a finding, until it is
 * mended; the document itself flows without its bytes.
 */
import { type FuserError, isAbort, kindOf } from "../../base/errors.ts";
import { splitId } from "../../base/key.ts";
import type { Log } from "../../base/log.ts";
import type { Clock } from "../../base/time.ts";
import type { Config, DocumentBytes, Source } from "../../config/config.ts";
import type { Connector, SourceQuery } from "../../connectors/connector.ts";
import type { FindingName } from "../quality/judged.ts";
import type { Store } from "../store/store.ts";
import { readAddress } from "./addresses.ts";
import { columnQuery, readColumn } from "./columns.ts";
import type { BytesFault, Content } from "./content.ts";
import { openFile } from "./files.ts";

/** Gives what the ERP says of a document's place, path or address: null where it names none, undefined where its row is not there or makes none. */
export type TellPath = (key: string, signal: AbortSignal) => Promise<string | null | undefined>;

export interface DocumentParts {
  config: Pick<Config, "sources">;
  erp: Connector;
  /** The source's own query. */
  queryOf: (source: Source) => SourceQuery;
  /** How the path of a source's file is told. @throws FuserError where the database lacks what it needs */
  tellPath: (source: Source, bytes: DocumentBytes & { kind: "file" | "url" }, signal: AbortSignal) => Promise<TellPath>;
  store: Pick<Store, "entities" | "findings" | "facts">;
  clock: Clock;
  log: Log;
  /** True while the ERP is not to be read. */
  onHold: () => boolean;
}

/** Why there are no bytes now; the words of the protocol. */
export type Refused = { refused: BytesFault | "not offered" | "unknown" | "later" };

export interface Documents {
  /** The bytes of the document with this id. @throws what is a bug of this side */
  open(id: string, signal: AbortSignal): Promise<Content | Refused>;
  /** Looks again at what is found fault with: closes what is mended, or gone. */
  lookAgain(signal: AbortSignal): Promise<void>;
}

const rules: Readonly<Record<BytesFault, FindingName>> = {
  missing: "document-missing",
  unreadable: "document-unreadable",
  "too-large": "document-too-large",
  outside: "document-outside",
};

/** What is looked at again at once, so that many broken links cost the ERP little. */
const mostAgain = 100;

export function documentsOf(parts: DocumentParts): Documents {
  const { config, store, clock, log } = parts;
  const paths = new Map<string, TellPath>();
  const find = async (source: Source, key: string, signal: AbortSignal): Promise<Content | BytesFault> => {
    const bytes = source.bytes as DocumentBytes;
    if (bytes.kind === "column") {
      const query = columnQuery(parts.queryOf(source), bytes);
      return await readColumn(parts.erp, { query, bytes, key }, signal);
    }
    const tell = paths.get(source.name) ?? (await parts.tellPath(source, bytes, signal));
    paths.set(source.name, tell);
    const told = await tell(key, signal);
    if (told === null) return "missing";
    if (told === undefined) return "unreadable";
    if (bytes.kind === "url") return await readAddress({ ...bytes, told }, clock, signal);
    return await openFile({ root: bytes.root, told, maxBytes: bytes.maxBytes });
  };
  const note = (source: string, key: string, fault: BytesFault | undefined): void => {
    const raised = fault && { rule: rules[fault], source, key, field: "bytes", other: "", params: {} };
    const group = store.facts.hash("document-bytes", `${source} ${key}`);
    store.findings.replace(group, raised === undefined ? [] : [raised], clock.now());
  };
  const look = async (source: Source, key: string, signal: AbortSignal): Promise<Content | Refused> => {
    if (parts.onHold()) return { refused: "later" };
    try {
      const found = await find(source, key, signal);
      const fault = typeof found === "string" ? found : undefined;
      note(source.name, key, fault);
      if (fault === undefined) return found as Content;
      log.debug("The bytes of a document can't be had", { code: rules[fault], source: source.name });
      return { refused: fault };
    } catch (error) {
      if (signal.aborted || isAbort(error) || kindOf(error) === "bug") throw error;
      const { code, message } = error as FuserError;
      log.warn(`The bytes of a document can't be read now: ${message}`, { code, source: source.name });
      return { refused: "later" };
    }
  };
  return {
    async open(id, signal) {
      const { prefix, key } = splitId(id);
      const ofType = config.sources.filter((source) => source.type === "document" && source.prefix === prefix);
      const source = ofType.find(({ name }) => store.entities.known(name, key));
      if (source === undefined) return { refused: "unknown" };
      return source.bytes === undefined ? { refused: "not offered" } : await look(source, key, signal);
    },
    async lookAgain(signal) {
      const found = Object.values(rules).flatMap((rule) => store.findings.list({ rule, limit: mostAgain }));
      for (const { source: name, key } of found) {
        const source = config.sources.find((one) => one.name === name && one.bytes !== undefined);
        if (source === undefined || !store.entities.known(name, key)) note(name, key, undefined);
        else {
          const content = await look(source, key, signal);
          if (!("refused" in content)) await content[Symbol.asyncDispose]();
        }
      }
    },
  };
}
