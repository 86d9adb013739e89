import { TAG_EPOCH_BYTES } from '../epochs/epoch-value.js';
import { cutShort, headEnd, tagCountOf } from './entry-header.js';

/*
 * The tag section of an entry, as many times as the header says: length of the name (1 byte), the name in UTF-8, and the
 * epoch of the tag in which the entry was written (16 bytes: soft half, hard half).
 */
export const MAX_TAGS = 255;
export const MAX_TAG_NAME_BYTES = 255;

/** A tag of an entry, and the epoch in which the entry was written. */
export interface Tag {
  readonly name: string;
  readonly epoch: Buffer;
}

export function tagSection(tags: readonly Tag[]): Buffer {
  return Buffer.concat(
    tags.flatMap(({ name, epoch }) => {
      const text = Buffer.from(name);
      return [Buffer.of(text.length), text, epoch];
    }),
  );
}

/** @throws DecodeError when the section is cut short */
export function tagsOf(key: string, entry: Buffer): readonly Tag[] {
  const tags: Tag[] = [];
  let at = headEnd(entry);
  for (let left = tagCountOf(entry); left > 0; left -= 1) {
    const nameEnd = at + 1 + lengthAt(entry, at);
    const end = nameEnd + TAG_EPOCH_BYTES;
    if (end > entry.length) throw cutShort(key, 'it is shorter than its tags');
    tags.push({ name: entry.toString('utf8', at + 1, nameEnd), epoch: entry.subarray(nameEnd, end) });
    at = end;
  }
  return tags;
}

/** Where the value's envelope begins. */
export function bodyStart(entry: Buffer): number {
  let at = headEnd(entry);
  for (let left = tagCountOf(entry); left > 0; left -= 1) at += 1 + lengthAt(entry, at) + TAG_EPOCH_BYTES;
  return at;
}

function lengthAt(entry: Buffer, at: number): number {
  return entry[at] ?? 0;
}
