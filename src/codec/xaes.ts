/**
 * XAES-256-GCM: AES-256-GCM under a key derived per message from a 192-bit nonce, so that random nonces are safe for
 * 2^80 messages per key (bare AES-GCM: 2^32, which a busy cache spends within days).
 *
 * It does not commit to the key, which matters only to those who try several keys: callers must select one by its id.
 *
 * Source: https://c2sp.org/XAES-256-GCM
 */
import { type KeyObject, createCipheriv, createDecipheriv } from 'node:crypto';

export const KEY_BYTES = 32;
export const NONCE_BYTES = 24;
export const TAG_BYTES = 16;

const BLOCK_BYTES = 16;
/** The nonce's first half goes into the derivation of the key, the second is the nonce of AES-GCM. */
const DERIVATION_BYTES = 12;

export interface Sealed {
  readonly nonce: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

/** One key. Its secrets are private fields: printing it shows nothing. */
export class XaesKey {
  readonly #key: KeyObject;
  /** The CMAC subkey of the key, which is the same for all messages. */
  readonly #k1: Buffer;

  /** @param key a secret key of 32 bytes */
  constructor(key: KeyObject) {
    this.#key = key;
    this.#k1 = cmacSubkey(this.#encryptBlocks(Buffer.alloc(BLOCK_BYTES)));
  }

  /** @param nonce 24 bytes, never used before under this key: take them from a secure source of randomness */
  seal(plaintext: Buffer, associatedData: Buffer, nonce: Buffer): Sealed {
    const cipher = createCipheriv('aes-256-gcm', this.#messageKey(nonce), nonce.subarray(DERIVATION_BYTES), {
      authTagLength: TAG_BYTES,
    });
    cipher.setAAD(associatedData);
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    return { nonce, ciphertext, tag: cipher.getAuthTag() };
  }

  /** The plaintext, or undefined if anything was changed. Nothing is returned before all of it is verified. */
  open({ nonce, ciphertext, tag }: Sealed, associatedData: Buffer): Buffer | undefined {
    if (nonce.length !== NONCE_BYTES || tag.length !== TAG_BYTES) return undefined;
    // without authTagLength Node would accept a tag of 4 bytes
    const decipher = createDecipheriv('aes-256-gcm', this.#messageKey(nonce), nonce.subarray(DERIVATION_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(associatedData);
    decipher.setAuthTag(tag);
    const plaintext = decipher.update(ciphertext);
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plaintext;
  }

  /** The key of one message: CMAC of a counter, 'X' and the nonce, in the counter mode of SP 800-108. */
  #messageKey(nonce: Buffer): Buffer {
    const blocks = Buffer.alloc(2 * BLOCK_BYTES);
    for (const [index, start] of [0, BLOCK_BYTES].entries()) {
      blocks[start + 1] = index + 1;
      blocks[start + 2] = 0x58;
      nonce.copy(blocks, start + 4, 0, DERIVATION_BYTES);
    }
    for (let index = 0; index < blocks.length; index += 1) {
      blocks[index] = (blocks[index] as number) ^ (this.#k1[index % BLOCK_BYTES] as number);
    }
    return this.#encryptBlocks(blocks);
  }

  #encryptBlocks(blocks: Buffer): Buffer {
    const cipher = createCipheriv('aes-256-ecb', this.#key, null);
    cipher.setAutoPadding(false);
    return cipher.update(blocks);
  }
}

/** Doubling in GF(2^128), as CMAC derives its first subkey. */
function cmacSubkey(block: Buffer): Buffer {
  const doubled = Buffer.alloc(BLOCK_BYTES);
  for (let index = 0; index < BLOCK_BYTES; index += 1) {
    const carry = (block[index + 1] ?? 0) >> 7;
    doubled[index] = ((block[index] as number) << 1) | carry;
  }
  if ((block[0] as number) >> 7 === 1) doubled[BLOCK_BYTES - 1] = (doubled[BLOCK_BYTES - 1] as number) ^ 0x87;
  return doubled;
}
