/** How a message becomes a WebSocket frame and back: text JSON while small, else one codec byte and the compressed JSON. */
import { constants as bufferConstants } from "node:buffer";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type * as z from "zod";

/** A message whose JSON has at most this many bytes travels as a text frame. */
export const textFrameLimit = 4_096;
/** First byte of a binary frame: what follows is the JSON, compressed by zstd (RFC 8878). */
export const zstdCodec = 0x01;

export type MalformedCode = "too-large" | "not-json" | "unknown-codec" | "schema";

/** A frame that may not be read: says where it is faulty, never what it holds. */
export class MalformedFrame extends Error {
  readonly code: MalformedCode;
  /** First faulty place, e.g. `tables.0.rows.3`; empty where the whole frame is meant. */
  readonly path: string;

  constructor(message: string, details: { code: MalformedCode; path?: string; cause?: unknown }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "MalformedFrame";
    this.code = details.code;
    this.path = details.path ?? "";
  }
}

/** Most frames are packed, and unpacked, into one piece of memory of this size. */
const chunkSize = 256 * 1024;
const params = { [constants.ZSTD_c_compressionLevel]: 1 };

/** The frame of one message: a string is sent as a text frame, bytes as a binary one. */
export function encodeFrame(message: unknown): string | Uint8Array {
  const json = JSON.stringify(message);
  // A UTF-16 unit is at least one byte and at most three: most messages are decided without counting.
  if (json.length * 3 <= textFrameLimit) return json;
  const bytes = Buffer.from(json);
  return bytes.length <= textFrameLimit ? json : compress(bytes);
}

/** The frame of a message that is JSON already, as UTF-8 bytes. */
export function encodeJsonBytes(json: Uint8Array): string | Uint8Array {
  return json.length <= textFrameLimit ? Buffer.from(json.buffer, json.byteOffset, json.length).toString("utf8") : compress(json);
}

function compress(json: Uint8Array): Uint8Array {
  // Room for what it comes down to as a rule, and for more in further pieces.
  const body = zstdCompressSync(json, { chunkSize: Math.max(16 * 1024, json.length >> 2), params });
  const frame = Buffer.allocUnsafe(body.length + 1);
  frame[0] = zstdCodec;
  body.copy(frame, 1);
  return frame;
}

export interface DecodeOptions<T> {
  /** Largest JSON in bytes, counted before compression; it also bounds what is unpacked. */
  maxBytes: number;
  schema: z.ZodType<T>;
  /** A quicker look: says yes only to what the schema takes, and leaves as it is. */
  fits?: (value: unknown) => value is T;
}

/**
 * Reads one frame: a string from a text frame, bytes from a binary one.
 * @throws MalformedFrame with the first fault
 */
export function decodeFrame<T>(data: string | Uint8Array, options: DecodeOptions<T>): T {
  if (typeof data !== "string") return decodeJson(unpackFrame(data, options.maxBytes), options);
  if (data.length * 3 > options.maxBytes && Buffer.byteLength(data) > options.maxBytes) throw tooLarge(options.maxBytes);
  return decodeText(data, options);
}

/**
 * The message of a frame's JSON.
 * @throws MalformedFrame `not-json`, `schema`
 */
export function decodeJson<T>(json: Uint8Array, options: Pick<DecodeOptions<T>, "schema" | "fits">): T {
  let text: string;
  try {
    text = utf8.decode(json);
  } catch (error) {
    throw new MalformedFrame("The frame is not UTF-8.", { code: "not-json", cause: error });
  }
  return decodeText(text, options);
}

function decodeText<T>(text: string, { schema, fits }: Pick<DecodeOptions<T>, "schema" | "fits">): T {
  const value = parseJson(text);
  if (value === undefined) throw new MalformedFrame("The frame is not JSON.", { code: "not-json" });
  if (fits?.(value)) return value;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const { path, message } = issue ? describeIssue(issue) : { path: "", message: "is not valid" };
  throw new MalformedFrame(`The frame does not fit its schema at ${path || "its top"}: ${message}.`, { code: "schema", path });
}

/** The message of a frame that was decoded before and kept as it was, a text frame as its bytes or as string: nothing is checked again. */
export function readFrame(data: string | Uint8Array): unknown {
  if (typeof data === "string") return JSON.parse(data);
  const json = data[0] === zstdCodec ? unpackFrame(data, bufferConstants.MAX_LENGTH) : data;
  return JSON.parse(utf8.decode(json));
}

/** The value, or undefined where it is not JSON: the parser's own error quotes the text and goes no further. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const tooLarge = (maxBytes: number): MalformedFrame =>
  new MalformedFrame(`The frame holds more than ${maxBytes} bytes.`, { code: "too-large" });

/** A frame as the socket gives it. */
export interface RawFrame {
  data: Uint8Array;
  isBinary: boolean;
}

/**
 * The JSON of a frame, as bytes that may be anything.
 * @throws MalformedFrame `too-large`, `unknown-codec`, `not-json`
 */
export function frameJson({ data, isBinary }: RawFrame, maxBytes: number): Uint8Array {
  if (isBinary) return unpackFrame(data, maxBytes);
  if (data.length > maxBytes) throw tooLarge(maxBytes);
  return data;
}

function unpackFrame(frame: Uint8Array, maxBytes: number): Uint8Array {
  if (frame[0] !== zstdCodec)
    throw new MalformedFrame("The frame names a codec that is not known here.", { code: "unknown-codec" });
  try {
    return zstdDecompressSync(frame.subarray(1), { chunkSize, maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") {
      throw new MalformedFrame(`The frame unpacks to more than ${maxBytes} bytes.`, { code: "too-large", cause: error });
    }
    throw new MalformedFrame("The frame is not valid zstd.", { code: "not-json", cause: error });
  }
}

/** Place and kind of a fault, free of the values that caused it (zod's own messages may quote them). */
export function describeIssue(issue: z.core.$ZodIssue): { path: string; message: string } {
  const unknownKey = issue.code === "unrecognized_keys" ? [issue.keys[0] ?? ""] : [];
  const path = [...issue.path, ...unknownKey].map(pathPart).join(".");
  return { path, message: issueMessage(issue) };
}

/** A name from a frame is only repeated where it looks like a field's name: it may be somebody's data. */
function pathPart(part: PropertyKey): string {
  const name = String(part);
  return /^(\d+|[A-Za-z][A-Za-z0-9_-]{0,40})$/.test(name) ? name : "?";
}

function issueMessage(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? `is missing or not ${issue.expected}` : `must be ${issue.expected}`;
    case "too_big":
      return `is more than ${issue.maximum}`;
    case "too_small":
      return `is less than ${issue.minimum}`;
    case "invalid_format":
      return `is not a valid ${issue.format}`;
    case "unrecognized_keys":
      return "is not known here";
    case "invalid_value":
      return `must be one of ${issue.values.map(String).join(", ")}`;
    case "custom":
      return issue.message;
    default:
      return "is not valid";
  }
}
