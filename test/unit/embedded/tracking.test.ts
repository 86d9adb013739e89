import { describe, expect, it } from 'vitest';
import { ServerError } from '../../../src/core/errors.js';
import type { Connection, Reply } from '../../../src/client/driver.js';
import { request } from '../../../src/client/request.js';
import { start } from './session.js';

/** Sends a command, written as one line; an error reply comes back as its text. */
async function say(connection: Connection, line: string): Promise<Reply | string> {
  try {
    return await request(connection, line.split(' '));
  } catch (error) {
    if (error instanceof ServerError) return error.message;
    throw error;
  }
}

async function tracking(options = '') {
  const engine = await start();
  const connection = await engine.open();
  const told: (readonly string[] | undefined)[] = [];
  connection.onInvalidate = (keys) => told.push(keys);
  expect(await say(connection, `CLIENT TRACKING ON BCAST PREFIX k${options}`)).toBe('OK');
  return { ...engine, connection, told };
}

const turn = (): Promise<void> => new Promise(setImmediate);

describe('CLIENT TRACKING', () => {
  it('tells at the end of the turn of each key once, in order, whoever changed it and how', async () => {
    const { run, lua, connection, told } = await tracking();
    await Promise.all([run('SET', 'k2', 'v'), run('SET', 'x', 'v'), say(connection, 'SET k1 v'), run('DEL', 'k2')]);
    await lua(`redis.call('HSET', 'k3', 'f', 'v') return redis.call('DEL', 'k1')`);
    expect(told).toEqual([]);
    await turn();
    expect(told).toEqual([['k1', 'k2', 'k3']]);
    await turn();
    expect(told).toHaveLength(1);
  });

  it('tells of nothing where a command changes nothing', async () => {
    const { run, told } = await tracking();
    await run('ZADD', 'k', '5', 'a');
    await turn();
    told.length = 0;
    await run('ZINCRBY', 'k', '0', 'a');
    await run('ZADD', 'k', 'INCR', '0', 'a');
    await run('ZADD', 'k', '5', 'a');
    await turn();
    expect(told).toEqual([]);
    await run('ZINCRBY', 'k', '0', 'b');
    await turn();
    expect(told).toEqual([['k']]);
  });

  it('tells of an expired key when a command that only reads finds it, also with NOLOOP', async () => {
    const { connection, clock, told } = await tracking(' NOLOOP');
    await say(connection, 'SET k1 v PX 100');
    await turn();
    expect(told).toEqual([]);
    await clock.advance(101);
    expect(await say(connection, 'GET k1')).toBeNull();
    await turn();
    expect(told).toEqual([['k1']]);
  });

  it('tells of a flush as of all keys, also when the test kit flushes', async () => {
    const { redis, run, told } = await tracking();
    await run('SET', 'k1', 'v');
    await run('SELECT', 3);
    await run('FLUSHALL');
    await turn();
    expect(told).toEqual([undefined, ['k1']]);
    redis.flush();
    await turn();
    expect(told).toEqual([undefined, ['k1'], undefined]);
  });

  it('tells in several prefixes what belongs to each, and of what its own connection changed unless with NOLOOP', async () => {
    const { connection, run, told } = await tracking();
    await say(connection, 'CLIENT TRACKING ON BCAST PREFIX a NOLOOP');
    await say(connection, 'SET k1 v');
    await run('MSET', 'k2', 'v', 'a1', 'v');
    await turn();
    expect(told).toEqual([['a1'], ['k2']]);
  });

  it('ends with OFF, with RESET, and with the connection', async () => {
    for (const ending of ['CLIENT TRACKING OFF', 'RESET', '']) {
      const { connection, run, told } = await tracking();
      await run('SET', 'k1', 'v');
      if (ending === '') connection.destroy();
      else await say(connection, ending);
      await run('SET', 'k2', 'v');
      await turn();
      expect(told).toEqual([]);
    }
  });

  it.each(['ON', 'ON OPTIN', 'ON NOLOOP'])('in the mode that remembers what was read is refused: %s', async (words) => {
    const { run } = await start();
    expect(await run('CLIENT', 'TRACKING', ...words.split(' '))).toMatch(
      /ERR The embedded engine tracks in BCAST mode/,
    );
  });

  it('to another connection is refused', async () => {
    const { run } = await start();
    expect(await run('CLIENT', 'TRACKING', 'ON', 'BCAST', 'REDIRECT', 1)).toMatch(/ERR .*does not redirect/);
  });
});
