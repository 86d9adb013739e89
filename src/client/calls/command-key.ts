import { nameOf } from './command-facts.js';
import type { WireCommand } from '../driver.js';

/** Commands without a key: any node may answer them. */
const KEYLESS: ReadonlySet<string> = new Set(
  (
    'PING ECHO TIME INFO DBSIZE SCAN KEYS RANDOMKEY FLUSHALL FLUSHDB SWAPDB SCRIPT FUNCTION CONFIG CLIENT CLUSTER ' +
    'COMMAND COMMANDLOG ACL PUBSUB ROLE LASTSAVE LATENCY SLOWLOG MEMORY WAIT WAITAOF ASKING READONLY READWRITE AUTH ' +
    'HELLO MULTI EXEC DISCARD UNWATCH SELECT RESET QUIT DEBUG LOLWUT SAVE BGSAVE BGREWRITEAOF SHUTDOWN MODULE ' +
    'MONITOR SYNC PSYNC REPLCONF REPLICAOF SLAVEOF FAILOVER PFSELFTEST ' +
    'SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE'
  ).split(' '),
);

/** Where the first key is, for commands that do not have it in the first place. */
const PLACES: Readonly<Record<string, number>> = {
  BITOP: 2,
  OBJECT: 2,
  PFDEBUG: 2,
  XGROUP: 2,
  XINFO: 2,
};
/** Where the number of keys is; the keys follow it. */
export const KEY_COUNTS: Readonly<Record<string, number>> = {
  EVAL: 2,
  EVALSHA: 2,
  EVAL_RO: 2,
  EVALSHA_RO: 2,
  FCALL: 2,
  FCALL_RO: 2,
  SINTERCARD: 1,
  ZINTERCARD: 1,
  ZUNION: 1,
  ZINTER: 1,
  ZDIFF: 1,
  LMPOP: 1,
  ZMPOP: 1,
  MSETEX: 1,
  BLMPOP: 2,
  BZMPOP: 2,
};
/** From where on the word `STREAMS` announces the keys; before it, a group may have that name. */
const STREAMS_FROM: Readonly<Record<string, number>> = { XREAD: 1, XREADGROUP: 4 };

/**
 * The key that says where a command belongs, or undefined for one that any node may answer. A command with keys of
 * several slots goes by its first, and the server refuses it (`CROSSSLOT`). `PUBLISH` goes by its channel, although any
 * node would do: messages of one channel stay in order only on one way.
 */
export function firstKey(command: WireCommand): string | Buffer | undefined {
  const name = nameOf(command);
  const count = KEY_COUNTS[name];
  if (count !== undefined) return Number(command[count]) > 0 ? command[count + 1] : undefined;
  const from = STREAMS_FROM[name];
  if (from !== undefined) return keyAfter(command, 'STREAMS', from);
  if (name === 'MEMORY' && isWord(command[1], 'USAGE')) return command[2];
  if (name === 'MIGRATE') return keyOfMigrate(command);
  if (KEYLESS.has(name)) return undefined;
  return command[PLACES[name] ?? 1];
}

function keyAfter(command: WireCommand, word: string, from: number): string | Buffer | undefined {
  const at = command.findIndex((each, index) => index >= from && isWord(each, word));
  return at === -1 ? undefined : command[at + 1];
}

/** `MIGRATE host port key …`, or with an empty key and more of them at the end. */
function keyOfMigrate(command: WireCommand): string | Buffer | undefined {
  const key = command[3];
  return key === undefined || key.length > 0 ? key : keyAfter(command, 'KEYS', 6);
}

function isWord(word: string | Buffer | undefined, wanted: string): boolean {
  return word?.length === wanted.length && String(word).toUpperCase() === wanted;
}
