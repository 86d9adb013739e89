import { describe, expect, it } from 'vitest';
import type { Reply } from '../../../../src/client/driver.js';
import { readRedirection, readTopology } from '../../../../src/client/drivers/cluster/topology.js';
import { BadReplyError } from '../../../../src/core/errors.js';

/** One node that serves everything, as a server answers `CLUSTER SLOTS`. */
const served = (...nodes: readonly Reply[]): Reply => [[0, 16_383, ...nodes]];
const ID = '41f7897ec1eeac274d81a85fe8531a05ccfcb9cb';

describe('the topology', () => {
  it('has the primary of each range, and every node once', () => {
    const topology = readTopology(
      [
        [0, 99, ['10.0.0.1', 7000, ID, {}], ['10.0.0.2', 7001, ID, {}]],
        [100, 100, ['10.0.0.3', 7000, ID, {}]],
        [101, 16_383, ['10.0.0.1', 7000, ID, {}], ['10.0.0.2', 7001, ID, {}]],
      ],
      'seed',
    );
    const first = { host: '10.0.0.1', port: 7000 };
    const other = { host: '10.0.0.3', port: 7000 };
    expect(topology.ranges).toEqual([
      { first: 0, last: 99, primary: first },
      { first: 100, last: 100, primary: other },
      { first: 101, last: 16_383, primary: first },
    ]);
    expect(topology.members).toEqual([first, { host: '10.0.0.2', port: 7001 }, other]);
  });

  it.each([
    ['an IPv6 address', ['fd00::1', 7000, ID, {}], 'fd00::1'],
    ['a name', ['node.internal', 7000, ID, { ip: '10.0.0.1' }], 'node.internal'],
    ['nothing, where the node is to be reached as it was', [null, 7000, ID, { ip: '10.0.0.1' }], 'seed'],
    ['an empty host, of a node that does not know its own', ['', 7000, ID], 'seed'],
    ['?, of a node that is to have a name and has none', ['?', 7000, ID, { ip: '10.0.0.1' }], '10.0.0.1'],
    ['? and nothing else', ['?', 7000, ID, {}], 'seed'],
    ['a node of old servers, without an id', ['10.0.0.1', 7000], '10.0.0.1'],
  ] as const)('takes %s', (_, node, host) => {
    expect(readTopology(served(node as Reply), 'seed').ranges[0]?.primary).toEqual({ host, port: 7000 });
  });

  it('knows the names of nodes that are called by their address', () => {
    const named = ['10.0.0.1', 7000, ID, { hostname: 'a.internal' }];
    const nameless = ['10.0.0.2', 7000, ID, { hostname: '' }];
    const { hostnames } = readTopology(served(named, nameless, ['10.0.0.3', 7000, ID]), 'seed');
    expect(hostnames).toEqual(new Map([['10.0.0.1:7000', 'a.internal']]));
  });

  it('leaves out a replica that cannot be read, and knows no range where there is none', () => {
    const topology = readTopology(served(['10.0.0.1', 7000, ID], ['10.0.0.2', 0, ID], null), 'seed');
    expect(topology.members).toEqual([{ host: '10.0.0.1', port: 7000 }]);
    expect(readTopology([], 'seed')).toEqual({ ranges: [], members: [], hostnames: new Map() });
  });

  it.each([
    null,
    'OK',
    [null],
    [[]],
    [[0, 16_383]],
    [[0, 16_384, ['h', 1]]],
    [[-1, 5, ['h', 1]]],
    [[5, 4, ['h', 1]]],
    [[0.5, 4, ['h', 1]]],
    [[0, 5, ['h', 70_000]]],
    [[0, 5, ['h', '1']]],
    [['0', '5', ['h', 1]]],
  ] as readonly Reply[])('refuses %j', (reply) => {
    expect(() => readTopology(reply, 'seed')).toThrow(BadReplyError);
  });
});

describe('a redirection', () => {
  it.each([
    ['GET: MOVED 866 10.0.0.1:7000', { kind: 'moved', slot: 866, to: { host: '10.0.0.1', port: 7000 } }],
    ['GET: ASK 16383 node.internal:1', { kind: 'ask', slot: 16_383, to: { host: 'node.internal', port: 1 } }],
    ['GET: MOVED 0 fd00::1:7000', { kind: 'moved', slot: 0, to: { host: 'fd00::1', port: 7000 } }],
    ['GET: MOVED 0 :7000', { kind: 'moved', slot: 0, to: { host: 'asked', port: 7000 } }],
    ['GET: MOVED 0 ?:7000', { kind: 'moved', slot: 0, to: { host: 'asked', port: 7000 } }],
  ] as const)('is read from %j', (message, expected) => {
    expect(readRedirection(message, 'asked')).toEqual(expected);
  });

  it.each([
    'GET: MOVED',
    'GET: MOVED 1',
    'GET: MOVED x 10.0.0.1:7000',
    'GET: MOVED 16384 10.0.0.1:7000',
    'GET: MOVED 1 10.0.0.1',
    'GET: MOVED 1 10.0.0.1:0',
    'GET: MOVED 1 10.0.0.1:99999',
    'GET: MOVED 1 10.0.0.1:7000 and more',
    'GET: ERR no such key',
  ])('is not read from %j', (message) => {
    expect(readRedirection(message, 'asked')).toBeUndefined();
  });
});
