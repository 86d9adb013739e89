import { ConfigError } from '../../core/errors.js';
import type { WireCommand } from '../driver.js';

/** What a command does to the connection that carries it. */
export type ConnectionEffect = 'none' | 'blocks' | 'state' | 'breaks';

const EFFECTS = new Map<string, ConnectionEffect>();
const COMMANDS: Readonly<Record<Exclude<ConnectionEffect, 'none'>, string>> = {
  blocks: 'BLPOP BRPOP BLMOVE BLMPOP BRPOPLPUSH BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF',
  state: 'MULTI EXEC DISCARD WATCH UNWATCH SELECT AUTH READONLY READWRITE ASKING',
  // would leave the reply stream out of step with its callers; no connection of ours can take them
  breaks:
    'SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR HELLO RESET QUIT SYNC PSYNC REPLCONF',
};
for (const [effect, names] of Object.entries(COMMANDS)) {
  for (const name of names.split(' ')) EFFECTS.set(name, effect as ConnectionEffect);
}
/** What a `CLIENT` command that is not among these does to its connection is not known, and so it changes it. */
const CLIENT_HARMLESS = 'GETNAME GETREDIR HELP ID INFO KILL LIST PAUSE TRACKINGINFO UNBLOCK UNPAUSE'.split(' ');

export function connectionEffect(command: WireCommand): ConnectionEffect {
  const name = word(command[0]);
  const effect = EFFECTS.get(name);
  if (effect !== undefined) return effect;
  if (name === 'CLIENT') return clientEffect(word(command[1]));
  if (name === 'SCRIPT') return word(command[1]) === 'DEBUG' ? 'breaks' : 'none';
  if (name !== 'XREAD' && name !== 'XREADGROUP') return 'none';
  return command.some((arg) => word(arg) === 'BLOCK') ? 'blocks' : 'none';
}

function clientEffect(verb: string): ConnectionEffect {
  if (verb === 'REPLY') return 'breaks';
  return CLIENT_HARMLESS.includes(verb) ? 'none' : 'state';
}

/** Refuses what would hold up or change the connection that everybody shares. @throws ConfigError */
export function checkShared(command: WireCommand): void {
  const effect = connectionEffect(command);
  if (effect === 'none') return;
  if (effect === 'breaks')
    return refuse(command, 'one that keeps the reply stream in step – use PubSubManager for messages');
  const why = effect === 'blocks' ? 'blocks the connection' : 'changes the connection';
  refuse(command, `one that every caller can share (it ${why}) – send it on a connection of its own: manager.lease()`);
}

/** Refuses what no connection of ours can take, a leased one included. @throws ConfigError */
export function checkLeased(command: WireCommand): void {
  if (connectionEffect(command) === 'breaks') {
    refuse(command, 'one that keeps the reply stream in step – use PubSubManager for messages');
  }
}

function refuse(command: WireCommand, expected: string): void {
  throw new ConfigError([{ option: 'command', expected, received: word(command[0]) }]);
}

function word(arg: string | Buffer | undefined): string {
  return (typeof arg === 'string' ? arg : (arg?.toString('latin1') ?? '')).toUpperCase();
}
