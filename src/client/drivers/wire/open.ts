import { ignore } from '../../../core/abort.js';
import type { Clock } from '../../../core/clock.js';
import type { Runtime } from '../../../core/runtime.js';
import type { Settings } from '../../config/settings.js';
import { connectTraces, traced } from '../../tracing.js';
import { connectError } from './connect-error.js';
import { WireConnection } from './connection.js';
import { dial } from './dial.js';
import { greet } from './greeting.js';
import { failOnPlainPort } from './plain-port.js';
import { CredentialRefresh } from './refresh.js';

export interface OpenPorts extends Runtime {
  /** Where failures go that concern an open connection and no command: credentials that could not be refreshed. */
  readonly report: (error: unknown) => void;
}

/**
 * Connects, greets and pings once, within `connectTimeoutMs` for all of it: 1 round trip after the handshakes.
 * @param settings whose target is one server
 * @throws ConnectionError with the reason of this one attempt, or `signal.reason`
 */
export function openWire(
  settings: Settings,
  ports: OpenPorts,
  signal: AbortSignal | undefined,
): Promise<WireConnection> {
  if (!connectTraces.hasSubscribers) return attemptOnce(settings, ports, signal);
  return traced(connectTraces, { endpoint: settings.endpoint }, () => attemptOnce(settings, ports, signal));
}

async function attemptOnce(
  settings: Settings,
  ports: OpenPorts,
  signal: AbortSignal | undefined,
): Promise<WireConnection> {
  signal?.throwIfAborted();
  const { clock } = ports;
  const attempt = new AbortController();
  const opening = dialAndGreet(settings, ports, attempt.signal);
  try {
    return await Promise.race([
      opening,
      failAfter(settings.connectTimeoutMs, { clock, signal, attempt: attempt.signal }),
      failOnPlainPort(settings, clock, attempt.signal),
    ]);
  } catch (error) {
    // it may have succeeded just when the attempt was given up: nobody is left to have the connection
    opening.then((late) => late.destroy(), ignore);
    if (signal?.aborted === true) throw signal.reason;
    throw connectError(error, settings);
  } finally {
    attempt.abort();
  }
}

/** Ends what it has made when the attempt is aborted before it returns; afterwards abortion means nothing to it. */
async function dialAndGreet(settings: Settings, ports: OpenPorts, attempt: AbortSignal): Promise<WireConnection> {
  const socket = await dial(settings, attempt);
  const connection = new WireConnection(socket, { clock: ports.clock, settings });
  const giveUp = (): void => connection.destroy();
  attempt.addEventListener('abort', giveUp, { once: true });
  try {
    attempt.throwIfAborted();
    const credentials = await greet(connection, settings);
    attempt.throwIfAborted();
    if (credentials !== undefined) new CredentialRefresh(connection, { ...ports, settings }).plan(credentials);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  } finally {
    attempt.removeEventListener('abort', giveUp);
  }
}

/** A server that accepts and is silent needs a limit for all of it. */
function failAfter(
  timeoutMs: number,
  { clock, signal, attempt }: { clock: Clock; signal: AbortSignal | undefined; attempt: AbortSignal },
): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void => reject(signal?.reason);
    const timer = clock.timer(timeoutMs, () => reject(new Error('connect timeout')));
    signal?.addEventListener('abort', onAbort, { once: true });
    attempt.addEventListener('abort', () => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    });
  });
}
