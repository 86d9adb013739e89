import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';

import { callError } from '../../../../src/client/drivers/wrapped/call-error.js';
import { ioredis } from '../../../../src/client/drivers/wrapped/ioredis.js';
import { toReply } from '../../../../src/client/drivers/wrapped/reply.js';

const where = { operation: 'GET', endpoint: 'redis://somewhere' };

describe('an error of a client', () => {
  it('is an error reply by the name of its class, or by its first word where a bundler has renamed the class', () => {
    class SimpleError extends Error {}
    class t extends Error {}
    expect(callError(new SimpleError('my own words'), where)).toMatchObject({ code: 'RU_SERVER', replyCode: 'my' });
    expect(callError(new t('WRONGTYPE Operation against …'), where)).toMatchObject({ replyCode: 'WRONGTYPE' });
    expect(callError(new t('NOAUTH'), where)).toMatchObject({ replyCode: 'NOAUTH' });
  });

  it('is otherwise one of the connection, with what may have happened', () => {
    const outcomes = {
      'The client is closed': 'not-sent',
      'The client is offline': 'not-sent',
      'The queue is full': 'not-sent',
      'The command was aborted': 'not-sent',
      "Stream isn't writeable and enableOfflineQueue options is false": 'not-sent',
      'Socket closed unexpectedly': 'unknown',
      'Connection is closed.': 'unknown',
      'Disconnects client': 'unknown',
      'Command timed out': 'unknown',
    };
    for (const [message, outcome] of Object.entries(outcomes)) {
      expect(callError(new Error(message), where)).toMatchObject({ code: 'RU_CONNECTION', reason: 'lost', outcome });
    }
    const reset = Object.assign(new Error('ECONNRESET'), { code: 'ECONNRESET' });
    expect(callError(reset, where)).toMatchObject({ code: 'RU_CONNECTION', outcome: 'unknown', cause: reset });
  });
});

describe('a reply of a client', () => {
  it('has maps without a prototype, whatever the client makes of them, lists for sets, and errors of this library', () => {
    class ReplyError extends Error {}
    const bytes = Buffer.from('b');
    expect(toReply([1, null, 'x', bytes, [new ReplyError('ERR no')]], 'EXEC')).toEqual([
      1,
      null,
      'x',
      bytes,
      [expect.objectContaining({ code: 'RU_SERVER', command: 'EXEC' })],
    ]);
    const map = toReply(new Map<string, unknown>([['__proto__', new Set(['a'])]]), 'X') as Record<string, unknown>;
    expect(Object.getPrototypeOf(map)).toBeNull();
    expect(Object.entries(map)).toEqual([['__proto__', ['a']]]);
    const plain = toReply({ outer: { inner: 1.5 } }, 'X') as Record<string, Record<string, unknown>>;
    expect(Object.getPrototypeOf(plain['outer'])).toBeNull();
    expect(plain['outer']?.['inner']).toBe(1.5);
  });
});

describe('where an ioredis client is connected to', () => {
  it('is a place of this library: an address, a socket, or sentinels', () => {
    const placeOf = (options: object): object => ioredis(new Redis({ ...options, lazyConnect: true })).place;
    expect(placeOf({})).toEqual({ host: 'localhost', port: 6379, db: 0, tls: false });
    expect(placeOf({ host: 'h', port: '7000', db: '2', tls: {} })).toEqual({ host: 'h', port: 7000, db: 2, tls: true });
    expect(placeOf({ path: '/s' })).toEqual({ socketPath: '/s', db: 0 });
    const sentinels = [{ host: 'a', port: 1 }, { host: '::1' }];
    expect(placeOf({ sentinels, name: 'm' })).toEqual({
      sentinel: { nodes: ['a:1', '[::1]:26379'], master: 'm' },
      db: 0,
      tls: false,
    });
  });
});
