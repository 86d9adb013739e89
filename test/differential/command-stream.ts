import fc from 'fast-check';

/** Random commands over a few keys, typed so that most of them do something and some are wrong. */
export type CommandWords = readonly string[];

const key = fc.constantFrom('k1', 'k2', 'k3', '{k}4');
const member = fc.constantFrom('a', 'b', 'c', 'dd', '', 'é', '10', 'a-long-member-name');
const value = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '',
      'v',
      'hello world',
      '10',
      '-3',
      '3.5',
      '9223372036854775807',
      'ünïcode',
      '007',
      ' 1',
      '1e3',
    ),
  },
  fc.integer({ min: -1000, max: 1000 }).map(String),
);
const integer = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -5, max: 12 }).map(String) },
  fc.constantFrom('9223372036854775807', '-9223372036854775808', 'x', '1.5', ''),
);
const index = fc.integer({ min: -4, max: 5 }).map(String);
const score = fc.constantFrom('0', '1', '-1', '2', '2.5', '1e3', '-0.25', 'inf', '-inf', '+1', 'x', 'nan');
const bound = fc.constantFrom('0', '1', '(1', '2.5', '(2.5', '-inf', '+inf', 'inf', '(x', '-1', '1000');
/** Far from now, so that nothing expires while the test runs. */
const ttlSeconds = fc.constantFrom('100', '1000', '0', '-5', 'x', '99999999999999999');
const ttlMs = fc.constantFrom('100000', '2000000', '0', '-1', 'x');
/** Two equal times to live end at different times, or not: what is compared by `GT` and `LT` must not repeat. */
const uniqueTtlMs = fc.integer({ min: 3_000_000, max: 2_000_000_000 }).map(String);
const glob = fc.constantFrom('*', 'k*', 'k?', '[ka]1', 'k[^1]', '\\k1', 'z*', '*4', 'k[1-2]', '');

type Words = fc.Arbitrary<readonly string[]>;
type Part = string | fc.Arbitrary<string> | Words;

/** A command from fixed words, single words and runs of words. */
function words(...parts: readonly Part[]): fc.Arbitrary<CommandWords> {
  const arbitraries = parts.map((part): Words => {
    if (typeof part === 'string') return fc.constant([part]);
    return (part as fc.Arbitrary<string | readonly string[]>).map((text) => (typeof text === 'string' ? [text] : text));
  });
  return fc.tuple(...arbitraries).map((lists) => lists.flat());
}

const some = (arbitrary: fc.Arbitrary<string>, max = 3): Words => fc.array(arbitrary, { minLength: 1, maxLength: max });
const pairs = (left: fc.Arbitrary<string>, right: fc.Arbitrary<string>): Words =>
  fc.array(fc.tuple(left, right), { minLength: 1, maxLength: 3 }).map((list) => list.flat());
const maybe = (...options: readonly (readonly string[])[]): Words => fc.constantFrom([], ...options);
const several = (...options: readonly string[]): Words => fc.subarray([...options], { maxLength: 2 });

const strings = [
  words('SET', key, value),
  words(
    'SET',
    key,
    value,
    several('NX', 'XX', 'GET', 'KEEPTTL'),
    maybe(['EX', '100'], ['PX', '100000'], ['EX', '0'], ['PX', 'x'], ['EXAT', '99999999999'], ['EX']),
  ),
  words('GET', key),
  words('GETDEL', key),
  words('GETEX', key, maybe(['EX', '100'], ['PERSIST'], ['PX', '100000'], ['NX'])),
  words('GETSET', key, value),
  words('SETNX', key, value),
  words('SETEX', key, ttlSeconds, value),
  words('PSETEX', key, ttlMs, value),
  words('MGET', some(key)),
  words('MSET', pairs(key, value)),
  words('APPEND', key, value),
  words('STRLEN', key),
  words('GETRANGE', key, index, index),
  words(
    'SETRANGE',
    key,
    integer.filter((text) => text.length < 4),
    value,
  ),
  words('INCR', key),
  words('DECR', key),
  words('INCRBY', key, integer),
  words('DECRBY', key, integer),
  words('INCRBYFLOAT', key, fc.constantFrom('1', '0.1', '-2.5', '1e2', '3.0', 'x', '0.25')),
];

const keys = [
  words('DEL', some(key)),
  words('UNLINK', key),
  words('EXISTS', some(key)),
  words('TOUCH', some(key)),
  words('TYPE', key),
  words('EXPIRE', key, ttlSeconds, several('NX', 'XX')),
  words('PEXPIRE', key, ttlMs, several('NX', 'XX')),
  words('PEXPIRE', key, uniqueTtlMs, several('NX', 'XX', 'GT', 'LT')),
  words('EXPIREAT', key, fc.constantFrom('99999999999', '1', '0', 'x'), maybe(['NX'], ['GT'])),
  words('PEXPIREAT', key, fc.constantFrom('99999999999999', '1')),
  words(fc.constantFrom('TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME'), key),
  words('PERSIST', key),
  words('RENAME', key, key),
  words('KEYS', glob),
  words('SCAN', '0', maybe(['MATCH', 'k*'], ['TYPE', 'string'], ['TYPE', 'hash']), 'COUNT', '1000'),
  words('DBSIZE'),
  words('FLUSHDB'),
];

