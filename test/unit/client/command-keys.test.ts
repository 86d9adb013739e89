import { expect, test } from 'vitest';
import { keysOf } from '../../../src/client/calls/command-keys.js';

test.each([
  ['GET k', 'k'],
  ['PING', ''],
  ['MGET a b c', 'a b c'],
  ['mset a 1 b 2', 'a b'],
  ['EVALSHA sha 2 a b x', 'a b'],
  ['EVAL lua 0 x', ''],
  ['XREAD COUNT 1 STREAMS s 0', 's'],
  ['MSETEX 2 a 1 b 2 PX 5', 'a b'],
])('the keys of %s are "%s"', (command, keys) => expect(keysOf(command.split(' ')).join(' ')).toBe(keys));
