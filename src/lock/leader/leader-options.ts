import { checkKnown, wrong } from '../../core/check.js';
import { type Duration, toMs } from '../../core/duration.js';
import { checkLockOptions, type HoldTerms } from '../options.js';

export interface LeaderElectorOptions {
  /** How long the office outlives a leader that vanished: 10 ms to 1 d, default `'10s'`. */
  readonly ttl?: Duration | undefined;
  /** Facts about this candidate for those who observe, at most 4096 bytes as JSON. Not a place for secrets. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Replaces the manager's key prefix. */
  readonly prefix?: string | undefined;
}

export interface ObserveOptions {
  /** Ends the observation. */
  readonly signal?: AbortSignal | undefined;
  /** How often to look at least, 10 ms to 1 h, default `'1s'`. */
  readonly interval?: Duration | undefined;
}

/** Options after checking. */
export interface ObserveTerms {
  readonly signal: AbortSignal | undefined;
  readonly intervalMs: number;
}

const DEFAULT_TTL = '10s';
/** The longest that a lock is held. */
const TERM = '24d';
const DEFAULT_INTERVAL = '1s';
const INTERVAL_RANGE = { min: 10, max: 3_600_000 };

/** @throws ConfigError */
export function checkElectorOptions(options: LeaderElectorOptions = {}): HoldTerms {
  checkKnown('leader', options, ['ttl', 'metadata', 'prefix']);
  const { ttl = DEFAULT_TTL, metadata, prefix } = options;
  return checkLockOptions(ttl, { metadata, prefix, renew: { maxHold: TERM } });
}

/** @throws ConfigError */
export function checkObserveOptions(options: ObserveOptions = {}): ObserveTerms {
  checkKnown('observe', options, ['signal', 'interval']);
  const { signal, interval = DEFAULT_INTERVAL } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrong('observe.signal', 'an AbortSignal', signal);
  return { signal, intervalMs: toMs(interval, 'observe.interval', INTERVAL_RANGE) };
}
