import { checkKnown, checkText, wrong } from '../core/check.js';
import { tracedLock } from './trace.js';
import { namingItsKey } from './wrong-type.js';

export interface ForceReleaseOptions {
  /** Why, for the holder's eyes: text of 1 to 200 characters. */
  readonly reason: string;
}

/** What can be taken away. */
interface Held {
  readonly hash: string;
  force(hash: string, reason: string): Promise<boolean>;
}

const MAX_REASON = 200;

/** Takes all of them away, and says whether any was held. */
export function releaseByForce(key: string, options: ForceReleaseOptions, held: readonly Held[]): Promise<boolean> {
  return tracedLock('forceRelease', key, async () => {
    checkKnown('forceRelease', options, ['reason']);
    const reason = checkText('forceRelease.reason', options.reason);
    if (reason.length > MAX_REASON) {
      throw wrong('forceRelease.reason', `at most ${MAX_REASON} characters`, reason.length);
    }
    const forced = held.map((one) => namingItsKey(one.hash, one.force(one.hash, reason)));
    return (await Promise.all(forced)).some((wasHeld) => wasHeld);
  });
}
