import { systemClock } from '../../../src/core/clock.js';
import { KeySpace } from '../../../src/core/key-space.js';
/** The surface of a manager that the cache uses, with every command recorded and answered by the test. */
export function stubManager(answer, random = {}) {
  const sent = [];
  const command = async (words) => {
    sent.push(words);
    return answer(words);
  };
  const settle = (reply) =>
    reply.then(
      (value) => ({ ok: true, value }),
      (error) => ({ ok: false, error }),
    );
  const stub = {
    config: { prefix: 'ru', codec: undefined },
    clock: systemClock,
    random: { uniform: () => 0.5, ...random },
    endpoint: 'stub',
    keySpace: (module, prefix = 'ru') => KeySpace.of(prefix, module),
    command,
    pipeline: (commands) => Promise.all(commands.map((words) => settle(command(words)))),
    script: () => ({ name: 'stub', run: () => Promise.reject(new Error('the stub has no scripts')) }),
  };
  return { manager: stub, sent };
}
/** Answers reads as an empty server does, and accepts writes. */
export function emptyServer([name, ...keys]) {
  if (name === 'MGET') return keys.map(() => null);
  return name === 'GET' ? null : 'OK';
}
