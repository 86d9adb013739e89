import type { Claim } from '../calls/authority.js';
import { Guard } from '../guard/guard.js';
import { LeaseTime } from '../guard/lease-time.js';
import type { ReleaseResult } from '../keeper.js';
import type { LockTerms } from '../lock-terms.js';

interface Passed {
  /** Undefined: it was lost, or it is not known who holds it. */
  readonly passed: Guard | undefined;
  /** Of the release. */
  readonly result: ReleaseResult;
}

/** Makes another token of this process the owner. Never rejects. Cost: 1 round trip. */
export async function passOn(from: Claim, leaseMs: number, to: LockTerms): Promise<Passed> {
  const { keeper, authority, hash } = to;
  const claim = { hash, token: keeper.newToken() };
  const lease = new LeaseTime(keeper.clock);
  try {
    const { standing, fence, leaseMs: grantedMs } = await authority.pass(from, { ...to, token: claim.token }, leaseMs);
    if (standing !== 'held' || fence === undefined) {
      return { passed: undefined, result: { status: standing === 'held' ? 'unknown' : standing } };
    }
    lease.grant(grantedMs);
    return { passed: new Guard(to, { claim, fence, lease }), result: { status: 'released' } };
  } catch {
    // whoever of the two may hold it: nobody knows of it, and so nobody must
    keeper.withdraw(authority, from, leaseMs);
    keeper.withdraw(authority, claim, to.ttlMs);
    return { passed: undefined, result: { status: 'unknown' } };
  }
}
