import type { Draft } from './draft.js';
import type { Settings } from './settings.js';

/** One line of `RedisConfig.explain()`. */
export interface ConfigLine {
  readonly field: string;
  /** The value in force; secrets are shown as `***`. */
  readonly value: string;
  /** `default`, `options`, `url`, or the environment variable. */
  readonly source: string;
}

/** What is in force, without secrets, and where each value came from. */
export function explainSettings(settings: Settings, draft: Draft): ConfigLine[] {
  const lines = [
    line('username', settings.username),
    line('password', hidden(settings.password)),
    line('credentials', settings.credentials === undefined ? '' : 'from a provider'),
    ...sentinelLines(settings),
    ...tlsLines(settings),
    line('prefix', settings.prefix),
    line('clientName', settings.clientName),
    line('connectTimeout', `${settings.connectTimeoutMs}ms`),
    line('commandTimeout', `${settings.commandTimeoutMs}ms`),
    ...limitLines(settings),
  ].map(({ field, value }) => ({ field, value, source: draft.sourceOf(field) ?? 'default' }));
  return [{ field: 'endpoint', value: settings.endpoint, source: draft.sourceOf(draft.place) ?? 'default' }, ...lines];
}

type Line = Omit<ConfigLine, 'source'>;

function line(field: string, value: string | undefined): Line {
  return { field, value: value ?? '' };
}

function hidden(secret: unknown): string {
  return secret === undefined ? '' : '***';
}

function sentinelLines({ target }: Settings): Line[] {
  if (target.kind !== 'sentinel') return [];
  return [line('sentinel.username', target.username), line('sentinel.password', hidden(target.password))];
}

function tlsLines({ tls }: Settings): Line[] {
  if (tls === undefined) return [line('tls', 'off')];
  const details = [
    line('tls.ca', hidden(tls.ca)),
    line('tls.caFile', tls.caFile),
    line('tls.cert', hidden(tls.cert)),
    line('tls.certFile', tls.certFile),
    line('tls.key', hidden(tls.key)),
    line('tls.keyFile', tls.keyFile),
    line('tls.passphrase', hidden(tls.passphrase)),
    line('tls.servername', tls.servername),
    line('tls.pin', tls.pins.map((pin) => `sha256/${pin}`).join(' ')),
    line('tls.dangerouslySkipVerification', tls.dangerouslySkipVerification ? 'true' : ''),
  ];
  return [line('tls', 'on'), line('tls.minVersion', tls.minVersion), ...details.filter(({ value }) => value !== '')];
}

function limitLines(settings: Settings): Line[] {
  const { offlineQueue: queue, retry, breaker, reconnect, pool } = settings;
  return [
    line('unresponsiveAfter', `${settings.unresponsiveAfterMs}ms`),
    line('heartbeat', `${settings.heartbeatMs}ms`),
    line('maxInFlight', String(settings.maxInFlight)),
    line(
      'offlineQueue',
      queue === undefined ? 'off' : `${queue.maxCommands} commands, ${queue.maxBytes} bytes, ${queue.maxWaitMs}ms`,
    ),
    line('reconnect', pauses(reconnect)),
    line('retry', retry === undefined ? 'off' : `${retry.budget} of the commands, ${pauses(retry)}`),
    line('breaker', breaker === undefined ? 'off' : `${breaker.failures} failures`),
    line('pool.max', String(pool.max)),
    line('pool.acquireTimeout', `${pool.acquireTimeoutMs}ms`),
    line('pool.idleTimeout', `${pool.idleTimeoutMs}ms`),
    line('pool.maxAge', `${pool.maxAgeMs}ms`),
    line('pool.leakAfter', pool.leakAfterMs === undefined ? 'off' : `${pool.leakAfterMs}ms`),
  ];
}

function pauses(delays: { minDelayMs: number; maxDelayMs: number }): string {
  return `${delays.minDelayMs}ms to ${delays.maxDelayMs}ms`;
}
