import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as counter from '../../src/cache/counter-script.js';
import * as entry from '../../src/cache/entries/entry-scripts.js';
import * as lease from '../../src/cache/loads/lease-scripts.js';
import * as lock from '../../src/lock/calls/lock-script.js';
import * as permits from '../../src/lock/permits/permits-script.js';
import * as limit from '../../src/rate-limit/scripts.js';
import * as session from '../../src/session/scripts.js';
import { ask, openPair, type Plain, runs } from './pair.js';

interface Declared {
  readonly name: string;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly lua: string;
}

const scripts = [counter, entry, lease, lock, permits, limit, session].flatMap((module) =>
  (Object.values(module) as unknown[]).filter(
    (value): value is Declared => typeof value === 'object' && value !== null && 'lua' in value,
  ),
);

const ENTRY = Buffer.from([0xc1, 0x02, ...Array.from({ length: 45 }, () => 0)]);
const PLACEHOLDER = Buffer.from([0xc1, 0x02, 0x01, ...Array.from({ length: 44 }, () => 0)]);

const key = fc.constantFrom('a', 'b');
const any = fc.constantFrom('1', '2', '5', '600000', 'token-a', 'token-b', 'token-of-abc', '', '86400000000000');

/** What an argument is comes from its name. Times to live and refills are far from anything that passes meanwhile. */
function argument(name: string, script: string): fc.Arbitrary<string | Buffer> {
  if (name.endsWith('Ms')) return fc.constantFrom('600000', '3600000');
  if (name === 'keys' || name === 'calls' || name === 'unitsPerUs') return fc.constant('1');
  if (name === 'mode') return fc.constantFrom('ask', 'wait', 'take');
  if (name === 'placeholder') return fc.constant(PLACEHOLDER);
  if (name === 'entry') return fc.constantFrom(ENTRY, Buffer.concat([ENTRY, Buffer.from('x')]));
  if (name === 'operation') return fc.constantFrom('acquire', 'barge', 'extend', 'release', 'verify', 'force');
  if (name === 'shape' && script === 'permits.run') return fc.constantFrom('1/3', '2/3', '3/3', 'read', 'write');
  if (name === 'counted') return fc.constantFrom('0', '1');
  if (name === 'fullUnits') return fc.constant('3600000000');
  return name.startsWith('costUnits') ? fc.constantFrom('900000000', '2000000000', '4000000000', '0') : any;
}

/** One call: as many keys and arguments as declared, one where the declaration is open. */
const call = fc.constantFrom(...scripts).chain((script) =>
  fc
    .tuple(fc.tuple(...script.keys.map(() => key)), fc.tuple(...script.args.map((name) => argument(name, script.name))))
    .map(([keys, args]) => {
      const module = script.name.split('.')[0];
      return ['EVAL', script.lua, String(keys.length), ...keys.map((id) => `${module}:${id}`), ...args];
    }),
);

const NEAR = 2_000_000;

/** Times differ by what passes between the two: numbers from a thousand on are compared to within two seconds in µs. */
function isNear(a: Plain | undefined, b: Plain | undefined): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => isNear(item, b[index]));
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x === undefined || y === undefined) return JSON.stringify(a) === JSON.stringify(b);
  return x === y || (Math.abs(x) >= 1000 && Math.abs(x - y) <= NEAR);
}

function numberOf(value: Plain | undefined): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d{4,}$/.test(value) ? Number(value) : undefined;
}

test('the scripts of this library give what they give on the server', { timeout: 600_000 }, async () => {
  const pair = await openPair();
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 30, size: 'max' }), async (commands) => {
      const stream = [['FLUSHALL'], ...commands, ['DBSIZE']];
      const [engine, server] = await Promise.all([ask(pair.engine, stream), ask(pair.server, stream)]);
      for (const [index, reply] of engine.entries()) {
        if (!isNear(reply, server[index])) expect([stream[index], reply]).toEqual([stream[index], server[index]]);
      }
    }),
    { numRuns: runs(80) },
  );
});
