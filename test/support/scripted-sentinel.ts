import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { parseResp } from '../../src/testing/resp.js';
import { afterThisTest } from './cleanup.js';

/** What a sentinel says: of whom, as of which failover, and which other sentinels there are. */
export interface Saying {
  primary: { readonly port: number } | undefined;
  epoch: number;
  peers: readonly { readonly port: number }[];
}

/** A sentinel that says what the test wants it to, on a port of 127.0.0.1, until the test is over. */
export class ScriptedSentinel {
  /** May be changed at any time, and read when it is asked. */
  readonly says: Saying;
  /** How often it was asked who the primary is. */
  asked = 0;
  /** Connections that were ever accepted. */
  accepted = 0;
  readonly id = `scripted-${randomBytes(8).toString('hex')}`;
  readonly #sockets = new Set<Socket>();
  readonly #listeners = new Set<Socket>();
  #refusing = false;
  readonly #server = createServer((socket) => this.#serve(socket));

  private constructor(says: Partial<Saying>) {
    this.says = { primary: undefined, epoch: 1, peers: [], ...says };
  }

  static async start(says: Partial<Saying> = {}): Promise<ScriptedSentinel> {
    const sentinel = new ScriptedSentinel(says);
    await new Promise<void>((resolve) => sentinel.#server.listen(0, '127.0.0.1', resolve));
    afterThisTest(() => sentinel.stop());
    return sentinel;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open now, and those of them that listen for news. */
  get connections(): number {
    return this.#sockets.size;
  }
  get listeners(): number {
    return this.#listeners.size;
  }

  /** Tells those who listen that there is another primary. */
  announce(): void {
    const payload = 'mymaster 127.0.0.1 1 127.0.0.1 2';
    for (const socket of this.#listeners) {
      socket.write(`>3\r\n${bulk('message')}${bulk('+switch-master')}${bulk(payload)}`);
    }
  }

  /** Hangs up on everybody, and on whoever connects from now on. */
  refuse(): void {
    this.#refusing = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  accept(): void {
    this.#refusing = false;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(socket: Socket): void {
    this.accepted += 1;
    if (this.#refusing) return void socket.destroy();
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#listeners.delete(socket);
    });
    let unread: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk]);
      for (let parsed = parseResp(unread); parsed !== undefined; parsed = parseResp(unread)) {
        unread = unread.subarray(parsed.end);
        socket.write(this.#answer(socket, (parsed.value as Buffer[]).map(String)));
      }
    });
  }

  #answer(socket: Socket, command: readonly string[]): string {
    const [name, verb] = command.map((word) => word.toUpperCase());
    const { primary, epoch, peers } = this.says;
    if (name === 'HELLO') return '%0\r\n';
    if (name === 'PING') return '+PONG\r\n';
    if (name === 'SUBSCRIBE') {
      this.#listeners.add(socket);
      return `>3\r\n${bulk('subscribe')}${bulk(command[1] ?? '')}:1\r\n`;
    }
    if (verb === 'GET-MASTER-ADDR-BY-NAME') {
      this.asked += 1;
      return primary === undefined ? '_\r\n' : `*2\r\n${bulk('127.0.0.1')}${bulk(String(primary.port))}`;
    }
    if (verb === 'MASTER') return `%1\r\n${bulk('config-epoch')}${bulk(String(epoch))}`;
    if (verb === 'MYID') return bulk(this.id);
    if (verb === 'SENTINELS') {
      const items = peers.map(
        ({ port }) => `%2\r\n${bulk('ip')}${bulk('127.0.0.1')}${bulk('port')}${bulk(String(port))}`,
      );
      return `*${peers.length}\r\n${items.join('')}`;
    }
    return '-ERR unknown command\r\n';
  }
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}
