import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import type { Clock } from '../../../core/clock.js';
import { request } from '../../request.js';
import type { Settings } from '../../settings.js';
import { connectError } from './connect-error.js';
import { WireConnection } from './connection.js';
import { failOnPlainPort } from './plain-port.js';

const KEEP_ALIVE_MS = 15_000;

/**
 * Connects, greets and pings once, within `connectTimeoutMs` for all of it: 1 round trip after the handshakes.
 * @throws ConnectionError with the reason of this one attempt, or `signal.reason`
 */
export async function openWire(
  settings: Settings,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<WireConnection> {
  signal?.throwIfAborted();
  const attempt = new AbortController();
  const opening = dialAndGreet(settings, clock, attempt.signal);
  // when the attempt has failed otherwise, nobody is left to hear how this ends
  opening.catch(() => {});
  try {
    return await Promise.race([
      opening,
      failAfter(settings.connectTimeoutMs, { clock, signal, attempt: attempt.signal }),
      failOnPlainPort(settings, clock, attempt.signal),
    ]);
  } catch (error) {
    attempt.abort();
    if (signal?.aborted === true) throw signal.reason;
    throw connectError(error, settings);
  } finally {
    attempt.abort(DONE);
  }
}

/** What `attempt` is aborted with when it has succeeded. */
const DONE = Symbol('done');

async function dialAndGreet(settings: Settings, clock: Clock, attempt: AbortSignal): Promise<WireConnection> {
  const socket = await dial(settings, attempt);
  const connection = new WireConnection(socket, { clock, settings });
  try {
    await greet(connection, settings);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

function dial(settings: Settings, attempt: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { target, tls } = settings;
    if (target.kind !== 'unix' && target.kind !== 'tcp') throw new TypeError(`${target.kind} is not one server`);
    const address = target.kind === 'unix' ? { path: target.path } : { host: target.host, port: target.port };
    const options = { ...address, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    // Node sends no SNI by itself; a literal IP address must not be sent as one
    const servername = target.kind === 'tcp' && isIP(target.host) === 0 ? { servername: target.host } : {};
    const socket = tls === undefined ? connectPlain(options) : connectTls({ ...options, ...servername, ...given(tls) });
    attempt.addEventListener('abort', () => attempt.reason !== DONE && socket.destroy());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve(socket));
  });
}

/** RESP3, credentials, name and database in one round trip, and a ping that shows that commands are answered. */
async function greet(connection: WireConnection, settings: Settings): Promise<void> {
  const { username = 'default', password, clientName, db } = settings;
  const hello = ['HELLO', '3'];
  if (password !== undefined) hello.push('AUTH', username, password);
  if (clientName !== undefined) hello.push('SETNAME', clientName);
  const steps = [hello, ...(db === 0 ? [] : [['SELECT', String(db)]]), ['PING']];
  // the first that fails says why; the others fail for the same reason
  for (const step of steps.map((command) => settled(request(connection, command)))) {
    const error = await step;
    if (error !== undefined) throw error;
  }
}

function settled(reply: Promise<unknown>): Promise<Error | undefined> {
  return reply.then(
    () => undefined,
    (error: Error) => error,
  );
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

/** Only the fields that have a value. */
function given(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
