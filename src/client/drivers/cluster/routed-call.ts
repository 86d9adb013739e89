import { ConnectionError, ServerError } from '../../../core/errors.js';
import type { Reply, ReplyMode, ReplySink, WireCommand } from '../../driver.js';

/** What a call needs from the cluster that carries it. */
export interface Router {
  /** Sends the call to where the error points; false when it points nowhere. */
  redirect(call: RoutedCall, error: ServerError): boolean;
  /** The picture of the cluster may be out of date. */
  suspect(): void;
}

/** Nodes that send calls to each other for longer do not agree yet: it takes time, and not speed, to find out more. */
const MAX_REDIRECTIONS = 5;
/** Replies that say that the node is not what it was taken for. */
export const SUSPICIOUS: ReadonlySet<string> = new Set(['CLUSTERDOWN', 'READONLY', 'MASTERDOWN', 'UNBLOCKED']);

/** One command on its way through a cluster: it follows redirections, which say that it was not run where it was sent. */
export class RoutedCall implements ReplySink {
  readonly command: WireCommand;
  /** The host of the node that it was sent to last. */
  host = '';
  /** Sent directly before it. */
  preface: WireCommand | undefined;
  readonly #router: Router;
  readonly #sink: ReplySink;
  #redirections = 0;

  constructor(router: Router, command: WireCommand, sink: ReplySink) {
    this.#router = router;
    this.command = command;
    this.#sink = sink;
  }

  get operation(): string {
    return this.#sink.operation;
  }

  get mode(): ReplyMode {
    return this.#sink.mode;
  }

  get blocks(): boolean {
    return this.#sink.blocks;
  }

  get abandoned(): boolean {
    return this.#sink.abandoned;
  }

  get sent(): boolean {
    return this.#sink.sent;
  }

  set sent(sent: boolean) {
    this.#sink.sent = sent;
  }

  resolve(reply: Reply): void {
    this.#sink.resolve(reply);
  }

  reject(error: Error): void {
    if (error instanceof ServerError && !this.abandoned && this.#redirections < MAX_REDIRECTIONS) {
      this.#redirections += 1;
      if (this.#router.redirect(this, error)) return;
    }
    if (error instanceof ServerError ? SUSPICIOUS.has(error.replyCode) : error instanceof ConnectionError) {
      this.#router.suspect();
    }
    this.#sink.reject(error);
  }
}