const hashes = [
  words('HSET', key, pairs(member, value)),
  words('HSETNX', key, member, value),
  words('HGET', key, member),
  words('HMGET', key, some(member)),
  words(fc.constantFrom('HGETALL', 'HKEYS', 'HVALS', 'HLEN'), key),
  words('HDEL', key, some(member)),
  words(fc.constantFrom('HEXISTS', 'HSTRLEN'), key, member),
  words('HINCRBY', key, member, integer),
  words('HSCAN', key, '0', maybe(['MATCH', 'a*'], ['COUNT', '100'])),
];

const lists = [
  words(fc.constantFrom('LPUSH', 'RPUSH'), key, some(member)),
  words(fc.constantFrom('LPOP', 'RPOP'), key, maybe(['2'], ['0'], ['-1'], ['x'])),
  words('LLEN', key),
  words(fc.constantFrom('LRANGE', 'LTRIM'), key, index, index),
  words('LINDEX', key, index),
  words('LREM', key, index, member),
  words(
    'LPOS',
    key,
    member,
    maybe(['RANK', '-1'], ['RANK', '2'], ['RANK', '0'], ['COUNT', '0'], ['COUNT', '2', 'MAXLEN', '2'], ['COUNT', '-1']),
  ),
  words('LSET', key, index, member),
  words('BLPOP', key, key, fc.constantFrom('0.01', '-1', 'x')),
  words('BRPOP', key, '0.01'),
];

const sets = [
  words('SADD', key, some(member)),
  words('SREM', key, some(member)),
  words(fc.constantFrom('SMEMBERS', 'SCARD'), key),
  words('SISMEMBER', key, member),
  words('SPOP', key, fc.constantFrom('100', '0', '-1')),
];

const sortedSets = [
  words('ZADD', key, several('NX', 'XX', 'GT', 'LT', 'CH'), maybe([], ['INCR']), pairs(score, member)),
  words('ZADD', key, pairs(score, member)),
  words('ZINCRBY', key, score, member),
  words('ZREM', key, some(member)),
  words(fc.constantFrom('ZSCORE', 'ZRANK'), key, member),
  words('ZCARD', key),
  words('ZCOUNT', key, bound, bound),
  words('ZRANGE', key, index, index, several('REV', 'WITHSCORES')),
  words(
    'ZRANGE',
    key,
    bound,
    bound,
    'BYSCORE',
    several('REV', 'WITHSCORES'),
    maybe(['LIMIT', '1', '2'], ['LIMIT', '0', '-1'], ['LIMIT', 'x', '1']),
  ),
  words('ZRANGEBYSCORE', key, bound, bound, maybe(['WITHSCORES'], ['LIMIT', '0', '1'], ['REV'])),
  words('ZREMRANGEBYSCORE', key, bound, bound),
  words('ZREMRANGEBYRANK', key, index, index),
  words(fc.constantFrom('ZPOPMIN', 'ZPOPMAX'), key, maybe(['2'], ['-1'], ['0'])),
];

const others = [
  words('MULTI'),
  words('EXEC'),
  words('EXEC'),
  words('DISCARD'),
  words('WATCH', key),
  words('UNWATCH'),
  words('PING', maybe(['x'])),
  words('ECHO', value),
  words('SELECT', fc.constantFrom('0', '99', 'x')),
  words('NOPE', value),
  words('GET'),
  words('SET', key),
  words('PUBLISH', 'channel', value),
  words('PUBSUB', fc.constantFrom('NUMPAT', 'CHANNELS', 'NUMSUB', 'NOPE')),
  words('PUBSUB', 'NUMSUB', 'a', 'b'),
  words('SCRIPT', 'EXISTS', '0000000000000000000000000000000000000000'),
  words('EVALSHA', '0000000000000000000000000000000000000000', '0'),
  words('EVAL', "return redis.call('GET', KEYS[1])", fc.constantFrom('1', '-1', '3', 'x'), key),
  words(
    'EVAL',
    'return redis.call(unpack(ARGV))',
    '0',
    fc.constantFrom('ZRANGE', 'HGETALL', 'GET', 'TYPE', 'LLEN'),
    key,
  ),
  words('EVAL_RO', "return redis.call('SET', KEYS[1], 'x')", '1', key),
];

export const commandStream: fc.Arbitrary<readonly CommandWords[]> = fc.array(
  fc.oneof(...[strings, strings, keys, hashes, lists, sets, sortedSets, others].map((group) => fc.oneof(...group))),
  { minLength: 1, maxLength: 60, size: 'max' },
);

/** Servers disagree on whether `MULTI` or `WATCH` inside a transaction breaks it. */
export function withoutNesting(stream: readonly CommandWords[]): CommandWords[] {
  let isInside = false;
  return stream.filter(([name]) => {
    if (isInside && (name === 'MULTI' || name === 'WATCH')) return false;
    if (name === 'MULTI') isInside = true;
    else if (name === 'EXEC' || name === 'DISCARD') isInside = false;
    return true;
  });
}
