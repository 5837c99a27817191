import { ByteWriter } from "./bytes.ts";

/** What a client says of itself ([MS-TDS] 2.2.6.4). */
export interface Login {
  user: string;
  /** Undefined where the password is proved and not told. */
  password: string | undefined;
  /** Of a Windows account. */
  domain?: string;
  program: string;
  database: string;
}

/** Whether the client wants to log in as a Windows account. */
export const isIntegrated = (body: Buffer): boolean => body.readUInt16LE(80) > 0;

export function readLogin(body: Buffer): Login {
  const field = (index: number): Buffer => {
    const at = body.readUInt16LE(36 + index * 4);
    return body.subarray(at, at + body.readUInt16LE(38 + index * 4) * 2);
  };
  const text = (index: number): string => field(index).toString("utf16le");
  // The password is turned about, half a byte at a time; that hides nothing.
  const password = Buffer.from(field(2)).map((byte) => {
    const turned = byte ^ 0xa5;
    return ((turned & 0x0f) << 4) | (turned >> 4);
  });
  return { user: text(1), password: Buffer.from(password).toString("utf16le"), program: text(3), database: text(8) };
}

const encryption = { on: 1, notSupported: 2, required: 3 } as const;

/** Whether the client wants encryption, or must have it. */
export function wantsEncryption(prelogin: Buffer): boolean {
  for (let at = 0; prelogin[at] !== 0xff && at < prelogin.length; at += 5) {
    if (prelogin[at] !== 1) continue;
    const wanted = prelogin[prelogin.readUInt16BE(at + 1)];
    return wanted === encryption.on || wanted === encryption.required;
  }
  return false;
}

/** The server's answer to PRELOGIN: its version, and whether it encrypts. */
export function preloginAnswer(encrypts: boolean): Buffer {
  const options: [number, Buffer][] = [
    [0, Buffer.from([16, 0, 0x10, 0, 0, 0])],
    [1, Buffer.from([encrypts ? encryption.on : encryption.notSupported])],
    [2, Buffer.from([0])],
    [4, Buffer.from([0])],
  ];
  const head = new ByteWriter();
  let at = options.length * 5 + 1;
  for (const [option, data] of options) {
    const entry = Buffer.alloc(5);
    entry.writeUInt8(option, 0);
    entry.writeUInt16BE(at, 1);
    entry.writeUInt16BE(data.length, 3);
    head.raw(entry);
    at += data.length;
  }
  return Buffer.concat([head.take(), Buffer.from([0xff]), ...options.map(([, data]) => data)]);
}
