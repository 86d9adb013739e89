import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { keySlot } from '../../src/core/key-slot.js';
import { noLeaks } from '../support/no-leaks.js';
import { RedisServer } from '../support/redis-server.js';

noLeaks();

const braces = fc.string({ unit: fc.constantFrom('{', '}', 'a', 'b', '{a}', 'é', '\0'), maxLength: 12 });
const key = fc.oneof(braces, fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 40 }));

test('the slot of a key is what the server says', async () => {
  await using server = await RedisServer.start({ cluster: true });
  const samples = ['', '{}', '{}x', '{a}b', 'x{a}b{c}', '{{a}}', '}{', ...fc.sample(key, 1_000)];
  const slots = await Promise.all(samples.map((sample) => server.command(['CLUSTER', 'KEYSLOT', sample])));
  expect(samples.map(keySlot)).toEqual(slots);
});
