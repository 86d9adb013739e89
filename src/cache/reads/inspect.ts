import { BadReplyError, ServerError } from '../../core/errors.js';
import type { Scope } from '../scope.js';
import { type Verdict, verdictOn } from './verdict.js';

/** What is at a key, and what it is worth. */
export interface Inspected {
  readonly bytes: Buffer;
  readonly verdict: Verdict;
}

/**
 * Looks at one key by itself; undefined where there is nothing, or another type. It fails in both modes.
 * @throws ServerError, ConnectionError, TimeoutError; DecodeError for bytes that are no entry of this release
 * Cost: 1 round trip, 2 for an entry with tags.
 */
export async function inspect(
  scope: Scope,
  key: string,
  command: 'GET' | 'GETDEL' = 'GET',
): Promise<Inspected | undefined> {
  const [bytes, epoch] = await Promise.all([fetch(scope, key, command), scope.epochs.read(scope.epochKey)]);
  if (bytes === null) return undefined;
  const nowMs = await latestMs(scope);
  return { bytes, verdict: await verdictOn(scope, key, { bytes, epoch, nowMs }) };
}

/** Not behind the server's time. */
export async function latestMs({ common: { manager } }: Scope): Promise<number> {
  const { serverTime } = manager;
  if (serverTime.shouldAsk()) await serverTime.ask().catch((error: unknown) => manager.reportError('cache', error));
  return serverTime.latestMs();
}

async function fetch(scope: Scope, key: string, command: string): Promise<Buffer | null> {
  const bytes = await scope.common.manager.command([command, key], { reply: 'bytes' }).catch((error: unknown) => {
    if (error instanceof ServerError && error.replyCode === 'WRONGTYPE') return null;
    throw error;
  });
  if (bytes === null || Buffer.isBuffer(bytes)) return bytes;
  throw new BadReplyError(command, 'bytes or null', bytes);
}
