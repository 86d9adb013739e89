import { nameOf } from './command-facts.js';
import type { WireCommand } from './driver.js';

/** Commands without a key: any node may answer them. */
const KEYLESS: ReadonlySet<string> = new Set(
  (
    'PING ECHO TIME INFO DBSIZE SCAN KEYS RANDOMKEY FLUSHALL FLUSHDB SCRIPT FUNCTION CONFIG CLIENT CLUSTER COMMAND ACL ' +
    'PUBSUB ROLE LASTSAVE LATENCY SLOWLOG MEMORY WAIT WAITAOF ASKING READONLY READWRITE AUTH HELLO MULTI EXEC ' +
    'DISCARD UNWATCH SELECT DEBUG LOLWUT SAVE BGSAVE SHUTDOWN MODULE'
  ).split(' '),
);

/** Where the first key is, for commands that do not have it in the first place. */
const PLACES: Readonly<Record<string, number>> = { BITOP: 2, OBJECT: 2, XGROUP: 2, XINFO: 2 };
/** Where the number of keys is; the keys follow it. */
const COUNTS: Readonly<Record<string, number>> = {
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
  BLMPOP: 2,
  BZMPOP: 2,
};

/**
 * The key that says where a command belongs, or undefined for one that any node may answer. A command with keys of
 * several slots goes by its first, and the server refuses it (`CROSSSLOT`). `PUBLISH` goes by its channel, although any
 * node would do: messages of one channel stay in order only on one way.
 */
export function firstKey(command: WireCommand): string | Buffer | undefined {
  const name = nameOf(command);
  const count = COUNTS[name];
  if (count !== undefined) return Number(command[count]) > 0 ? command[count + 1] : undefined;
  if (name === 'XREAD' || name === 'XREADGROUP') return keyAfter(command, 'STREAMS');
  if (name === 'MEMORY' && String(command[1]).toUpperCase() === 'USAGE') return command[2];
  if (KEYLESS.has(name)) return undefined;
  return command[PLACES[name] ?? 1];
}

function keyAfter(command: WireCommand, word: string): string | Buffer | undefined {
  const at = command.findIndex((each, index) => index > 0 && String(each).toUpperCase() === word);
  return at === -1 ? undefined : command[at + 1];
}
