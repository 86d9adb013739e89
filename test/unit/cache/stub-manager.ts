import { systemClock } from '../../../src/core/clock.js';
import { KeySpace } from '../../../src/core/key-space.js';
import type { Random } from '../../../src/core/random.js';
import type { Reply } from '../../../src/client/driver.js';
import type { RedisManager } from '../../../src/client/manager.js';
import type { ScriptDef } from '../../../src/client/script.js';

export type Answer = (command: readonly unknown[]) => unknown;

/** The surface of a manager that the cache uses, with every command recorded and answered by the test. */
export function stubManager(
  answer: Answer,
  random: Partial<Random> = {},
): { manager: RedisManager; sent: unknown[][] } {
  const sent: unknown[][] = [];
  const command = async (words: unknown[]): Promise<unknown> => {
    sent.push(words);
    return answer(words);
  };
  const settle = (reply: Promise<unknown>): Promise<unknown> =>
    reply.then(
      (value) => ({ ok: true, value }),
      (error: unknown) => ({ ok: false, error }),
    );
  const stub = {
    config: { prefix: 'ru', codec: undefined },
    clock: systemClock,
    random: { uniform: () => 0.5, bytes: (size: number) => Buffer.alloc(size, 7), ...random },
    serverTime: {
      shouldAsk: () => false,
      latestMs: () => systemClock.wallMs(),
      sample: () => {},
      sampled: (running: Promise<unknown>) => running,
      earliestMs: () => systemClock.wallMs(),
    },
    reportError: () => {},
    endpoint: 'stub',
    requireAtMostOnce: () => {},
    keySpace: (module: string, prefix = 'ru') => KeySpace.of(prefix, module),
    command,
    pipeline: (commands: unknown[][]) => Promise.all(commands.map((words) => settle(command(words)))),
    script: <R>(def: ScriptDef<never, R>) => ({
      name: def.name,
      run: async (keys: readonly string[], args: readonly unknown[]) =>
        def.decode((await command([def.name, ...keys, ...args])) as Reply),
    }),
  };
  return { manager: stub as unknown as RedisManager, sent };
}

/** Answers reads as an empty server does, and accepts writes and loads. */
export function emptyServer([name, ...keys]: readonly unknown[]): unknown {
  if (name === 'cache.acquire') return [1, systemClock.wallMs(), 0];
  if (name === 'cache.changeEpoch') return systemClock.wallMs();
  if (String(name).startsWith('cache.')) return [1, systemClock.wallMs()];
  if (name === 'MGET') return keys.map(() => null);
  // the epoch that was not there before
  if (name === 'SET' && keys.includes('NX')) return null;
  return name === 'GET' ? null : 'OK';
}
