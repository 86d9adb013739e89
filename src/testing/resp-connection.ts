import { createConnection, type NetConnectOpts, type Socket } from 'node:net';
import { encodeCommand, parseResp, type RawArg, RespError, RespPush, type RespValue } from './resp.js';

interface Waiter {
  resolve(value: RespValue): void;
  reject(error: Error): void;
}

/**
 * One plain connection that speaks RESP2, or RESP3 after `HELLO 3`, for looking at a server past the library. Bulk
 * strings of replies are Buffers; error replies reject with `RespError`; pushes are collected in `pushes`.
 */
export class RespConnection {
  readonly pushes: RespPush[] = [];
  readonly #socket: Socket;
  readonly #waiters: Waiter[] = [];
  #buffered: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('The connection was closed')));
  }

  static connect(address: NetConnectOpts): Promise<RespConnection> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(address, () => {
        socket.off('error', reject);
        resolve(new RespConnection(socket));
      });
      socket.once('error', reject);
    });
  }

  /** Sends one command. Commands may follow each other without waiting; replies come in their order. */
  send(args: readonly RawArg[]): Promise<RespValue> {
    if (this.#socket.destroyed) return Promise.reject(new Error('The connection is closed'));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#socket.write(encodeCommand(args));
    });
  }

  /** One more reply than commands were sent, as RESP2 delivers to a subscriber. */
  expectReply(): Promise<RespValue> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** Ends the connection. What waits for a reply is rejected with `cause`, or with an error that says so. */
  close(cause?: Error): void {
    this.#socket.destroy(cause);
  }

  #read(chunk: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    for (let parsed = parseResp(this.#buffered); parsed !== undefined; parsed = parseResp(this.#buffered)) {
      this.#buffered = this.#buffered.subarray(parsed.end);
      if (parsed.value instanceof RespPush) this.pushes.push(parsed.value);
      else if (parsed.value instanceof RespError) this.#waiters.shift()?.reject(parsed.value);
      else this.#waiters.shift()?.resolve(parsed.value);
    }
  }

  #fail(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}
