import type { WireCommand } from '../driver.js';

/** Commands that change nothing, whatever their arguments. */
const READ_ONLY: ReadonlySet<string> = new Set(
  (
    'GET MGET STRLEN GETRANGE SUBSTR LCS EXISTS TYPE TTL PTTL EXPIRETIME PEXPIRETIME DUMP OBJECT KEYS SCAN RANDOMKEY ' +
    'HGET HMGET HGETALL HKEYS HVALS HLEN HEXISTS HSTRLEN HSCAN HRANDFIELD HTTL HPTTL HEXPIRETIME HPEXPIRETIME ' +
    'LRANGE LLEN LINDEX LPOS SCARD SISMEMBER SMISMEMBER SMEMBERS SRANDMEMBER SINTER SINTERCARD SUNION SDIFF SSCAN ' +
    'ZCARD ZCOUNT ZLEXCOUNT ZSCORE ZMSCORE ZRANK ZREVRANK ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ' +
    'ZRANGEBYLEX ZREVRANGEBYLEX ZRANDMEMBER ZINTER ZINTERCARD ZUNION ZDIFF ZSCAN ' +
    'GETBIT BITCOUNT BITPOS BITFIELD_RO GEOPOS GEODIST GEOHASH GEOSEARCH XRANGE XREVRANGE XLEN XINFO XPENDING ' +
    'SORT_RO EVAL_RO EVALSHA_RO FCALL_RO PING ECHO TIME DBSIZE INFO ROLE LASTSAVE PUBSUB'
  ).split(' '),
);
const SCRIPTS: ReadonlySet<string> = new Set(['EVAL', 'EVALSHA', 'FCALL']);

/** The name of a command, in capitals. */
export function nameOf(command: WireCommand): string {
  const name = command[0];
  return (typeof name === 'string' ? name : (name?.toString('latin1') ?? '')).toUpperCase();
}

export function isReadOnly(command: WireCommand): boolean {
  return READ_ONLY.has(nameOf(command));
}

export function isScript(command: WireCommand): boolean {
  return SCRIPTS.has(nameOf(command));
}
