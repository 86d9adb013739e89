import { expect, test } from 'vitest';
import { newEpoch, tagPart } from '../../../src/cache/epochs/epoch-value.js';
import type { Flight } from '../../../src/cache/loads/flights.js';
import { isUpToDate } from '../../../src/cache/loads/up-to-date.js';
import type { LoadRead } from '../../../src/cache/reads/read.js';
import type { Scope } from '../../../src/cache/scope.js';
import { systemRandom } from '../../../src/core/random.js';

const OF_NAMESPACE = newEpoch(systemRandom);
const OF_TAG = newEpoch(systemRandom);

interface Situation {
  /** Read along with the key. */
  readonly read?: Record<string, Buffer | null>;
  /** Looked up when it is asked for. */
  readonly stored?: () => Promise<Buffer | null>;
}

/** A load that began in both epochs, and somebody who has read the key since. */
function ask({ read = {}, stored = () => expect.unreachable() }: Situation): Promise<boolean> {
  const epochs = { read: stored };
  const scope = { epochs, epochKey: 'epoch', tagKey: (tag: string) => `tag:${tag}` } as unknown as Scope;
  const stamp = { epoch: OF_NAMESPACE, tags: [{ name: 't', epoch: tagPart(OF_TAG) }] };
  const flight = { stamping: Promise.resolve(stamp) } as unknown as Flight;
  return isUpToDate(scope, flight, { epochOf: (key: string) => read[key] } as unknown as LoadRead);
}

test('a load is as good as nothing has changed, by what was read or is looked up', async () => {
  expect(await ask({ read: { epoch: OF_NAMESPACE, 'tag:t': OF_TAG } })).toBe(true);
  expect(await ask({ read: { epoch: OF_NAMESPACE }, stored: async () => OF_TAG })).toBe(true);
});

test.each<[string, Situation]>([
  ['its namespace was cleared', { read: { epoch: newEpoch(systemRandom), 'tag:t': OF_TAG } }],
  ['the epoch of its namespace was lost', { read: { epoch: null, 'tag:t': OF_TAG } }],
  ['a tag was invalidated', { read: { epoch: OF_NAMESPACE, 'tag:t': newEpoch(systemRandom) } }],
  ['a tag was invalidated that the reader has not named', { read: { epoch: OF_NAMESPACE }, stored: async () => null }],
  [
    'it cannot be known, because the store fails',
    { read: { epoch: OF_NAMESPACE }, stored: () => Promise.reject(new Error('away')) },
  ],
])('it is not, if %s', async (_what, situation) => expect(await ask(situation)).toBe(false));
