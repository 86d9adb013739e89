import { describe, expect, it } from 'vitest';

import { ConnectionChanges } from '../../../src/client/leases/connection-changes.js';

function after(...commands: string[]): readonly string[] | undefined {
  const changes = new ConnectionChanges(3);
  for (const command of commands) changes.note(command.split(' '));
  return changes.undo()?.map((command) => command.join(' '));
}

describe('what is undone before the next user of a connection', () => {
  it.each([
    [[], []],
    [['GET k', 'BLPOP q 0', 'CLIENT ID'], []],
    [['WATCH a', 'GET a'], ['UNWATCH']],
    [['WATCH a', 'UNWATCH'], []],
    [['WATCH a', 'MULTI', 'SET a 1'], ['DISCARD']],
    [['WATCH a', 'MULTI', 'EXEC'], []],
    [['multi', 'discard'], []],
    [['MULTI', 'EXEC', 'WATCH b'], ['UNWATCH']],
    [['SELECT 5'], ['SELECT 3']],
    [
      ['SELECT 5', 'MULTI', 'SELECT 6'],
      ['DISCARD', 'SELECT 3'],
    ],
  ])('after %j: %j', (commands, undo) => expect(after(...commands)).toEqual(undo));

  it.each(['CLIENT TRACKING ON', 'CLIENT SETNAME x', 'CLIENT NO-EVICT ON', 'AUTH x y', 'READONLY', 'ASKING'])(
    'nothing undoes %s: the connection is to be closed',
    (command) => expect(after('WATCH a', command, 'UNWATCH')).toBeUndefined(),
  );

  it('a name given as bytes is taken for the worst', () => {
    const changes = new ConnectionChanges(0);
    changes.note([Buffer.from('MULTI')]);
    expect(changes.undo()).toBeUndefined();
  });
});
