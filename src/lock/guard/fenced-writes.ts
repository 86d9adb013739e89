import { type CommandArg, toWire } from '../../client/calls/command.js';
import { keysOf } from '../../client/calls/command-keys.js';
import { checkShared } from '../../client/calls/shared-commands.js';
import type { WireCommand } from '../../client/driver.js';
import { ClosedError } from '../../core/errors.js';
import type { FencedTransaction } from '../fenced-transaction.js';

/** What the function queues. @throws whatever it throws; ConfigError for a command that cannot be sent */
export function collect(fn: (tx: FencedTransaction) => void): readonly WireCommand[] {
  const commands: WireCommand[] = [];
  let isOpen = true;
  fn({
    queue(args) {
      if (!isOpen) throw new ClosedError('The transaction');
      const command = toWire(args);
      checkShared(command);
      commands.push(command);
    },
  });
  isOpen = false;
  return commands;
}

/** The keys and arguments of `lock.exec`. */
export function packWrites(commands: readonly WireCommand[]): { keys: string[]; args: CommandArg[] } {
  const keys = new Set<string>();
  const args: CommandArg[] = [];
  for (const command of commands) {
    // a binary key cannot be named beforehand; only a cluster would want that
    for (const key of keysOf(command)) if (typeof key === 'string') keys.add(key);
    args.push(command.length, ...command);
  }
  return { keys: [...keys], args };
}
