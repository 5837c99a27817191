/**
 * A page of entities' digests as typed arrays over one blob. It fits a page of the database (database.ts), so that a single change writes no more than a row
 * of any table would. Words are in the machine's order: little endian on all that Node runs on.
 */
export const slotsPerPage = 640;

const wordBytes = 8 * slotsPerPage;
/** Digests of key, row and entity, and a byte of flags for each slot. */
export const digestPageBytes = 3 * wordBytes + slotsPerPage;

/** What a slot holds; 0: free, it may be given to a new entity. */
export const slotFlags = {
  used: 1,
  /** The row's digest is valid. */
  row: 2,
  /** The entity's digest is valid: the portal holds it. */
  entity: 4,
  /** Only an inventory has named it, it was never read. */
  stranger: 8,
  /** Its entity is gone, but references and index may still name its number (sweep.ts). */
  dead: 16,
  /** While an inventory is taken: the entity's digest is what was last put, and not yet what the portal holds. */
  former: 32,
} as const;

export class DigestPage {
  readonly bytes: Uint8Array;
  readonly keys: BigUint64Array;
  readonly rows: BigUint64Array;
  readonly entities: BigUint64Array;
  /** The same as `keys` and `rows` in halves, lower one first: comparing them makes no bigint, and with a sign they need no memory either. */
  readonly keyWords: Int32Array;
  readonly rowWords: Int32Array;
  readonly flags: Uint8Array;

  constructor(bytes: Uint8Array = new Uint8Array(digestPageBytes)) {
    this.bytes = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
    const { buffer, byteOffset } = this.bytes;
    this.keys = new BigUint64Array(buffer, byteOffset, slotsPerPage);
    this.rows = new BigUint64Array(buffer, byteOffset + wordBytes, slotsPerPage);
    this.entities = new BigUint64Array(buffer, byteOffset + 2 * wordBytes, slotsPerPage);
    this.keyWords = new Int32Array(buffer, byteOffset, 2 * slotsPerPage);
    this.rowWords = new Int32Array(buffer, byteOffset + wordBytes, 2 * slotsPerPage);
    this.flags = new Uint8Array(buffer, byteOffset + 3 * wordBytes, slotsPerPage);
  }
}

/** An entity's number names its page and its slot in it. */
export const numberOf = (page: number, slot: number): number => page * slotsPerPage + slot;
export const pageOf = (no: number): number => Math.floor(no / slotsPerPage);
export const slotOf = (no: number): number => no % slotsPerPage;
