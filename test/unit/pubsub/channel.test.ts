import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/core/errors.js';
import type { StandardSchemaV1 } from '../../../src/core/standard-schema.js';
import { channel } from '../../../src/pubsub/index.js';
import { Sequences } from '../../../src/pubsub/sequence.js';

const schema: StandardSchemaV1<unknown, string> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as string }) },
};

describe('channel', () => {
  it('fills in its parameters and leaves identifiers as they are', () => {
    const documents = channel('doc:{documentId}:{part}', { schema });
    const documentId = '3f2b8c1e-0d3c-4c1e-9c53-1f5a5c0c8a11';
    expect(documents({ documentId, part: 7 }).name).toBe(`doc:${documentId}:7`);
    expect(channel('news', { schema })().name).toBe('news');
  });

  it('a parameter cannot reach another channel of the template', () => {
    const documents = channel('doc:{a}:{b}', { schema });
    expect(documents({ a: 'x:y', b: '*' }).name).toBe('doc:x%3Ay:%2A');
    expect(channel('doc-{a}', { schema })({ a: '1-2é' }).name).toBe('doc-1%2D2é');
  });

  it('two different sets of parameters never give the same name', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', ':', '-', '%', '3', 'A', '{', '}', '.', '2', 'D'),
      minLength: 1,
    });
    const templates = ['{a}:{b}', '{a}-{b}', 'x{a}.{b}y', '{a}3-A{b}'].map((template) =>
      channel<string>(template, { schema }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...templates), fc.tuple(text, text), fc.tuple(text, text), (make, [a, b], [c, d]) => {
        expect(make({ a, b }).name === make({ a: c, b: d }).name).toBe(a === c && b === d);
      }),
    );
  });

  it('refuses templates and parameters that cannot be used', () => {
    expect(() => channel('{a}{b}', { schema })).toThrow(/punctuation/);
    expect(() => channel('{a', { schema })).toThrow(ConfigError);
    expect(() => channel('{a}:{a}', { schema })).toThrow(ConfigError);
    expect(() => channel('', { schema })).toThrow(ConfigError);
    expect(() => channel('a', {} as never)).toThrow(/Standard Schema/);
    const make = channel<string>('doc:{id}', { schema });
    for (const params of [{}, { id: '' }, { id: Number.NaN }, { id: 'a', other: 'b' }]) {
      expect(() => make(params as never)).toThrow(ConfigError);
    }
  });
});

describe('Sequences', () => {
  it('count each channel from 1 without a hole', () => {
    const sequences = new Sequences();
    const next = (name: string): number => {
      const number = sequences.peek(name);
      sequences.commit(name, number);
      return number;
    };
    expect([next('a'), next('a'), next('b'), next('a')]).toEqual([1, 2, 1, 3]);
  });

  it('rise on every channel, step by 1 or to the start of a run, and never come twice, however many channels', () => {
    const run = 2 ** 24;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 300 }), (channels) => {
        const sequences = new Sequences(3);
        const last = new Map<string, number>();
        for (const name of channels.map(String)) {
          const number = sequences.peek(name);
          sequences.commit(name, number);
          const before = last.get(name) ?? 0;
          expect(number > before).toBe(true);
          expect(number === before + 1 || number % run === 1).toBe(true);
          last.set(name, number);
        }
      }),
    );
  });
});
