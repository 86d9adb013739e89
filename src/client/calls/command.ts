import { Buffer } from 'node:buffer';

import { wrong } from '../../core/check.js';
import type { Duration } from '../../core/duration.js';
import type { ReplyMode, WireCommand } from '../driver.js';

/** One word of a command. Numbers are sent in decimal. */
export type CommandArg = string | Uint8Array | number;

/** A command: its name, then its arguments. */
export type Command = readonly CommandArg[];

export interface CommandOptions {
  /** How long to wait for the reply, in flight included. Default: the manager's `commandTimeout`. */
  readonly timeout?: Duration | undefined;
  /** Ends the wait with `signal.reason`. A command that was sent may still run. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Running the command twice has the effect of running it once: then it is sent again, within its deadline, when the
   * connection was lost before the reply came. Commands that only read are in any case.
   */
  readonly idempotent?: boolean | undefined;
  /**
   * How strings of the reply are delivered: `'text'` (default) or `'bytes'`: Buffers, which may share their memory with
   * the replies that arrived together with this one. Copy what is kept for long.
   */
  readonly reply?: ReplyMode | undefined;
}

/** Checks a command and turns it into what goes onto the wire. @throws ConfigError for anything but text, bytes, numbers */
export function toWire(command: Command): WireCommand {
  if (!Array.isArray(command) || command.length === 0) {
    throw wrong('command', 'an array that begins with the name of a command', command);
  }
  const wire: (string | Buffer)[] = [];
  for (let index = 0; index < command.length; index += 1) wire.push(toWord(command[index] as CommandArg, index));
  return wire;
}

function toWord(arg: CommandArg, index: number): string | Buffer {
  if (typeof arg === 'string') return arg;
  if (typeof arg === 'number' && Number.isFinite(arg)) return String(arg);
  if (Buffer.isBuffer(arg)) return arg;
  if (arg instanceof Uint8Array) return Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength);
  throw wrong(`command[${index}]`, 'a string, a Uint8Array or a finite number', arg);
}

/** The name of a command as errors show it; arguments are never shown. */
export function commandName(command: WireCommand): string {
  const name = command[0];
  return typeof name === 'string' ? name.toUpperCase() : 'command';
}
