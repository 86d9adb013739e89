import { describe, expect, it } from 'vitest';

import { ConfigError, RedisManager, type RedisOptions } from '../../../src/client/index.js';

describe('connecting with what no driver serves yet', () => {
  it.each<[RedisOptions, string[]]>([
    [{ cluster: ['a'] }, ['cluster']],
    [{ sentinel: { nodes: ['a'], master: 'm' } }, ['sentinel']],
    [{ credentials: () => ({ password: 'p' }) }, ['credentials']],
    [
      { tls: { caFile: '/ca', pin: `sha256/${'A'.repeat(43)}=`, dangerouslySkipVerification: true } },
      ['tls.caFile', 'tls.pin', 'tls.dangerouslySkipVerification'],
    ],
  ])('is refused at once instead of being left out: %j', async (options, names) => {
    const error: unknown = await RedisManager.connect(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).issues.map(({ option }) => option)).toEqual(names);
  });
});
