/** Whether what comes out is what was put in, and whose it is. */
import { fail, gatedLoader, settle, show } from '../context.mjs';

const falsy = {
  id: 'T14',
  title: 'null, false, 0 and "" are values; undefined does not become one',
  needs: ['getOrSet'],
  async run(context) {
    const cache = await context.open();
    const wrong = [];
    for (const value of [null, false, 0, '']) {
      const key = context.key();
      await cache.getOrSet(key, () => value);
      await settle();
      const seen = await context.seenByOthers(key);
      if (seen !== value) wrong.push(`${show(value)} ${seen === 'fresh' ? 'is loaded again' : `is ${show(seen)}`}`);
    }
    const key = context.key();
    // to refuse it is an answer too
    await Promise.resolve(cache.getOrSet(key, () => undefined)).catch(() => {});
    await settle();
    const seen = await context.seenByOthers(key);
    if (seen !== undefined && seen !== 'fresh') wrong.push(`undefined is ${show(seen)}`);
    return wrong.length === 0 ? 'pass' : fail(wrong.join(', '));
  },
};

const shared = {
  id: 'T15b',
  title: 'two callers of one load: a change of the one is not seen by the other',
  needs: ['getOrSet'],
  async run(context) {
    const cache = await context.open();
    const key = context.key();
    const loader = gatedLoader({ a: 1 });
    const calls = [cache.getOrSet(key, loader), cache.getOrSet(key, loader)];
    await loader.started;
    await settle();
    loader.release();
    const [one, two] = await Promise.all(calls);
    try {
      one.a = 2;
    } catch {
      // frozen: as good as a copy
    }
    return two.a === 1 ? 'pass' : fail('both are given the same object');
  },
};

/** Arguments that are not alike, though their texts or 32-bit hashes may be. */
const UNLIKE = [
  ['user-b9', 'user-aZ'],
  ['1', 1],
  ['null', null],
  ['{"a":1}', { a: 1 }],
  [[1, 2], '1,2'],
  [{ a: 1 }, { a: '1' }],
  [['a', 'b'], ['a,b']],
];

const colliding = {
  id: 'T16',
  title: 'wrapped function: arguments that look or hash alike are told apart',
  needs: ['wrap'],
  async run(context) {
    const cache = await context.open();
    const wrong = [];
    for (const [index, [one, two]] of UNLIKE.entries()) {
      const wrapped = cache.wrap(`fn${index}`, async (argument) => ({ for: argument }));
      await wrapped(one);
      await settle();
      const result = await wrapped(two);
      if (show(result) !== show({ for: two })) wrong.push(`${show(two)} got the result of ${show(one)}`);
    }
    return wrong.length === 0 ? 'pass' : fail(wrong.join(', '));
  },
};

const swapped = {
  id: 'T25',
  title: 'encrypted entry copied to another key is not given out there',
  needs: ['encryption', 'set', 'get', 'COPY'],
  async run(context) {
    const cache = await context.open({ encrypted: true });
    for (const id of ['user:1', 'user:2']) await cache.set(id, `secret of ${id}`);
    const names = (await context.raw('KEYS', '*')).map(String);
    const nameOf = (id) => names.find((name) => name.includes(id));
    await context.raw('COPY', nameOf('user:1'), nameOf('user:2'), 'REPLACE');
    const seen = await cache.get('user:2');
    return seen === undefined ? 'pass' : fail(`user:2 is given ${show(seen)}`);
  },
};

const polluting = {
  id: 'T25b',
  title: 'value with a key "__proto__" changes no prototype',
  needs: ['set', 'get'],
  async run(context) {
    const cache = await context.open();
    const key = context.key();
    const value = JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}');
    // to refuse it is an answer too
    await Promise.resolve(cache.set(key, value)).catch(() => {});
    const seen = await (await context.open()).get(key);
    if ({}.isAdmin !== undefined) return fail('Object.prototype has been changed');
    return seen?.isAdmin === undefined ? 'pass' : fail('the value that was read has another prototype');
  },
};

export const values = [falsy, shared, colliding, swapped, polluting];
