import { describe, expect, it } from 'vitest';

import { checkLeased, checkShared, connectionEffect } from '../../../src/client/calls/shared-commands.js';

const refused = (words: string): void => checkShared(words.split(' '));

describe('commands on the shared connection', () => {
  it.each([
    'BLPOP q 0',
    'blmove a b LEFT RIGHT 0',
    'WAIT 1 0',
    'XREAD BLOCK 0 STREAMS s $',
    'xreadgroup GROUP g c block 5 STREAMS s >',
  ])('refuses %s, which blocks it, and names lease()', (words) =>
    expect(() => refused(words)).toThrow(/blocks the connection.*manager\.lease\(\)/),
  );

  it.each([
    'MULTI',
    'EXEC',
    'WATCH k',
    'SELECT 1',
    'AUTH x',
    'CLIENT TRACKING ON',
    'client setname x',
    'CLIENT CAPA redirect',
    'READONLY',
  ])('refuses %s, which changes it, and names lease()', (words) =>
    expect(() => refused(words)).toThrow(/changes the connection.*manager\.lease\(\)/),
  );

  it.each(['SUBSCRIBE c', 'MONITOR', 'HELLO 2', 'RESET', 'QUIT', 'CLIENT REPLY OFF', 'SCRIPT DEBUG YES'])(
    'refuses %s here and on a leased connection: no connection could go on after it',
    (words) => {
      expect(() => refused(words)).toThrow(/PubSubManager/);
      expect(() => checkLeased(words.split(' '))).toThrow(/reply stream/);
    },
  );

  it.each([
    'GET BLOCK',
    'SET MULTI x',
    'XREAD COUNT 1 STREAMS s 0',
    'CLIENT ID',
    'CLIENT LIST',
    'SCRIPT LOAD x',
    'EVALSHA x 0',
  ])('lets %s through', (words) => {
    expect(connectionEffect(words.split(' '))).toBe('none');
  });

  it('reads a command name given as bytes', () => {
    expect(connectionEffect([Buffer.from('blpop'), 'q', '0'])).toBe('blocks');
  });

  it('never repeats an argument in the refusal', () => {
    expect(() => refused('AUTH user hunter2')).not.toThrow('hunter2');
  });
});
