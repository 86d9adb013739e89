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
/**
 * The keys of a command: all of them for those named above, else the first, if it has any. For observers, and for a
 * script that runs the command.
 */
export function keysOf(command: WireCommand): readonly (string | Buffer)[] {
  const name = nameOf(command);
  const at = KEY_COUNTS[name];
  if (at !== undefined) {
    const count = Number(command[at]) || 0;
    const words = command.slice(at + 1);
    return name === 'MSETEX' ? everyOther(words).slice(0, count) : words.slice(0, count);
  }
  if (ALL.has(name)) return command.slice(1);
  if (PAIRS.has(name)) return everyOther(command.slice(1));
  const first = firstKey(command);
  return first === undefined ? [] : [first];
}

function everyOther(words: WireCommand): WireCommand {
  return words.filter((_word, index) => index % 2 === 0);
}
