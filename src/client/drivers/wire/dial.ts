import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import type { Settings } from '../../config/settings.js';
import { loadTls } from './tls-material.js';

/** Finds peers that are gone while nobody asks them anything; the watchdog finds those that somebody waits for. */
const KEEP_ALIVE_MS = 15_000;

/** A socket to the one server that the settings name, with its TLS handshake done and verified. */
export async function dial({ target, tls }: Settings, attempt: AbortSignal): Promise<Socket> {
  if (target.kind !== 'unix' && target.kind !== 'tcp') throw new TypeError(`${target.kind} is not one server`);
  const address = target.kind === 'unix' ? { path: target.path } : { host: target.host, port: target.port };
  const options = { ...address, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
  if (tls === undefined) return connected(connectPlain(options), 'connect', attempt);
  const material = await loadTls(tls, target.kind === 'tcp' ? target : undefined);
  attempt.throwIfAborted();
  const socket = connectTls({ ...options, ...material.options });
  await connected(socket, 'secureConnect', attempt);
  try {
    material.verify(socket);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket;
}

function connected(socket: Socket, event: 'connect' | 'secureConnect', attempt: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => void socket.destroy();
    attempt.addEventListener('abort', giveUp, { once: true });
    const failed = (error: Error): void => {
      attempt.removeEventListener('abort', giveUp);
      reject(error);
    };
    const closed = (): void => failed(new Error('the connection was closed'));
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once(event, () => {
      socket.off('close', closed);
      attempt.removeEventListener('abort', giveUp);
      // `failed` stays: an error between here and its next owner must not be one that nobody listens to
      resolve(socket);
    });
  });
}
