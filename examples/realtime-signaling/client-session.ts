import { randomUUID } from 'node:crypto';
import type { Subscription } from 'redis-utils';
import type { WebSocket } from 'ws';
import { isRecord, wrongField, type SignalingEvent, type SignalingMessage } from './messages.js';
import type { RedisSignalingService } from './signaling-service.js';

/** Bytes that may wait in a socket; a client that is further behind is cut off and may come back. */
const MAX_BUFFERED = 1_000_000;

/**
 * One WebSocket client on at most one document. It says `{ type: 'join', documentId, user }`, then events, each a JSON
 * text; it is told `{ type: 'welcome' }`, the events of the others with their `user`, `{ type: 'gap' }` when some may be
 * missing, and `{ type: 'error', reason }` when something was refused.
 */
export class ClientSession {
  readonly #socket: WebSocket;
  readonly #signaling: RedisSignalingService;
  readonly #connectionId = randomUUID();
  #joined: { readonly documentId: string; readonly user: string } | undefined;
  #subscription: Subscription<SignalingMessage> | undefined;
  /** Requests of a client are handled one after another. */
  #work: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, signaling: RedisSignalingService) {
    this.#socket = socket;
    this.#signaling = signaling;
    socket.on('message', (data) => this.#enqueue(() => this.#handle(String(data))));
    socket.on('close', () => this.#enqueue(() => this.#leave()));
    socket.on('error', () => socket.terminate());
  }

  /** Resolves when everything that the client asked for so far is done. */
  get settled(): Promise<void> {
    return this.#work;
  }

  /** Says goodbye on both sides. */
  async end(): Promise<void> {
    this.#enqueue(() => this.#leave());
    await this.#work;
    this.#socket.close(1001);
  }

  #enqueue(task: () => Promise<void>): void {
    this.#work = this.#work.then(task).catch((error: unknown) => {
      const code = (error as { code?: string }).code ?? 'UNEXPECTED';
      this.#tell({ type: 'error', reason: code });
    });
  }

  async #handle(text: string): Promise<void> {
    const request = parse(text);
    if (request === undefined) return this.#tell({ type: 'error', reason: 'not JSON' });
    if (request['type'] === 'join') return this.#join(request);
    if (request['type'] === 'joined' || request['type'] === 'left' || wrongField(request) !== undefined) {
      return this.#tell({ type: 'error', reason: `wrong ${wrongField(request) ?? 'type'}` });
    }
    if (this.#joined === undefined) return this.#tell({ type: 'error', reason: 'join a document first' });
    await this.#broadcast(request as unknown as SignalingEvent);
  }

  async #join({ documentId, user }: Readonly<Record<string, unknown>>): Promise<void> {
    if (typeof documentId !== 'string' || documentId === '' || typeof user !== 'string') {
      return this.#tell({ type: 'error', reason: 'wrong documentId or user' });
    }
    await this.#leave();
    const subscription = await this.#signaling.listen(documentId);
    this.#subscription = subscription;
    subscription.onGap(({ sinceMs, untilMs }) => this.#tell({ type: 'gap', sinceMs, untilMs }));
    this.#joined = { documentId, user };
    void this.#forward(subscription);
    this.#tell({ type: 'welcome', documentId });
    await this.#broadcast({ type: 'joined' });
  }

  async #leave(): Promise<void> {
    if (this.#joined === undefined) return;
    await this.#subscription?.unsubscribe();
    this.#subscription = undefined;
    try {
      await this.#broadcast({ type: 'left' });
    } finally {
      this.#joined = undefined;
    }
  }

  async #broadcast(event: SignalingEvent): Promise<void> {
    if (this.#joined === undefined) return;
    const { documentId, user } = this.#joined;
    await this.#signaling.broadcastMessage(documentId, { connectionId: this.#connectionId, user, event });
  }

  /** Never rejects: what ends the subscription is told to the client. */
  async #forward(subscription: Subscription<SignalingMessage>): Promise<void> {
    try {
      for await (const { data } of subscription) {
        if (data.connectionId !== this.#connectionId) this.#tell({ ...data.event, user: data.user });
      }
    } catch {
      this.#tell({ type: 'error', reason: 'the document is no longer available' });
      this.#socket.close(1011);
    }
  }

  #tell(message: object): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > MAX_BUFFERED) return this.#socket.terminate();
    this.#socket.send(JSON.stringify(message));
  }
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
