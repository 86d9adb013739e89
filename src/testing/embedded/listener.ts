import { rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { newFolder } from '../workspace.js';
import { ClientConnection, type ClientConnectionParts } from './client-connection.js';

/** Accepts clients of an engine, on a port of 127.0.0.1 found free or on a unix socket. */
export class Listener {
  /** 0 on a unix socket. */
  readonly port: number;
  /** Undefined on a port. */
  readonly socketPath: string | undefined;
  readonly #server: Server;
  readonly #clients: ReadonlySet<ClientConnection>;
  readonly #folder: string | undefined;

  private constructor(server: Server, clients: ReadonlySet<ClientConnection>, folder: string | undefined) {
    const address = server.address() as AddressInfo | string;
    this.port = typeof address === 'string' ? 0 : address.port;
    this.socketPath = typeof address === 'string' ? address : undefined;
    this.#server = server;
    this.#clients = clients;
    this.#folder = folder;
  }

  static async open(kind: 'tcp' | 'unix', parts: ClientConnectionParts): Promise<Listener> {
    const clients = new Set<ClientConnection>();
    const server = createServer((socket) => {
      const client = new ClientConnection(socket, parts);
      clients.add(client);
      socket.once('close', () => clients.delete(client));
    });
    const folder = kind === 'unix' ? newFolder('embedded') : undefined;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      if (folder === undefined) server.listen(0, '127.0.0.1', resolve);
      else server.listen(join(folder, 's'), resolve);
    });
    return new Listener(server, clients, folder);
  }

  /** Clients that are connected now. */
  get connections(): number {
    return this.#clients.size;
  }

  /** Resets every connection. New ones are accepted. */
  reset(): void {
    for (const client of this.#clients) client.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    this.reset();
    await closed;
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}
