// The 12c verifier: both sides prove that they know the password without sending it (PBKDF2 with SHA-512, AES-256 in CBC).
import { createCipheriv, createDecipheriv, createHash, pbkdf2Sync, randomBytes } from "node:crypto";

/** Rounds of the password's hash, as a 19c server asks for them. */
const rounds = 4096;
const keyRounds = 3;

export interface Challenge {
  /** What is sent to the client: name, value, flag. */
  readonly asked: readonly (readonly [string, string, number])[];
  /** Checks the client's answer; gives the server's own proof, or undefined for a wrong password. */
  answer(given: Readonly<Record<string, string>>): string | undefined;
}

/** Type of the verifier by which this proof goes. */
const verifier12c = 0x4815;

/** @param password undefined for a user who does not exist: who asks learns no difference */
export function challenge(password: string | undefined, type = verifier12c): Challenge {
  const verifier = randomBytes(16);
  const salt = randomBytes(16);
  const serverHalf = randomBytes(32);
  const speedyKey = Buffer.concat([verifier, Buffer.from("AUTH_PBKDF2_SPEEDY_KEY")]);
  const stretched = pbkdf2Sync(password ?? "\0none", speedyKey, rounds, 64, "sha512");
  const hash = createHash("sha512").update(stretched).update(verifier).digest().subarray(0, 32);
  return {
    asked: [
      ["AUTH_SESSKEY", hex(encrypt(hash, serverHalf)), 0],
      ["AUTH_VFR_DATA", hex(verifier), type],
      ["AUTH_PBKDF2_CSK_SALT", hex(salt), 0],
      ["AUTH_PBKDF2_VGEN_COUNT", String(rounds), 0],
      ["AUTH_PBKDF2_SDER_COUNT", String(keyRounds), 0],
    ],
    answer(given) {
      const clientHalf = decrypt(hash, Buffer.from(given.AUTH_SESSKEY ?? "", "hex")).subarray(0, 32);
      const both = Buffer.from(hex(Buffer.concat([clientHalf, serverHalf])));
      const key = pbkdf2Sync(both, salt, keyRounds, 32, "sha512");
      const sent = decrypt(key, Buffer.from(given.AUTH_PASSWORD ?? "", "hex"));
      const plain = sent.subarray(16, sent.length - (sent.at(-1) ?? 0)).toString();
      if (password === undefined || plain !== password) return undefined;
      return hex(encrypt(key, Buffer.concat([randomBytes(16), Buffer.from("SERVER_TO_CLIENT")])));
    },
  };
}

function hex(bytes: Buffer): string {
  return bytes.toString("hex").toUpperCase();
}

function encrypt(key: Buffer, data: Buffer): Buffer {
  const cipher = createCipheriv("aes-256-cbc", key, Buffer.alloc(16)).setAutoPadding(false);
  // The server's proof is padded by the client's own rule: only whole blocks are ever sent.
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

function decrypt(key: Buffer, data: Buffer): Buffer {
  const cipher = createDecipheriv("aes-256-cbc", key, Buffer.alloc(16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}
