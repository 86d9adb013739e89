import type { Socket } from 'node:net';
import { pause } from './eventually.js';
import type { DirectionFaults } from './proxy-faults.js';

/** What may lie here before the sender feels it, about as much as the buffers of a network take. */
const HELD_LIMIT_BYTES = 1_048_576;

/** One direction of one connection: bytes go out in order, as late and in as small pieces as the faults say. */
export class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #faults: DirectionFaults;
  #held: { readonly bytes: Buffer; readonly notBefore: number }[] = [];
  #heldBytes = 0;
  #isRunning = false;
  #isEnding = false;

  constructor(from: Socket, to: Socket, faults: DirectionFaults) {
    this.#from = from;
    this.#to = to;
    this.#faults = faults;
  }

  push(bytes: Buffer): void {
    if (this.#isEnding) return;
    this.#held.push({ bytes, notBefore: performance.now() + this.#faults.delayMs() });
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > HELD_LIMIT_BYTES) this.#from.pause();
    this.flush();
  }

  /** Closes the other side once everything held has gone out; at once when nothing is on its way. */
  end(): void {
    this.#isEnding = true;
    this.flush();
  }

  flush(): void {
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#held[0]; next !== undefined && this.#isOpen(); next = this.#held[0]) {
      const waitMs = next.notBefore - performance.now();
      if (waitMs > 0) {
        // looked at again: timers may fire a little early
        await pause(Math.ceil(waitMs));
        continue;
      }
      this.#held.shift();
      await this.#write(next.bytes);
      this.#heldBytes -= next.bytes.length;
      if (this.#heldBytes <= HELD_LIMIT_BYTES) this.#from.resume();
    }
    this.#isRunning = false;
    if (this.#isEnding && this.#held.length === 0) this.#to.destroySoon();
  }

  #isOpen(): boolean {
    return !this.#faults.isHeld && !this.#to.destroyed;
  }

  async #write(bytes: Buffer): Promise<void> {
    if (!this.#faults.isOneByteWrites) {
      if (!this.#to.write(bytes)) await this.#drained();
      return;
    }
    for (const byte of bytes) {
      this.#to.write(Buffer.of(byte));
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#to.off('drain', settle).off('close', settle);
        resolve();
      };
      this.#to.on('drain', settle).on('close', settle);
    });
  }
}
