/** Code page 1252, which most German databases keep their `varchar` in. */
const decoder = new TextDecoder("windows-1252");
const bytes = new Map(Array.from({ length: 256 }, (_, byte) => [decoder.decode(Uint8Array.of(byte)), byte]));

/** What the code page lacks becomes a question mark, as the server makes it. */
export function to1252(text: string): string {
  if (isAscii(text)) return text;
  return Array.from({ length: text.length }, (_, at) => text.charAt(at))
    .map((unit) => (bytes.has(unit) ? unit : "?"))
    .join("");
}

export function encode1252(text: string): Buffer {
  if (isAscii(text)) return Buffer.from(text, "latin1");
  return Buffer.from(Array.from({ length: text.length }, (_, at) => bytes.get(text.charAt(at)) ?? 0x3f));
}

export function decode1252(encoded: Uint8Array): string {
  return decoder.decode(encoded);
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}
