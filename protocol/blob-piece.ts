/** A piece of a document's bytes as a WebSocket frame: one byte for the form, then the request's id, the offset, and the bytes as they are. */
import { MalformedFrame } from "./frames.ts";

/** First byte of the frame. */
export const pieceCodec = 0x02;
/** Most bytes of one piece: what waits behind it on a slow line waits no longer than a moment. */
export const pieceBytes = 32_768;
/** Most pieces that are sent beyond what was taken. */
export const piecesInFlight = 4;

export interface BlobPiece {
  type: "piece";
  /** Id of the `blob-request`. */
  id: string;
  offset: number;
  bytes: Uint8Array;
}

/** @param piece.id at most 64 characters, as the schema of a request's id has it */
export function encodePiece({ id, offset, bytes }: Omit<BlobPiece, "type">): Uint8Array {
  const name = Buffer.from(id);
  const head = 2 + name.length + 8;
  const frame = Buffer.allocUnsafe(head + bytes.length);
  frame[0] = pieceCodec;
  frame[1] = name.length;
  name.copy(frame, 2);
  frame.writeBigUInt64BE(BigInt(offset), 2 + name.length);
  frame.set(bytes, head);
  return frame;
}

export const isPiece = (frame: Uint8Array): boolean => frame[0] === pieceCodec;

/** @throws MalformedFrame where it is cut short, or larger than a piece may be */
export function decodePiece(frame: Uint8Array): BlobPiece {
  const nameBytes = frame[1] ?? 0;
  const head = 2 + nameBytes + 8;
  const malformed = (what: string): MalformedFrame => new MalformedFrame(`The piece of a document ${what}.`, { code: "schema" });
  if (nameBytes === 0 || frame.length <= head) throw malformed("is cut short");
  if (frame.length - head > pieceBytes) throw malformed(`holds more than ${pieceBytes} bytes`);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const offset = Number(view.getBigUint64(2 + nameBytes));
  if (!Number.isSafeInteger(offset)) throw malformed("begins beyond all sizes");
  return {
    type: "piece",
    id: Buffer.from(frame.subarray(2, 2 + nameBytes)).toString("utf8"),
    offset,
    bytes: frame.subarray(head),
  };
}
