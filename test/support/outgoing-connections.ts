import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { afterThisTest } from './cleanup.js';

/** Counts what this process connects to over TCP, by port, from now until the test is over. */
export class OutgoingConnections {
  readonly #sockets: { readonly socket: Socket; port: number | undefined }[] = [];

  constructor() {
    const onSocket = (message: unknown): void => {
      const { socket } = message as { readonly socket: Socket };
      const entry: { readonly socket: Socket; port: number | undefined } = { socket, port: undefined };
      this.#sockets.push(entry);
      socket.once('connectionAttempt', (_address: string, port: number) => (entry.port = port));
    };
    diagnostics.subscribe('net.client.socket', onSocket);
    afterThisTest(() => void diagnostics.unsubscribe('net.client.socket', onSocket));
  }

  /** Attempts to connect to any of these ports, whether they succeeded or not. */
  attempts(ports: readonly number[]): number {
    return this.#to(ports).length;
  }

  /** Sockets to any of these ports that are not destroyed. */
  open(ports: readonly number[]): number {
    return this.#to(ports).filter(({ socket }) => !socket.destroyed).length;
  }

  #to(ports: readonly number[]): readonly { readonly socket: Socket }[] {
    return this.#sockets.filter(({ port }) => port !== undefined && ports.includes(port));
  }
}
