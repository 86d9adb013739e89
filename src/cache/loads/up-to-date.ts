import { compareTagEpochs, isSameNamespaceEpoch } from '../epochs/epoch-value.js';
import type { LoadRead } from '../reads/read.js';
import type { Scope } from '../scope.js';
import type { Flight } from './flights.js';

/**
 * Whether a load began in the epochs that were read along with the key: nothing has been cleared or invalidated since.
 * Where that cannot be known, it counts as not so. Never rejects.
 */
export async function isUpToDate(scope: Scope, flight: Flight, { epochOf }: LoadRead): Promise<boolean> {
  const stamp = await flight.stamping;
  const present = epochOf?.(scope.epochKey);
  if (stamp === undefined || !present || !isSameNamespaceEpoch(stamp.epoch, present)) return false;
  for (const { name, epoch } of stamp.tags) {
    const key = scope.tagKey(name);
    const ofTag = epochOf?.(key);
    // a store that fails is met by the load that is begun instead
    const now = ofTag === undefined ? await scope.epochs.read(key).catch(() => null) : ofTag;
    if (compareTagEpochs(epoch, now) !== 'same') return false;
  }
  return true;
}
