import type { CodecOptions } from '../../codec/index.js';
import { checkInteger, checkText, wrong } from '../../core/check.js';
import { type Duration, toMs } from '../../core/duration.js';
import { ConfigError, type ConfigIssue } from '../../core/errors.js';
import { checkPrefix } from '../../core/key-space.js';
import { checkCredentials } from './credentials.js';
import type { Draft } from './draft.js';
import type { Field } from './field.js';
import { attempt, checkEach } from './issues.js';
import { checkBreaker, checkOfflineQueue, checkPool, checkReconnect, checkRetry } from './limits.js';
import { checkTarget, describeTarget } from './target.js';
import { checkTls } from './tls.js';
import type { Settings } from './settings.js';

/** Checks every field of a draft. @throws ConfigError with all issues at once */
export function checkSettings(draft: Draft): Settings {
  const issues: ConfigIssue[] = [...draft.issues];
  // checks know options only; whoever set a variable of the environment is told that variable
  const report = (found: readonly ConfigIssue[]): void => {
    for (const issue of found) issues.push({ ...issue, option: draft.nameOf(issue.option) });
  };
  const tls = attempt(() => optional(draft, 'tls', checkTls), report);
  const place = attempt(() => checkTarget(draft), report);
  const credentials = attempt(() => checkCredentials(draft), report);
  const rest = attempt(() => checkRest(draft), report);
  attempt(() => {
    const local = draft.place === 'memory' || draft.place === 'socketPath';
    if (tls !== undefined && local) throw wrong('tls', 'off where there is no network', draft.get('tls'));
  }, report);
  if (issues.length > 0 || place === undefined || credentials === undefined || rest === undefined) {
    throw new ConfigError(issues);
  }
  const endpoint = describeTarget({ ...place, tls });
  return Object.freeze({ ...place, ...credentials, ...rest, tls, endpoint });
}

type Rest = Omit<Settings, 'target' | 'db' | 'endpoint' | 'tls' | 'username' | 'password' | 'credentials'>;

function checkRest(draft: Draft): Rest {
  const duration = (name: Field, fallback: Duration) => (): number => toMs(draft.get(name, fallback) as Duration, name);
  const group =
    <T>(name: Field, check: (path: string, value: unknown) => T) =>
    (): T =>
      check(name, draft.get(name, {}));
  return checkEach<Rest>({
    prefix: () => checkPrefix('prefix', draft.get('prefix', 'ru')),
    clientName: () => optional(draft, 'clientName', checkClientName),
    connectTimeoutMs: duration('connectTimeout', '5s'),
    commandTimeoutMs: duration('commandTimeout', '5s'),
    unresponsiveAfterMs: duration('unresponsiveAfter', '5s'),
    heartbeatMs: duration('heartbeat', '10s'),
    maxInFlight: () => checkInteger('maxInFlight', draft.get('maxInFlight', 65_536), { min: 1, max: 1_000_000 }),
    offlineQueue: group('offlineQueue', checkOfflineQueue),
    reconnect: group('reconnect', checkReconnect),
    retry: group('retry', checkRetry),
    breaker: group('breaker', checkBreaker),
    pool: group('pool', checkPool),
    codec: () => draft.get('codec') as CodecOptions | undefined,
  });
}

function optional<T>(draft: Draft, name: Field, check: (path: string, value: unknown) => T): T | undefined {
  const value = draft.get(name);
  return value === undefined ? undefined : check(name, value);
}

function checkClientName(path: string, value: unknown): string {
  const name = checkText(path, value);
  if (!/^[!-~]+$/.test(name)) throw wrong(path, 'printable ASCII without spaces', value);
  return name;
}
