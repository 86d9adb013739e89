import { connect } from 'node:net';

import type { Clock } from '../../../core/clock.js';
import type { Settings } from '../../config/settings.js';

/** A TLS handshake that has stood still for this long is worth a look at the port. */
const STALLED_HANDSHAKE_MS = 300;

/**
 * Rejects when TLS was asked for and a server that speaks plain text listens there; otherwise never settles.
 *
 * Such a server takes the handshake for the beginning of a command and waits for its end, so that neither side would
 * ever speak: without this look, only the connect timeout would end it, and it could not say why.
 */
export function failOnPlainPort({ tls, target }: Settings, clock: Clock, attempt: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (tls === undefined || target.kind !== 'tcp') return;
    const timer = clock.timer(STALLED_HANDSHAKE_MS, () => {
      answersInPlainText({ host: target.host, port: target.port }, attempt).then((plain) => {
        if (plain) reject(Object.assign(new Error('plain text'), { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }));
      }, reject);
    });
    attempt.addEventListener('abort', () => timer.cancel());
  });
}

/** Sends one inline `PING`, without credentials, and looks at the first byte of the answer. */
function answersInPlainText(address: { host: string; port: number }, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...address, signal });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => socket.write('PING\r\n'));
    // '+PONG', '-NOAUTH …', '-NOPERM …': whatever it thinks of us, it is Redis; a TLS server sends an alert instead
    socket.once('data', (chunk) => settle(chunk[0] === 0x2b || chunk[0] === 0x2d));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
  });
}
