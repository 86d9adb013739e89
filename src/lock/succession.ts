import type { Claim } from './calls/authority.js';
import type { ReleaseResult } from './keeper.js';

/** Who holds a lock next, where that is not the server's affair alone. */
export interface Succession {
  /** Passes it on to somebody of this process. Undefined: it is to go back to the server. Never rejects. */
  pass(claim: Claim, leaseMs: number): Promise<ReleaseResult> | undefined;
  /** It is not held by this process any more. */
  leave(): void;
}
