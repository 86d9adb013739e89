import { BadReplyError } from '../../core/errors.js';

/** Who holds a lock now. Times are the server's, at the moment it was asked. */
export interface Tenure {
  readonly token: string;
  readonly fence: bigint;
  readonly metadata: Readonly<Record<string, string>>;
  readonly remainingMs: number;
  /** Since it was granted, as its fence tells: 0 where the clock has been set back since. */
  readonly heldMs: number;
}

type Field = string | null | undefined;

/** @param fields `o`, `f`, `x` and `m` of the lock's hash */
export function readTenure(
  [owner, fence, leaseEnd, metadata]: readonly Field[],
  nowMicros: number,
): Tenure | undefined {
  const remainingMs = Number(leaseEnd ?? 0) - Math.floor(nowMicros / 1_000);
  if ((owner ?? '') === '' || remainingMs <= 0) return undefined;
  return {
    token: owner as string,
    fence: BigInt(fence ?? 0),
    metadata: readMetadata(metadata),
    remainingMs,
    heldMs: Math.max(0, Math.floor((nowMicros - Number(fence ?? 0)) / 1_000)),
  };
}

/** @throws BadReplyError */
export function readMetadata(metadata: Field): Record<string, string> {
  if (metadata === undefined || metadata === null || metadata === '') return {};
  try {
    return JSON.parse(metadata) as Record<string, string>;
  } catch {
    throw new BadReplyError('lock.inspect', 'metadata in JSON', 'something else');
  }
}
