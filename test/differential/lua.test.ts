import fc from 'fast-check';
import { expect, test } from 'vitest';
import { failingProgram, luaProgram } from './lua-programs.js';
import { ask, openPair, runs } from './pair.js';

test('random Lua programs give what the server gives', { timeout: 600_000 }, async () => {
  const pair = await openPair();
  await fc.assert(
    fc.asyncProperty(fc.array(luaProgram, { minLength: 1, maxLength: 10 }), async (programs) => {
      const commands = programs.map((program) => ['EVAL', program, '0']);
      const [engine, server] = await Promise.all([
        ask(pair.engine, commands, 'bytes'),
        ask(pair.server, commands, 'bytes'),
      ]);
      const named = (replies: readonly unknown[]): unknown[] => replies.map((reply, index) => [programs[index], reply]);
      expect(named(engine)).toEqual(named(server));
    }),
    { numRuns: runs(120) },
  );
});

test('programs that fail give an error of the same kind', async () => {
  const pair = await openPair();
  await fc.assert(
    fc.asyncProperty(failingProgram, async (program) => {
      expect(await ask(pair.engine, [['EVAL', program, '0']])).toEqual(
        await ask(pair.server, [['EVAL', program, '0']]),
      );
    }),
    { numRuns: runs(60) },
  );
});
