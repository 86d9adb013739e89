import type { CommandSpec, RunCommand } from '../server.js';

type Keys = CommandSpec['keys'];

export const NO_KEYS: Keys = [0, 0, 0];
export const ONE_KEY: Keys = [1, 1, 1];
export const ALL_KEYS: Keys = [1, -1, 1];

/** A row of the command table. */
export function define(name: string, shape: Omit<CommandSpec, 'name' | 'run'>, run: RunCommand): CommandSpec {
  return { name, ...shape, run };
}

/** A command that reads the key in its first argument. */
export function read(name: string, arity: number, run: RunCommand): CommandSpec {
  return { name, arity, flags: ['readonly'], keys: ONE_KEY, run };
}

/** A command that may write the key in its first argument. */
export function write(name: string, arity: number, run: RunCommand): CommandSpec {
  return { name, arity, flags: ['write'], keys: ONE_KEY, run };
}
