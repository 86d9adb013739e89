import type { Hold } from '../calls/authority.js';
import type { QuorumMember } from './member.js';

/** What one token has been given by the servers of a quorum, as far as is known here. */
export class Ballot {
  /** The shape is the fence: proposed at first, then the one agreed on. */
  hold: Hold;
  /** Who may have given it a vote. */
  readonly voters = new Set<QuorumMember>();
  /** The longest time for which a vote may last from now on. */
  leaseMs: number;
  /** The votes have been given back: no more may be asked for. */
  isClosed = false;

  constructor(hold: Hold) {
    this.hold = hold;
    this.leaseMs = hold.ttlMs;
  }

  /** A majority keeps this fence: whoever votes from now on is to keep it, too. */
  agree(fence: bigint): void {
    this.hold = { ...this.hold, shape: String(fence) };
  }
}
