/**
 * The bytes of documents: asked of the agent when somebody wants them, taken piece by piece, compared by size and SHA-256, and kept. What a broken link has left
 * unfinished is asked for again on the next one, from where it ended.
 */
import { createHash, type Hash } from "node:crypto";
import { FuserError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import type { BlobPiece } from "../protocol/blob-piece.ts";
import { MalformedFrame } from "../protocol/frames.ts";
import type { Answer, Blob as Begun, PortalMessage } from "../protocol/messages.ts";
import type { Events } from "./events.ts";
import type { Hooks } from "./settings.ts";
import type { Store } from "./store.ts";

/** What the portal has of a document's bytes. `refused`: `reason` says why the agent gave none; of `held`, why it could not look again. */
export interface DocumentState {
  state: "wanted" | "held" | "refused";
  received: number;
  sizeBytes: number | null;
  sha256: string | null;
  reason: string | null;
}

export interface Documents {
  /** Asks for the bytes, now or when the agent is there; bytes that are held already are kept until others have come. @throws FuserError `document-unknown` */
  want(agentId: string, id: string): void;
  /** Undefined where nobody has asked for them. */
  find(agentId: string, id: string): DocumentState | undefined;
  /** In their order; undefined while they are not all there. */
  pieces(agentId: string, id: string): Iterable<Uint8Array> | undefined;
  begun(agentId: string, message: Begun): void;
  /** @throws MalformedFrame for one that nobody has asked for, or that leaves bytes out */
  piece(agentId: string, piece: BlobPiece): void;
  answered(agentId: string, answer: Answer): void;
}

interface DocumentParts {
  store: Store;
  /** The same with all that is acked in its tables. */
  settled: () => Store;
  events: Events;
  clock: Clock;
  hooks: Hooks;
  newId: () => string;
  /** Sends where the agent is connected; false where it is not. */
  send: (agentId: string, message: PortalMessage) => boolean;
  /** Cuts the agent's link. */
  cut: (agentId: string) => void;
}

interface Row extends DocumentState {
  id: string;
  version: string | null;
}

interface Transfer {
  agentId: string;
  document: string;
  hash: Hash;
  /** What the agent has said of it, once it did. */
  sizeBytes: number | undefined;
}

/** Asked for and not answered, for each agent. */
const mostAsked = 8;
/** Bytes that change while they are read, or arrive damaged, are asked for again so often. */
const mostTries = 3;
const again = new Set(["changed", "damaged"]);
/** Reasons that may be gone by the next connection. */
const passing = ["later", "busy", "changed", "damaged"];

const columns = "id, state, version, size_bytes AS sizeBytes, sha256, received, reason";
const here = "WHERE agent_id = ? AND id = ?";

export function documentsIn(parts: DocumentParts): Documents {
  const { store, events, clock } = parts;
  /** By the id of the request, on the agent's present link. */
  const transfers = new Map<string, Transfer>();
  const tries = new Map<string, number>();
  const rowOf = (agentId: string, id: string): Row | undefined =>
    store.get<Row>(`SELECT ${columns} FROM document ${here}`, agentId, id);
  const asked = (agentId: string): Set<string> =>
    new Set([...transfers.values()].flatMap((one) => (one.agentId === agentId ? [one.document] : [])));
  const ask = (agentId: string, row: Row): void => {
    const id = parts.newId();
    const version = row.version === null || row.received === 0 ? {} : { version: row.version };
    if (!parts.send(agentId, { type: "blob-request", id, document: row.id, offset: row.received, ...version })) return;
    transfers.set(id, { agentId, document: row.id, hash: createHash("sha256"), sizeBytes: undefined });
  };
  const askNext = (agentId: string): void => {
    const under = asked(agentId);
    const sql = `SELECT ${columns} FROM document WHERE agent_id = ? AND state = 'wanted' ORDER BY at LIMIT ?`;
    for (const row of store.all<Row>(sql, agentId, mostAsked))
      if (!under.has(row.id) && under.size < mostAsked) {
        under.add(row.id);
        ask(agentId, row);
      }
  };
  const drop = (agentId: string, id: string): void => {
    store.run(`DELETE FROM document_piece ${here}`, agentId, id);
    store.run(`UPDATE document SET received = 0, version = NULL, sha256 = NULL ${here}`, agentId, id);
  };
  const refuse = (agentId: string, id: string, reason: string): void => {
    const name = `${agentId} ${id}`;
    const tried = (tries.get(name) ?? 0) + 1;
    const repeats = again.has(reason) && tried < mostTries;
    if (repeats) tries.set(name, tried);
    else tries.delete(name);
    store.transaction(() => {
      // What a person could see before stays where it only could not be looked at again.
      if (!passing.includes(reason) || again.has(reason)) drop(agentId, id);
      const state = repeats ? "wanted" : isWhole(rowOf(agentId, id)) ? "held" : "refused";
      store.run(`UPDATE document SET state = ?, reason = ? ${here}`, state, reason, agentId, id);
    });
    if (!repeats) events.emit({ kind: "document", agentId, id, state: "refused", reason });
  };
  const hold = (agentId: string, id: string, { sizeBytes, sha256 }: { sizeBytes: number; sha256: string }): void => {
    tries.delete(`${agentId} ${id}`);
    const sql = `UPDATE document SET state = 'held', reason = NULL, size_bytes = ?, sha256 = ? ${here}`;
    store.transaction(() => store.run(sql, sizeBytes, sha256, agentId, id));
    events.emit({ kind: "document", agentId, id, state: "held", reason: undefined });
  };
  events.listen((event) => {
    if (event.kind !== "connected") return;
    const { agentId } = event;
    for (const [id, transfer] of transfers) if (transfer.agentId === agentId) transfers.delete(id);
    const list = passing.map(() => "?").join(", ");
    const sql = `UPDATE document SET state = 'wanted' WHERE agent_id = ? AND state = 'refused' AND reason IN (${list})`;
    store.run(sql, agentId, ...passing);
    askNext(agentId);
  });
  return {
    want(agentId, id) {
      if (entityOf(parts.settled(), agentId, id) === undefined)
        throw new FuserError("rejected", "There is no such document.", {
          code: "document-unknown",
          operation: "ask for a document",
        });
      const sql = `INSERT INTO document (agent_id, id, state, at) VALUES (?, ?, 'wanted', ?)
        ON CONFLICT DO UPDATE SET state = 'wanted', reason = NULL, at = excluded.at`;
      store.run(sql, agentId, id, clock.now());
      askNext(agentId);
    },
    find(agentId, id) {
      const row = rowOf(agentId, id);
      if (row === undefined) return undefined;
      const { state, received, sizeBytes, sha256, reason } = row;
      return { state, received, sizeBytes, sha256, reason };
    },
    pieces(agentId, id) {
      if (!isWhole(rowOf(agentId, id))) return undefined;
      return piecesOf(store, agentId, id);
    },
    begun(agentId, { id, offset, sizeBytes, version }) {
      const transfer = transfers.get(id);
      if (transfer?.agentId !== agentId) return;
      const { document } = transfer;
      const row = rowOf(agentId, document);
      transfer.sizeBytes = sizeBytes;
      if (offset !== row?.received || version !== row.version) drop(agentId, document);
      // One that leaves out what is not held is damaged; the comparison at the end tells.
      else for (const bytes of piecesOf(store, agentId, document)) transfer.hash.update(bytes);
      store.run(`UPDATE document SET version = ?, size_bytes = ? ${here}`, version, sizeBytes, agentId, document);
    },
    piece(agentId, { id, offset, bytes }) {
      const transfer = transfers.get(id);
      if (transfer?.agentId !== agentId || transfer.sizeBytes === undefined) throw malformed("was not asked for");
      const { document, sizeBytes } = transfer;
      const received = rowOf(agentId, document)?.received;
      if (parts.hooks.piece?.(document, offset) === "drop") return parts.cut(agentId);
      // Its entity is gone, and with it all that was kept.
      if (received === undefined) return;
      if (offset !== received || offset + bytes.length > sizeBytes) throw malformed("does not begin where the last one ended");
      transfer.hash.update(bytes);
      // The agent forgets nothing by the ack: what a power cut takes back is asked for again.
      store.repeatable(() => {
        const sql = "INSERT INTO document_piece (agent_id, id, offset, bytes) VALUES (?, ?, ?, ?)";
        store.run(sql, agentId, document, offset, bytes);
        store.run(`UPDATE document SET received = received + ? ${here}`, bytes.length, agentId, document);
      });
      parts.send(agentId, { type: "blob-ack", id, offset: offset + bytes.length });
    },
    answered(agentId, { id, outcome, reason, blob }) {
      const transfer = transfers.get(id);
      if (transfer?.agentId !== agentId) return;
      transfers.delete(id);
      const { document } = transfer;
      const row = rowOf(agentId, document);
      if (row !== undefined) {
        const fault = outcome === "refused" || blob === undefined ? (reason ?? "unreadable") : faultOf(blob, { row, transfer });
        const entity = entityOf(parts.settled(), agentId, document);
        if (fault !== undefined) refuse(agentId, document, fault);
        else if (blob !== undefined && differs(entity, blob)) refuse(agentId, document, "differs");
        else if (blob !== undefined) hold(agentId, document, blob);
      }
      askNext(agentId);
    },
  };
}

/** All of it has come, and was compared. */
const isWhole = (row: Row | undefined): boolean => row !== undefined && row.sha256 !== null && row.received === row.sizeBytes;

/** What came is what the agent says that it sent. */
function faultOf(blob: NonNullable<Answer["blob"]>, { row, transfer }: { row: Row; transfer: Transfer }): string | undefined {
  const isWhole = row.received === blob.sizeBytes && transfer.sizeBytes === blob.sizeBytes;
  return isWhole && transfer.hash.digest("hex") === blob.sha256 ? undefined : "damaged";
}

/** The ERP keeps size or digest itself, and another one. */
function differs(
  entity: { sizeBytes: number | null; sha256: string | null } | undefined,
  blob: NonNullable<Answer["blob"]>,
): boolean {
  const isOther = (told: unknown, found: unknown): boolean => told !== null && told !== undefined && told !== found;
  return isOther(entity?.sizeBytes, blob.sizeBytes) || isOther(entity?.sha256, blob.sha256);
}

function entityOf(store: Store, agentId: string, id: string): { sizeBytes: number | null; sha256: string | null } | undefined {
  return store.get(
    `SELECT json_extract(fields, '$.sizeBytes') AS sizeBytes, json_extract(fields, '$.sha256') AS sha256 FROM entity
     WHERE agent_id = ? AND type = 'document' AND id = ? AND deleted_at IS NULL`,
    agentId,
    id,
  );
}

function* piecesOf(store: Store, agentId: string, id: string): Generator<Uint8Array> {
  const sql = `SELECT offset, bytes FROM document_piece ${here} AND offset >= ? ORDER BY offset LIMIT 1`;
  for (let at = 0; ; ) {
    const row = store.get<{ offset: number; bytes: Uint8Array }>(sql, agentId, id, at);
    if (row === undefined) return;
    yield row.bytes;
    at = row.offset + row.bytes.length;
  }
}

/** The entity is deleted: nothing of its bytes stays. */
export function dropDocument(store: Store, agentId: string, id: string): void {
  for (const table of ["document_piece", "document"]) store.run(`DELETE FROM ${table} ${here}`, agentId, id);
}

const malformed = (what: string): MalformedFrame => new MalformedFrame(`The piece of a document ${what}.`, { code: "schema" });
