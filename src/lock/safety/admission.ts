import type { RedisManager } from '../../client/manager.js';
import { wrong } from '../../core/check.js';
import { EvictionCheck, type EvictionPolicy } from './eviction.js';
import { PrimaryQuarantine } from './quarantine.js';

/** What must be so before the server is asked for a lock. */
export interface Admission {
  /**
   * For how long nothing may be granted. Undefined: nothing is in the way, and nothing had to be asked for.
   * @throws ConfigError · ServerError, ConnectionError, TimeoutError
   */
  check(): Promise<number> | undefined;
}

export interface AdmissionTerms {
  readonly eviction: EvictionPolicy;
  /** 0: none. */
  readonly quarantineMs: number;
}

/** @param root what the keys of locks begin with @throws ConfigError */
export function admissionTo(
  manager: RedisManager,
  root: string,
  { eviction, quarantineMs }: AdmissionTerms,
): Admission | undefined {
  if (quarantineMs === 0 && eviction === 'allow') return undefined;
  if (quarantineMs > 0 && manager.nodes().length !== 1) {
    throw wrong('lock.quarantine', 'left out for a cluster, the embedded engine and a wrapped client', quarantineMs);
  }
  const evictions = EvictionCheck.of(manager);
  const quarantine = quarantineMs === 0 ? undefined : new PrimaryQuarantine(manager, root, quarantineMs);
  return {
    check() {
      if (eviction === 'warn') evictions.warn();
      if (eviction !== 'refuse' && quarantine === undefined) return undefined;
      return checkBoth(eviction === 'refuse' ? evictions : undefined, quarantine);
    },
  };
}

async function checkBoth(
  evictions: EvictionCheck | undefined,
  quarantine: PrimaryQuarantine | undefined,
): Promise<number> {
  const [, leftMs = 0] = await Promise.all([evictions?.refuse(), quarantine?.leftMs()]);
  return leftMs;
}
