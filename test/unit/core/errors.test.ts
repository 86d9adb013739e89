import { describe, expect, it } from 'vitest';

import {
  ClosedError,
  ConfigError,
  ConnectionError,
  identify,
  RedisUtilsError,
  ServerError,
  TimeoutError,
} from '../../../src/core/errors.js';

describe('errors of the library', () => {
  it('carry name and code on the prototype, so that facts are the only own fields', () => {
    const error = new TimeoutError('GET', 50);
    expect(error).toMatchObject({ name: 'TimeoutError', code: 'RU_TIMEOUT' });
    expect(Object.keys(error).toSorted()).toEqual(['diagnosis', 'operation', 'outcome', 'retryable', 'timeoutMs']);
  });

  it('are instances of their class and of its bases, and of nothing else', () => {
    const error = new ClosedError('The manager');
    expect(error).toBeInstanceOf(ClosedError);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toBeInstanceOf(RedisUtilsError);
    expect(error).not.toBeInstanceOf(TimeoutError);
    expect(new ConnectionError('x', { endpoint: '', reason: 'lost', outcome: 'unknown' })).not.toBeInstanceOf(
      ClosedError,
    );
    expect(new Error('x')).not.toBeInstanceOf(RedisUtilsError);
    expect(null).not.toBeInstanceOf(RedisUtilsError);
  });

  it('are recognised by another installed copy of the library', () => {
    class TheirBase extends Error {}
    class TheirServerError extends TheirBase {}
    identify(TheirBase, 'RedisUtilsError', 'RU_ERROR');
    identify(TheirServerError, 'ServerError', 'RU_SERVER');
    const foreign = new TheirServerError('x');
    expect(foreign).toBeInstanceOf(ServerError);
    expect(foreign).toBeInstanceOf(RedisUtilsError);
    expect(foreign).not.toBeInstanceOf(ConfigError);
  });

  it('do not mistake an error for a subclass that a user made of its class', () => {
    class OwnError extends ServerError {}
    expect(new ServerError('ERR x', 'GET')).not.toBeInstanceOf(OwnError);
    expect(new OwnError('ERR x', 'GET')).toBeInstanceOf(OwnError);
  });

  it('turn into JSON with their facts and the text of their cause, without the stack', () => {
    const error = new ConnectionError('lost', {
      endpoint: 'redis://h',
      reason: 'lost',
      outcome: 'unknown',
      cause: new Error('ECONNRESET'),
    });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'ConnectionError',
      code: 'RU_CONNECTION',
      message: 'lost',
      endpoint: 'redis://h',
      reason: 'lost',
      outcome: 'unknown',
      retryable: true,
      cause: 'ECONNRESET',
    });
  });

  it('never repeat the arguments that a server repeats in its own error', () => {
    const error = new ServerError("ERR unknown command 'SETT', with args beginning with: 'key' 'secret' ", 'SETT');
    expect(error.message).toBe("SETT: ERR unknown command 'SETT'");
    expect(error.replyCode).toBe('ERR');
  });
});
