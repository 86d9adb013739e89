import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DistinctKeys } from '../../../src/cache/reads/distinct-keys.js';

test('finds equal keys and no others, in the order in which they came, also when all fall onto one place', () => {
  const distinct = new DistinctKeys();
  const key = fc.oneof(
    fc.string({ maxLength: 3 }),
    fc.stringMatching(/^a{0,3}same-end}$/),
    fc.string({ maxLength: 30 }),
  );
  fc.assert(
    fc.property(fc.array(key, { maxLength: 128 }), (batch) => {
      distinct.clear();
      const keys: string[] = [];
      const places = batch.map((each) => distinct.place(each, keys));
      expect(keys).toEqual([...new Set(batch)]);
      expect(places.map((place) => keys[place])).toEqual(batch);
    }),
  );
});
