import { nameOf } from './command-facts.js';
import { firstKey, KEY_COUNTS } from './command-key.js';
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
/** How many keys a command has: exact for those named above, else 1 for one that has any. For observers. */
export function countKeys(command: WireCommand): number {
  const name = nameOf(command);
  const at = KEY_COUNTS[name];
  if (at !== undefined) return Number(command[at]) || 0;
  if (ALL.has(name)) return command.length - 1;
  if (PAIRS.has(name)) return (command.length - 1) / 2;
  return firstKey(command) === undefined ? 0 : 1;
}
