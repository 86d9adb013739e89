import { createHash } from 'node:crypto';

import { wrong } from '../core/check.js';
import { ServerError } from '../core/errors.js';
import type { CommandArg, CommandOptions } from './calls/command.js';
import type { Reply } from './driver.js';

/**
 * A Lua script, declared once beside the module that uses it.
 *
 * Whatever must be atomic is one script on keys of one slot. Time comes from `redis.call('TIME')`, read once: no
 * argument may carry a client's clock. Numbers that matter beyond 14 digits leave Lua as strings (`%.0f`).
 */
export interface ScriptDef<A extends readonly CommandArg[], R> {
  /** `module.verb`, as it appears in errors: `lock.acquire`. */
  readonly name: string;
  /** What each of `KEYS` is. A last name that ends in `...` stands for any number of keys. */
  readonly keys: readonly string[];
  /** What each of `ARGV` is. A last name that ends in `...` stands for any number of arguments. */
  readonly args: readonly string[];
  /** Writes nothing, so it may be sent again after any failure. */
  readonly readOnly: boolean;
  /** Running it twice has the effect of running it once. */
  readonly idempotent: boolean;
  /** Turns the reply into the result; throws `BadReplyError` for a shape that the script cannot return. */
  readonly decode: (reply: Reply) => R;
  readonly lua: string;
  /**
   * Sent with its whole text (`EVAL`), so that it never has to be sent twice: what is sent after it also runs after it.
   * For scripts that their caller does not wait for.
   */
  readonly inOrder?: boolean;
  /** Only there to carry the type of the arguments. */
  readonly argsType?: A;
}

/** A script bound to a manager. */
export interface Script<A extends readonly CommandArg[], R> {
  readonly name: string;
  /**
   * Runs the script: `EVALSHA`, and `EVAL` when the server does not know it yet. No other error is retried.
   * Cost: 1 round trip (2 the first time after the server's script cache was emptied).
   */
  run(keys: readonly string[], args: A, options?: CommandOptions): Promise<R>;
}

/** What a declaration becomes when it is bound. */
export type ScriptOf<D> = D extends ScriptDef<infer A extends readonly CommandArg[], infer R> ? Script<A, R> : never;

/** Checks a declaration once and returns it. Replies come as text unless the decoder asks the caller for bytes. */
export function defineScript<A extends readonly CommandArg[], R>(def: ScriptDef<A, R>): ScriptDef<A, R> {
  return Object.freeze(def);
}

type Send = (command: readonly CommandArg[], options: CommandOptions | undefined) => Promise<Reply>;

/** Binds a declaration to a way of sending commands. */
export function bindScript<A extends readonly CommandArg[], R>(def: ScriptDef<A, R>, send: Send): Script<A, R> {
  const sha = createHash('sha1').update(def.lua).digest('hex');
  const keyCount = arity(def.keys);
  const argCount = arity(def.args);
  return {
    name: def.name,
    async run(keys, args, options) {
      checkCount(`${def.name} keys`, keys.length, keyCount);
      checkCount(`${def.name} arguments`, args.length, argCount);
      if (def.inOrder === true) {
        return def.decode(await send(['EVAL', def.lua, keys.length, ...keys, ...args], options));
      }
      let reply: Reply;
      try {
        reply = await send(['EVALSHA', sha, keys.length, ...keys, ...args], options);
      } catch (error) {
        if (!(error instanceof ServerError) || error.replyCode !== 'NOSCRIPT') throw error;
        reply = await send(['EVAL', def.lua, keys.length, ...keys, ...args], options);
      }
      return def.decode(reply);
    },
  };
}

interface Arity {
  readonly min: number;
  readonly open: boolean;
}

function arity(names: readonly string[]): Arity {
  const open = names.at(-1)?.endsWith('...') ?? false;
  return { min: open ? names.length - 1 : names.length, open };
}

function checkCount(what: string, count: number, { min, open }: Arity): void {
  if (open ? count >= min : count === min) return;
  throw wrong(what, `${open ? 'at least ' : ''}${min} in number`, count);
}
