import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { FileFault } from "./fault.ts";
import type { Encoding } from "./table.ts";

/** Bytes read at a time: what is made of them is done in far less than the 50 ms for which nothing may hold up the agent. */
const chunkBytes = 16_384;

/** What a file is, found by reading all of its bytes once. */
export interface Inspected {
  sha256: string;
  bytes: number;
  /** What `auto` makes of it. */
  encoding: Exclude<Encoding, "auto">;
}

/** Pieces of a file, each good until the next is asked for. */
export async function* bytesOf(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** UTF-8 is recognised by the whole file: an umlaut may stand in its last line. */
export async function inspect(path: string, signal: AbortSignal): Promise<Inspected> {
  const hash = createHash("sha256");
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let bytes = 0;
  let utf8 = true;
  let utf16: boolean | undefined;
  for await (const chunk of bytesOf(path, signal)) {
    hash.update(chunk);
    utf16 ??= looksLikeUtf16(chunk);
    utf8 &&= decodes(decoder, chunk);
    bytes += chunk.length;
  }
  utf8 &&= decodes(decoder, undefined);
  // What is UTF-8 but for a damaged letter must not be read as something else, all of its umlauts wrong.
  if (!utf8 && !utf16) utf8 = await isDamagedUtf8(path, signal);
  return { sha256: hash.digest("hex"), bytes, encoding: utf16 ? "utf-16le" : utf8 ? "utf-8" : "windows-1252" };
}

/** Whether most bytes beyond ASCII make letters in UTF-8, or the file begins with its mark. In other encodings hardly any do. */
async function isDamagedUtf8(path: string, signal: AbortSignal): Promise<boolean> {
  let letters = 0;
  let strays = 0;
  let wanted = 0;
  let first = true;
  for await (const chunk of bytesOf(path, signal)) {
    if (first && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf) return true;
    first = false;
    for (const byte of chunk) {
      if (byte >= 0x80 && byte < 0xc0) {
        if (wanted === 0) strays += 1;
        else if (--wanted === 0) letters += 1;
        continue;
      }
      if (wanted > 0) strays += 1;
      wanted = byte < 0xc2 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : byte < 0xf5 ? 3 : 0;
      if (byte >= 0xc0 && wanted === 0) strays += 1;
    }
  }
  return letters > strays;
}

function decodes(decoder: TextDecoder, chunk: Buffer | undefined): boolean {
  try {
    decoder.decode(chunk, { stream: chunk !== undefined });
    return true;
  } catch {
    return false;
  }
}

/** A byte order mark, or letters with a zero behind each, as Latin text has them. */
function looksLikeUtf16(head: Buffer): boolean {
  if (head.length < 2) return false;
  if (head[0] === 0xff && head[1] === 0xfe) return true;
  const some = head.subarray(0, 512);
  let zeros = 0;
  for (let index = 1; index < some.length; index += 2) if (some[index] === 0 && some[index - 1] !== 0) zeros += 1;
  return zeros > 0 && zeros * 2 >= some.length >> 1;
}

/** The text of a file, piece by piece. @throws FileFault where the bytes are none of that encoding */
export async function* textOf(path: string, encoding: Exclude<Encoding, "auto">, signal: AbortSignal): AsyncGenerator<string> {
  const decode = decoderOf(encoding);
  let line = 1;
  for await (const chunk of bytesOf(path, signal)) {
    const text = decode(chunk);
    if (text.includes("\0")) throw nulFault(line + text.slice(0, text.indexOf("\0")).split("\n").length - 1);
    line += text.split("\n").length - 1;
    yield text;
  }
  const rest = decode(undefined);
  if (rest !== "") yield rest;
}

type Decode = (chunk: Buffer | undefined) => string;

function decoderOf(encoding: Exclude<Encoding, "auto">): Decode {
  if (encoding === "cp850") return (chunk) => (chunk === undefined ? "" : decodeCp850(chunk));
  const decoder = new TextDecoder(encoding, { fatal: true });
  let line = 1;
  return (chunk) => {
    if (chunk !== undefined && encoding === "windows-1252") requireWindows1252(chunk, line);
    try {
      const text = decoder.decode(chunk, { stream: chunk !== undefined });
      line += text.split("\n").length - 1;
      return text;
    } catch (cause) {
      throw encodingFault(encoding, line, cause);
    }
  };
}

/** Five bytes mean nothing in windows-1252. In cp850 one of them is the ü. */
function requireWindows1252(chunk: Buffer, line: number): void {
  for (let index = 0; index < chunk.length; index++) {
    const byte = chunk[index] as number;
    if (byte !== 0x81 && byte !== 0x8d && byte !== 0x8f && byte !== 0x90 && byte !== 0x9d) continue;
    throw encodingFault("windows-1252", line + chunk.subarray(0, index).toString("latin1").split("\n").length - 1);
  }
}

/** Some programs make a file as long as it will be before they fill it. */
function nulFault(line: number): FileFault {
  return new FileFault({
    line,
    message: `In line ${line} there are bytes of zero: it was not filled to its end, or is in another encoding`,
    remedy:
      "Let the ERP write it anew; set `encoding: utf-16le` where it writes that; where it writes with long pauses, a longer `settle`.",
  });
}

function encodingFault(encoding: string, line: number, cause?: unknown): FileFault {
  const details = {
    line,
    message: `From line ${line} on there are bytes that are no ${encoding}`,
    remedy:
      "Set `encoding` to the one in which the ERP writes (cp850 where umlauts are wrong, utf-8, utf-16le), or let it write the file anew.",
  };
  return new FileFault(details, cause);
}

/** Code page 850 from 128 on (unicode.org, MICSFT/PC/CP850.TXT): TextDecoder does not know it. */
const cp850 =
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0";

function decodeCp850(chunk: Buffer): string {
  let text = "";
  for (const byte of chunk) text += byte < 128 ? String.fromCharCode(byte) : (cp850[byte - 128] as string);
  return text;
}
