import { nameOf } from './command-facts.js';
import { firstKey } from './command-key.js';
import type { WireCommand } from '../driver.js';

/** Every word after the name is a key. */
const ALL: ReadonlySet<string> = new Set(
  (
    'MGET DEL UNLINK EXISTS TOUCH WATCH PFCOUNT PFMERGE SINTER SUNION SDIFF SINTERSTORE SUNIONSTORE SDIFFSTORE RENAME ' +
    'RENAMENX RPOPLPUSH'
  ).split(' '),
);
/** Keys and values take turns. */
const PAIRS: ReadonlySet<string> = new Set(['MSET', 'MSETNX']);
/** A number says how many keys follow it. */
const COUNTED: Readonly<Record<string, number>> = {
  EVAL: 2,
  EVALSHA: 2,
  EVAL_RO: 2,
  EVALSHA_RO: 2,
  FCALL: 2,
  FCALL_RO: 2,
  SINTERCARD: 1,
  ZUNION: 1,
  ZINTER: 1,
  ZDIFF: 1,
  ZINTERCARD: 1,
};

/** How many keys a command has: exact for those named above, else 1 for one that has any. For observers. */
export function countKeys(command: WireCommand): number {
  const name = nameOf(command);
  const at = COUNTED[name];
  if (at !== undefined) return Number(command[at]) || 0;
  if (ALL.has(name)) return command.length - 1;
  if (PAIRS.has(name)) return (command.length - 1) / 2;
  return firstKey(command) === undefined ? 0 : 1;
}
