/** Between text in UTF-8 and the engine's strings, which hold one byte per UTF-16 unit. */

const SCAN_LIMIT = 256;

/** True when every unit is a byte below 128, which makes text and bytes the same string. */
function isAscii(text: string): boolean {
  if (text.length > SCAN_LIMIT) return Buffer.byteLength(text, 'utf8') === text.length;
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 127) return false;
  return true;
}

export function toBinary(word: string | Buffer): string {
  if (typeof word !== 'string') return word.toString('latin1');
  return isAscii(word) ? word : Buffer.from(word, 'utf8').toString('latin1');
}

export function toText(binary: string): string {
  return isAscii(binary) ? binary : Buffer.from(binary, 'latin1').toString('utf8');
}

export function toBuffer(binary: string): Buffer {
  return Buffer.from(binary, 'latin1');
}
