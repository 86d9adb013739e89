import { describe, expect, it } from 'vitest';

import { type CredentialsContext, RedisManager } from '../../../src/client/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

async function start(): Promise<RedisServer> {
  return RedisServer.start({ port: true, acl: ['user default off', 'user app on >first ~* &* +@all'] });
}

describe('credentials from a provider', () => {
  it('are asked for per connection, and anew before they end, on the connection in use', async () => {
    const server = await start();
    const reasons: CredentialsContext['reason'][] = [];
    let password = 'first';
    const manager = await RedisManager.connect({
      port: server.port,
      credentials: ({ reason }) => {
        reasons.push(reason);
        return { username: 'app', password, expiresAt: Date.now() + 400 };
      },
    });
    afterThisTest(async () => void (await manager.close()));
    const connectionId = await manager.command(['CLIENT', 'ID']);
    await server.command(['ACL', 'SETUSER', 'app', '>second', '<first']);
    password = 'second';
    await eventually(() => reasons.filter((reason) => reason === 'refresh').length >= 2);
    expect(await manager.command(['CLIENT', 'ID'])).toBe(connectionId);
    expect(reasons[0]).toBe('connect');
  });

  it('that the server refuses are asked for once more', async () => {
    const server = await start();
    const reasons: string[] = [];
    const manager = await RedisManager.connect({
      port: server.port,
      credentials: ({ reason }) => {
        reasons.push(reason);
        return { username: 'app', password: reason === 'rejected' ? 'first' : 'stale' };
      },
    });
    afterThisTest(async () => void (await manager.close()));
    expect(reasons).toEqual(['connect', 'rejected']);
    expect(await manager.command(['PING'])).toBe('PONG');
  });

  it('that cannot be had end the attempt with the provider’s own error as the cause', async () => {
    const server = await start();
    const credentials = (): never => {
      throw new Error('the vault is sealed');
    };
    const failed = await RedisManager.connect({ port: server.port, credentials }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'RU_CONNECTION', reason: 'auth', retryable: false });
    expect(String((failed as Error).cause)).toMatch(/provider/);
  });

  it('that cannot be refreshed leave the connection as it is, tell, and are asked for again', async () => {
    const server = await start();
    let asked = 0;
    const manager = await RedisManager.connect({
      port: server.port,
      credentials: ({ reason }) => {
        asked += 1;
        if (reason === 'refresh') throw new Error('the vault is sealed');
        return { username: 'app', password: 'first', expiresAt: Date.now() + 100 };
      },
    });
    afterThisTest(async () => void (await manager.close()));
    const told: unknown[] = [];
    manager.on('error', ({ error }) => told.push(error));
    await eventually(() => told.length >= 2);
    expect(asked).toBeGreaterThanOrEqual(3);
    expect(await manager.command(['PING'])).toBe('PONG');
  });
});
