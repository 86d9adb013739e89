import { Expiring } from '../../core/deadlines.js';
import { ConnectionError } from '../../core/errors.js';
import { commandName } from './command.js';
import type { Reply, ReplyMode, ReplySink, WireCommand } from '../driver.js';

/** How one call waits, and what else ends its wait. */
export interface Wait {
  readonly mode: ReplyMode;
  /** `undefined` waits for as long as the connection lives. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** The reply may take as long as it likes: its silence says nothing about the connection. */
  readonly blocks: boolean;
  /** Running the command twice has the effect of running it once. */
  readonly idempotent: boolean;
}

/** Whoever counts the calls and knows what to do with a failed one. */
export interface CallOwner {
  /** The wait of the call passed its deadline. */
  expired(call: Call, stalled: boolean): void;
  /** True when the call is tried again, and so still waits. */
  retries(call: Call, error: Error): boolean;
  /** Nothing more will come for the call. */
  ended(call: Call): void;
}

/**
 * One command on its way, and the promise that waits for its reply.
 *
 * The wait may end before the reply comes: at the deadline, or when the signal aborts. What then still comes is
 * dropped here, and can reach nobody else, because replies are matched to calls by their order below.
 */
export class Call extends Expiring implements ReplySink {
  readonly command: WireCommand;
  readonly wait: Wait;
  sent = false;
  abandoned = false;
  /** Attempts that have failed. */
  failures = 0;
  /** How the last attempt failed that the server may have run. */
  doubt: Error | undefined;
  readonly #owner: CallOwner;
  #resolve: ((reply: Reply) => void) | undefined;
  #reject: ((reason: unknown) => void) | undefined;
  #onAbort: (() => void) | undefined;

  constructor(owner: CallOwner, command: WireCommand, wait: Wait) {
    super();
    this.#owner = owner;
    this.command = command;
    this.wait = wait;
  }

  get operation(): string {
    return commandName(this.command);
  }

  get mode(): ReplyMode {
    return this.wait.mode;
  }

  get blocks(): boolean {
    return this.wait.blocks;
  }

  /** Where the outcome goes; the wait begins. */
  begin(resolve: (reply: Reply) => void, reject: (reason: unknown) => void): void {
    this.#resolve = resolve;
    this.#reject = reject;
    const { signal } = this.wait;
    if (signal === undefined) return;
    this.#onAbort = () => this.abandon(signal.reason);
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Ends the wait; the command itself may still run. */
  abandon(reason: unknown): void {
    if (this.abandoned) return;
    this.abandoned = true;
    this.#stopListening();
    this.#reject?.(reason);
  }

  expire(stalled: boolean): void {
    this.#owner.expired(this, stalled);
  }

  resolve(reply: Reply): void {
    this.#owner.ended(this);
    if (this.abandoned) return;
    this.#stopListening();
    this.#resolve?.(reply);
  }

  reject(error: Error): void {
    if (!this.abandoned && this.#owner.retries(this, error)) return;
    this.#owner.ended(this);
    // where an earlier attempt may have run, "nothing was sent" would not be true of the call
    const isUnsent = error instanceof ConnectionError && error.outcome === 'not-sent';
    this.abandon(isUnsent ? (this.doubt ?? error) : error);
  }

  #stopListening(): void {
    if (this.#onAbort === undefined) return;
    this.wait.signal?.removeEventListener('abort', this.#onAbort);
    this.#onAbort = undefined;
  }
}
