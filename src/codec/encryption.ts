import { systemRandom } from '../core/random.js';
import { associatedData } from './associated-data.js';
import type { CodecContext } from './context.js';
import { showKeyId } from './encryption-key.js';
import { encryptedHeader, encryptedParts } from './envelope.js';
import { EncryptionError } from './errors.js';
import type { Keyring } from './keyring.js';
import { NONCE_BYTES } from './xaes.js';

/** The encrypted envelope of a payload, sealed with the active key for this place only. */
export function encrypt(
  payload: Buffer,
  { flags, keyring, context }: { readonly flags: number; readonly keyring: Keyring; readonly context: CodecContext },
): Buffer {
  const header = encryptedHeader(flags, keyring.active.id);
  const { nonce, ciphertext, tag } = keyring.active.seal(
    payload,
    associatedData(header, context),
    systemRandom.bytes(NONCE_BYTES),
  );
  return Buffer.concat([header, nonce, ciphertext, tag]);
}

/**
 * The payload of an encrypted envelope.
 *
 * One key is used, the one that the envelope names. Trying others would make values ambiguous: the cipher does not
 * commit to its key.
 *
 * @throws EncryptionError `truncated`, `unknown-key`, `tampered`
 */
export function decrypt(bytes: Buffer, keyring: Keyring | undefined, context: CodecContext): Buffer {
  const { key } = context;
  const parts = encryptedParts(bytes);
  if (parts === undefined) throw new EncryptionError('truncated', { key });
  const keyId = showKeyId(parts.keyId);
  const found = keyring?.find(parts.keyId);
  if (found === undefined || found === 'retired') {
    throw new EncryptionError('unknown-key', { key, keyId, retired: found === 'retired' });
  }
  const payload = found.open(parts.sealed, associatedData(parts.header, context));
  if (payload === undefined) throw new EncryptionError('tampered', { key, keyId });
  return payload;
}
