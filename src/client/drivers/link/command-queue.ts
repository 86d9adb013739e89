import { ignore } from '../../../core/abort.js';
import { Fifo } from '../../../core/fifo.js';
import type { Settings } from '../../config/settings.js';
import type { Connection, ReplySink, WireCommand } from '../../driver.js';
import { request } from '../../request.js';

/** Whoever waits for the reply of a command on a link. */
export interface LinkSink extends ReplySink {
  /** Goes directly before the command, as one with it; its own reply is dropped. */
  readonly preface?: WireCommand | undefined;
}

/** A command that waits, and whoever waits for its reply. */
export interface QueuedCommand {
  readonly command: WireCommand;
  readonly sink: LinkSink;
}

/** Sends a command with what goes before it. */
export function deliver(connection: Outlet, command: WireCommand, sink: LinkSink): void {
  if (sink.preface !== undefined) request(connection, sink.preface).catch(ignore);
  connection.send(command, sink);
}

interface Queued extends QueuedCommand {
  readonly bytes: number;
  readonly sinceMs: number;
}

/** What a queue is emptied into. */
export type Outlet = Pick<Connection, 'alive' | 'writable' | 'send'>;

/** What may wait while the server does not keep up, where waiting while it is away is switched off. */
const WITHOUT_OFFLINE_QUEUE = { maxCommands: 10_000, maxBytes: 64 * 1024 * 1024 };

/** Commands that wait for a connection that can take them, in order and bounded. None of them has been sent. */
export class CommandQueue {
  readonly #offline: number;
  readonly #online: number;
  readonly #maxBytes: number;
  readonly #queued = new Fifo<Queued>();
  #bytes = 0;

  constructor({ offlineQueue, maxInFlight }: Pick<Settings, 'offlineQueue' | 'maxInFlight'>) {
    const { maxCommands, maxBytes } = offlineQueue ?? WITHOUT_OFFLINE_QUEUE;
    this.#offline = maxCommands;
    this.#online = Math.max(maxCommands, maxInFlight);
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#queued.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * False when there is no room.
   * @param now `away`: there is no connection that they wait to be taken by, so that fewer may wait
   */
  add(command: WireCommand, sink: LinkSink, now: { readonly ms: number; readonly away: boolean }): boolean {
    const bytes = sizeOf(command);
    const most = now.away ? this.#offline : this.#online;
    if (this.#queued.length >= most || this.#bytes + bytes > this.#maxBytes) return false;
    this.#queued.push({ command, sink, bytes, sinceMs: now.ms });
    this.#bytes += bytes;
    return true;
  }

  /** Sends on while the connection takes more. */
  pump(connection: Outlet, dropped: () => Error): void {
    while (this.#queued.length > 0 && connection.alive && connection.writable) {
      const { command, sink } = this.#shift();
      if (sink.abandoned) sink.reject(dropped());
      else deliver(connection, command, sink);
    }
  }

  /** Rejects what has waited since before `sinceMs`; returns since when the first of the rest has waited. */
  expire(sinceMs: number, error: () => Error): number | undefined {
    let first = this.#queued.peek();
    while (first !== undefined && (first.sinceMs <= sinceMs || first.sink.abandoned)) {
      this.#shift();
      first.sink.reject(error());
      first = this.#queued.peek();
    }
    return first?.sinceMs;
  }

  rejectAll(error: () => Error): void {
    for (const { sink } of this.takeAll()) sink.reject(error());
  }

  takeAll(): readonly QueuedCommand[] {
    this.#bytes = 0;
    return this.#queued.drain();
  }

  #shift(): Queued {
    const queued = this.#queued.shift() as Queued;
    this.#bytes -= queued.bytes;
    return queued;
  }
}

/** What one queued command costs beside its words, roughly. */
const OVERHEAD_BYTES = 200;

function sizeOf(command: WireCommand): number {
  let bytes = OVERHEAD_BYTES;
  for (const word of command) bytes += word.length;
  return bytes;
}
