import { checkInteger, checkKnown, checkNumber, wrong } from '../../core/check.js';
import { toMs } from '../../core/duration.js';
import { checkEach, partsOf } from './issues.js';
import type {
  BreakerOptions,
  OfflineQueueOptions,
  PoolOptions,
  ReconnectOptions,
  RetryOptions,
} from './redis-options.js';
import type { Settings } from './settings.js';

const MIB = 1_048_576;

/** @throws ConfigError with all issues of the group at once; the others here do the same */
export function checkOfflineQueue(path: string, value: unknown): Settings['offlineQueue'] {
  if (value === false) return undefined;
  const { maxCommands = 10_000, maxBytes = 64 * MIB, maxWait = '1s' } = partsOf<OfflineQueueOptions>(value);
  return checkEach<NonNullable<Settings['offlineQueue']>>(
    {
      maxCommands: () => checkInteger(`${path}.maxCommands`, maxCommands, { min: 1, max: 1_000_000 }),
      maxBytes: () => checkInteger(`${path}.maxBytes`, maxBytes, { min: 1, max: 1_024 * MIB }),
      maxWaitMs: () => toMs(maxWait, `${path}.maxWait`),
    },
    () => checkKnown(path, value, ['maxCommands', 'maxBytes', 'maxWait']),
  );
}

export function checkReconnect(path: string, value: unknown): Settings['reconnect'] {
  const { minDelay = '50ms', maxDelay = '2s' } = partsOf<ReconnectOptions>(value);
  const delays = checkEach<Settings['reconnect']>(
    { minDelayMs: () => toMs(minDelay, `${path}.minDelay`), maxDelayMs: () => toMs(maxDelay, `${path}.maxDelay`) },
    () => checkKnown(path, value, ['minDelay', 'maxDelay']),
  );
  return inOrder(path, delays);
}

export function checkRetry(path: string, value: unknown): Settings['retry'] {
  if (value === false) return undefined;
  const { budget = 0.1, minDelay = '10ms', maxDelay = '500ms' } = partsOf<RetryOptions>(value);
  const retry = checkEach<NonNullable<Settings['retry']>>(
    {
      budget: () => checkNumber(`${path}.budget`, budget, { min: 0, max: 1 }),
      minDelayMs: () => toMs(minDelay, `${path}.minDelay`),
      maxDelayMs: () => toMs(maxDelay, `${path}.maxDelay`),
    },
    () => checkKnown(path, value, ['budget', 'minDelay', 'maxDelay']),
  );
  return inOrder(path, retry);
}

export function checkBreaker(path: string, value: unknown): Settings['breaker'] {
  if (value === false) return undefined;
  const { failures = 5 } = partsOf<BreakerOptions>(value);
  return checkEach<NonNullable<Settings['breaker']>>(
    { failures: () => checkInteger(`${path}.failures`, failures, { min: 1, max: 10_000 }) },
    () => checkKnown(path, value, ['failures']),
  );
}

export function checkPool(path: string, value: unknown): Settings['pool'] {
  const parts = partsOf<PoolOptions>(value);
  const { max = 10, acquireTimeout = '5s', idleTimeout = '1m', maxAge = '1h', leakAfter = '1m' } = parts;
  return checkEach<Settings['pool']>(
    {
      max: () => checkInteger(`${path}.max`, max, { min: 1, max: 10_000 }),
      acquireTimeoutMs: () => toMs(acquireTimeout, `${path}.acquireTimeout`),
      idleTimeoutMs: () => toMs(idleTimeout, `${path}.idleTimeout`),
      maxAgeMs: () => toMs(maxAge, `${path}.maxAge`),
      leakAfterMs: () => (leakAfter === false ? undefined : toMs(leakAfter, `${path}.leakAfter`)),
    },
    () => checkKnown(path, value, ['max', 'acquireTimeout', 'idleTimeout', 'maxAge', 'leakAfter']),
  );
}

function inOrder<T extends { readonly minDelayMs: number; readonly maxDelayMs: number }>(path: string, delays: T): T {
  if (delays.minDelayMs <= delays.maxDelayMs) return delays;
  throw wrong(`${path}.minDelay`, `at most \`maxDelay\` (${delays.maxDelayMs} ms)`, delays.minDelayMs);
}
