import { systemClock } from '../../../src/core/clock.js';
import { KeySpace } from '../../../src/core/key-space.js';
import type { Random } from '../../../src/core/random.js';
import type { RedisManager } from '../../../src/client/manager.js';

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
    random: { uniform: () => 0.5, ...random },
    endpoint: 'stub',
    requireAtMostOnce: () => {},
    keySpace: (module: string, prefix = 'ru') => KeySpace.of(prefix, module),
    command,
    pipeline: (commands: unknown[][]) => Promise.all(commands.map((words) => settle(command(words)))),
    script: () => ({ name: 'stub', run: () => Promise.reject(new Error('the stub has no scripts')) }),
  };
  return { manager: stub as unknown as RedisManager, sent };
}

/** Answers reads as an empty server does, and accepts writes. */
export function emptyServer([name, ...keys]: readonly unknown[]): unknown {
  if (name === 'MGET') return keys.map(() => null);
  return name === 'GET' ? null : 'OK';
}
