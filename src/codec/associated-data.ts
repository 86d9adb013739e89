import type { CodecContext } from './context.js';

const PROTOCOL = 'redis-utils/v1';

/**
 * What the tag of an encrypted value protects beside the value: each part behind its length in 4 bytes, so that no two
 * lists of parts give the same bytes.
 */
export function associatedData(header: Buffer, { domain = 'value', key, field, bound = [] }: CodecContext): Buffer {
  const texts = [domain, key, field ?? '', ...bound];
  let size = 8 + PROTOCOL.length + header.length;
  for (const text of texts) size += 4 + Buffer.byteLength(text);
  const data = Buffer.allocUnsafe(size);
  let position = 0;
  const append = (part: string | Buffer): void => {
    const length = typeof part === 'string' ? data.write(part, position + 4, 'utf8') : part.copy(data, position + 4);
    data.writeUInt32BE(length, position);
    position += 4 + length;
  };
  append(PROTOCOL);
  append(header);
  for (const text of texts) append(text);
  return data;
}
