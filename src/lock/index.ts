export { DistributedLock } from './lock.js';
export type { LockEvents } from './events.js';
export type { FencedTransaction } from './fenced-transaction.js';
export type { LockGuard } from './lock-guard.js';
export type { LockInfo, LockWaiter } from './lock-info.js';
export type { LockOperationTrace } from './trace.js';
export type { ReleaseResult } from './keeper.js';
export type { AcquireOptions, LockOptions } from './options.js';
export type { ForceReleaseOptions } from './force-release.js';
export type { Lockable } from './lockable.js';
export type { PermitHolder, PermitMode, PermitsInfo, PermitWaiter } from './permits/permits-info.js';
export type { ReadWriteLockOptions, SemaphoreAcquireOptions, SemaphoreOptions } from './permits/pool-options.js';
export { DistributedReadWriteLock } from './permits/read-write-lock.js';
export { DistributedSemaphore } from './permits/semaphore.js';
export { LeaderElector } from './leader/leader-elector.js';
export type { LeaderEvents, LeaderInfo } from './leader/leader-events.js';
export type { LeaderElectorOptions, ObserveOptions } from './leader/leader-options.js';
export { LockQuorum, type LockQuorumEvents, type LockQuorumOptions } from './quorum/lock-quorum.js';
export {
  LockDeadlockError,
  LockLostError,
  type LockLostReason,
  LockQuorumError,
  LockReplicationError,
  LockServerRestartedError,
  LockTimeoutError,
} from './errors.js';
