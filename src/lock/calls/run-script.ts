import type { CommandArg } from '../../client/calls/command.js';
import { defineScript, type ScriptDef } from '../../client/script.js';
import type { Reply } from '../../client/driver.js';
import { BadReplyError, ServerError } from '../../core/errors.js';
import type { Standing } from './authority.js';
import { runBegin, runEnd } from './run-lua.js';

/** What a call asks of a lock. `barge` is an `acquire` that does not look at the queue; `pass` a release to a token. */
export type Operation = 'acquire' | 'barge' | 'extend' | 'release' | 'verify' | 'pass' | 'raise' | 'force';

/** What the server says to one call. */
export interface Answer {
  readonly standing: Standing;
  /** Of the token that holds the lock, told to `acquire` alone. */
  readonly fence: bigint | undefined;
  /** How many wait before the token, told to an `acquire` that waits. */
  readonly rank: number | undefined;
  /** How much was left of the lease, ours or the other's, when the server answered. `release` is not told. */
  readonly leaseMs: number;
  /** The server's time. */
  readonly nowMs: number;
}

/** The server's time in ms, then two items for each call, which `readAnswer` understands. */
export type RunReply = readonly [nowMs: number, ...items: Reply[]];

/**
 * For how long a waiter owns what it was handed, until it has been heard of: one that was frozen meanwhile holds up the
 * others for no longer.
 */
export const CLAIM_MS = 1_000;
/** A script that decides many calls at one moment. */
export type RunScript = ScriptDef<readonly CommandArg[], RunReply>;

/** @param lua defines `operations` by their names, and `prepare`; between what all such scripts have (`run-lua.ts`) */
export function defineRun(name: string, lua: string): RunScript {
  return defineScript<readonly CommandArg[], RunReply>({
    name,
    keys: ['lock...'],
    // from `calls` on, one such group for each run of calls that differ only in lock and token
    args: ['inbox', 'counted', 'calls', 'operation', 'ttlMs', 'waitMs', 'shape', 'text', 'token...'],
    readOnly: false,
    idempotent: true,
    decode: (reply) => decode(name, reply),
    lua: `${runBegin}\n${lua}\n${runEnd}`,
  });
}

function decode(name: string, reply: Reply): RunReply {
  if (!Array.isArray(reply) || typeof reply[0] !== 'number') {
    throw new BadReplyError(name, 'an array that begins with the time', reply);
  }
  return reply as unknown as RunReply;
}

/**
 * The answer to the call at `index` of a reply.
 * @throws ServerError what Redis said against this one call; BadReplyError
 */
export function readAnswer(operation: Operation, reply: RunReply, index: number): Answer {
  const said = reply[2 * index + 1];
  const leaseEnd = reply[2 * index + 2];
  if (typeof leaseEnd === 'number') {
    const [nowMs] = reply;
    const leaseMs = leaseEnd - nowMs;
    if (typeof said === 'string' && LETTER.test(said)) throw new ServerError(said, `lock.${operation}`);
    if (operation === 'acquire' || operation === 'barge') {
      if (typeof said === 'number' && said >= 0)
        return { standing: 'stolen', fence: undefined, rank: said, leaseMs, nowMs };
      if (said === '') return { standing: 'stolen', fence: undefined, rank: undefined, leaseMs, nowMs };
      if (typeof said === 'string' && DECIMAL.test(said)) {
        return { standing: 'held', fence: BigInt(said), rank: undefined, leaseMs, nowMs };
      }
    } else if (operation === 'pass' && typeof said === 'string' && DECIMAL.test(said)) {
      return { standing: 'held', fence: BigInt(said), rank: undefined, leaseMs, nowMs };
    } else {
      const standing = STANDINGS.get(said);
      if (standing !== undefined) return { standing, fence: undefined, rank: undefined, leaseMs, nowMs };
    }
  }
  throw new BadReplyError(`lock.${operation}`, 'a fence, a place or a standing, and a lease end', said);
}

const LETTER = /^[A-Za-z]/;
const DECIMAL = /^\d+$/;
const STANDINGS = new Map<unknown, Standing>([
  [1, 'held'],
  [0, 'expired'],
  [-1, 'stolen'],
]);
