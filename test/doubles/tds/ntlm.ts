import { ByteWriter } from "./bytes.ts";

/** A login by NTLM as the server sees it ([MS-NLMP] 2.2.1); the proof of the password is not looked at: that would take MD4, which nobody has any more. */

/** CHALLENGE, with the domain of the server's own. */
export function ntlmChallenge(domain: string): Buffer {
  const name = Buffer.from(domain, "utf16le");
  const target = Buffer.alloc(4);
  const sized = (length: number, at: number): Buffer => {
    const entry = Buffer.alloc(8);
    entry.writeUInt16LE(length, 0);
    entry.writeUInt16LE(length, 2);
    entry.writeUInt32LE(at, 4);
    return entry;
  };
  return new ByteWriter()
    .raw(Buffer.from("NTLMSSP\0", "latin1"))
    .u32(2)
    .raw(sized(name.length, 56))
    .u32(0x8201)
    .raw(Buffer.from("0123456789abcdef", "hex"))
    .raw(Buffer.alloc(8))
    .raw(sized(target.length, 56 + name.length))
    .raw(Buffer.alloc(8))
    .raw(name)
    .raw(target)
    .take();
}

/** Who answers a challenge (AUTHENTICATE). */
export function ntlmAnswer(message: Buffer): { domain: string; user: string } {
  if (message.toString("latin1", 0, 8) !== "NTLMSSP\0" || message.readUInt32LE(8) !== 3) throw new Error("No answer of NTLM");
  const field = (at: number): string => {
    const from = message.readUInt32LE(at + 4);
    return message.toString("utf16le", from, from + message.readUInt16LE(at));
  };
  return { domain: field(28), user: field(36) };
}
