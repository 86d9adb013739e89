import { describe, expect, it } from 'vitest';

import { defineScript, RedisManager } from '../../../src/client/index.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, rawOnEachNode, target, uniquePrefix, url } from '../../support/target.js';

noLeaks();
const key = (name: string): string => `${uniquePrefix()}:${name}`;

describe('command', () => {
  it('sends text, numbers and bytes, and gives text unless asked for bytes', async () => {
    const manager = await connect();
    const k = key('bytes');
    const bytes = Uint8Array.from([0, 255, 13, 10, 193]);
    expect(await manager.command(['SET', k, bytes, 'PX', 60_000])).toBe('OK');
    expect(await manager.command(['GET', k], { reply: 'bytes' })).toEqual(Buffer.from(bytes));
    expect(await manager.command(['STRLEN', k])).toBe(5);
    expect(await manager.command(['GET', key('absent')])).toBeNull();
  });

  it('gives maps as objects without a prototype', async () => {
    const manager = await connect();
    const k = key('hash');
    await manager.command(['HSET', k, '__proto__', 'x', 'b', '2']);
    const reply = await manager.command<Record<string, string>>(['HGETALL', k]);
    expect(Object.getPrototypeOf(reply)).toBeNull();
    expect(Object.entries(reply)).toEqual([
      ['__proto__', 'x'],
      ['b', '2'],
    ]);
    await manager.command(['DEL', k]);
  });

  it('rejects with the first word of an error reply, and goes on working', async () => {
    const manager = await connect();
    const k = key('type');
    await manager.command(['SET', k, 'x', 'PX', 60_000]);
    await expect(manager.command(['HGET', k, 'f'])).rejects.toMatchObject({
      code: 'RU_SERVER',
      replyCode: 'WRONGTYPE',
      command: 'HGET',
    });
    await expect(manager.command(['NOSUCHCOMMAND', 'secret'])).rejects.toThrow(
      /^NOSUCHCOMMAND: ERR unknown command '?`?NOSUCHCOMMAND/i,
    );
    expect(await manager.command(['PING'])).toBe('PONG');
  });

  it.each([[[]], [['GET', undefined]], [['GET', {}]], [['SET', 'k', Number.NaN]], ['PING']])(
    'refuses %j before anything is sent',
    async (command) => {
      const manager = await connect();
      await expect(manager.command(command as never)).rejects.toMatchObject({ code: 'RU_CONFIG' });
    },
  );

  it('keeps many concurrent commands apart', async () => {
    const manager = await connect();
    const replies = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => manager.command(['ECHO', String(index)])),
    );
    expect(replies).toEqual(Array.from({ length: 1_000 }, (_, index) => String(index)));
  });

  it('does not send for a signal that has aborted already', async () => {
    const manager = await connect();
    const k = key('aborted');
    await expect(manager.command(['SET', k, 'x'], { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow(
      'no',
    );
    expect(await manager.command(['GET', k])).toBeNull();
  });
});

describe('pipeline', () => {
  it('gives each command its own result, in order', async () => {
    const manager = await connect();
    const k = key('pipe');
    const results = await manager.pipeline([['SET', k, '1', 'PX', 60_000], ['HGET', k, 'f'], ['INCR', k], []]);
    expect(results.map((result) => (result.ok ? result.value : (result.error as { code?: string }).code))).toEqual([
      'OK',
      'RU_SERVER',
      2,
      'RU_CONFIG',
    ]);
  });
});

describe('script', () => {
  const add = defineScript<readonly [by: number], number>({
    name: 'test.add',
    keys: ['counter'],
    args: ['by'],
    readOnly: false,
    idempotent: false,
    decode: (reply) => Number(reply),
    lua: `local n = redis.call('INCRBY', KEYS[1], ARGV[1]) redis.call('PEXPIRE', KEYS[1], 60000) return n`,
  });

  it('runs once whether or not the server knows it', async () => {
    const manager = await connect();
    const script = manager.script(add);
    const k = key('counter');
    expect(await script.run([k], [5])).toBe(5);
    expect(await script.run([k], [5])).toBe(10);
    await rawOnEachNode(['SCRIPT', 'FLUSH']);
    expect(await Promise.all([script.run([k], [1]), script.run([k], [1])])).toEqual([11, 12]);
  });
});

describe('lease', () => {
  it('carries a blocking command while the shared connection stays free', async () => {
    const manager = await connect();
    const k = key('queue');
    await using lease = await manager.lease({ key: k });
    const popped = lease.command(['BLPOP', k, 0]);
    expect(await manager.command(['RPUSH', k, 'x'])).toBe(1);
    expect(await popped).toEqual([k, 'x']);
  });

  it('gives no later user a connection that was left in a transaction or changed', async () => {
    const manager = await connect({ pool: { max: 1 } });
    for (const command of [['MULTI'], ['WATCH', 'k'], ['SELECT', '1'], ['CLIENT', 'SETNAME', 'changed']]) {
      {
        await using lease = await manager.lease({ key: 'k' });
        // a cluster has one database only
        if (target.cluster && command[0] === 'SELECT') await expect(lease.command(command)).rejects.toThrow('ERR');
        else await lease.command(command);
      }
      await using next = await manager.lease({ key: 'k' });
      expect(await next.command(['ECHO', 'x'])).toBe('x');
      expect(await next.command(['CLIENT', 'GETNAME'])).not.toBe('changed');
    }
  });

  it('is reused after a finished transaction', async () => {
    const manager = await connect({ pool: { max: 1 } });
    const idOf = async (): Promise<unknown> => {
      await using lease = await manager.lease({ key: 'k' });
      await lease.command(['WATCH', 'k']);
      await lease.command(['MULTI']);
      await lease.command(['CLIENT', 'ID']);
      return (await lease.command<unknown[]>(['EXEC']))[0];
    };
    expect(await idOf()).toBe(await idOf());
  });

  it('is not reused when a wait on it was cut short', async () => {
    const manager = await connect({ pool: { max: 1 } });
    const k = key('empty');
    {
      await using lease = await manager.lease({ key: k });
      await expect(lease.command(['BLPOP', k, 0], { timeout: 20 })).rejects.toMatchObject({
        code: 'RU_TIMEOUT',
        outcome: 'unknown',
      });
    }
    await using next = await manager.lease({ key: k });
    expect(await next.command(['ECHO', 'mine'])).toBe('mine');
  });

  it('refuses commands after its release', async () => {
    const manager = await connect();
    const lease = await manager.lease();
    lease.release();
    lease.release();
    await expect(lease.command(['PING'])).rejects.toMatchObject({ code: 'RU_CLOSED' });
  });
});

describe('health and closing', () => {
  it('tells who answers and how fast', async () => {
    const manager = await connect();
    const report = await manager.health();
    expect(report).toMatchObject({ ok: true, state: 'ready', error: undefined });
    expect(report.roundTripMs).toBeGreaterThanOrEqual(0);
    expect(report.server?.role).toBe('master');
    if (target.id.startsWith('valkey')) expect(report.server?.name).toBe('valkey');
  });

  it('waits for what is in flight, then refuses, and always gives the same report', async () => {
    const manager = await RedisManager.connect(await url());
    const states: string[] = [];
    manager.on('state', ({ to }) => states.push(to));
    const replies = Array.from({ length: 50 }, () => manager.command(['PING']));
    const [report, again] = await Promise.all([manager.close(), manager.close()]);
    expect(await Promise.all(replies)).toHaveLength(50);
    expect(report).toMatchObject({ drained: true, cutCommands: 0, cutLeases: 0 });
    expect(again).toBe(report);
    expect(states).toEqual(['draining', 'closed']);
    await expect(manager.command(['PING'])).rejects.toMatchObject({ code: 'RU_CLOSED', outcome: 'not-sent' });
    await expect(manager.lease()).rejects.toMatchObject({ code: 'RU_CLOSED' });
    expect(await manager.health()).toMatchObject({ ok: false, state: 'closed' });
  });

  it('cuts what does not finish within the drain time and says so', async () => {
    const manager = await RedisManager.connect(await url());
    const lease = await manager.lease();
    manager.onClose(() => new Promise(() => {}));
    const report = await manager.close({ drain: 50 });
    expect(report).toMatchObject({ drained: false, cutLeases: 1 });
    expect(report.tookMs).toBeLessThan(150);
    await expect(lease.command(['PING'])).rejects.toMatchObject({ code: 'RU_CONNECTION', outcome: 'not-sent' });
  });
});
