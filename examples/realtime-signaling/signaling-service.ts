import { PubSubManager, channel, type PublishResult, type RedisManager, type Subscription } from 'redis-utils';
import { signalingMessage, type SignalingMessage } from './messages.js';

/** One channel per document; every message on it is checked before it leaves and after it has arrived. */
const documents = channel('signaling:{documentId}', { schema: signalingMessage });

/** Carries signaling messages between all processes on one Redis. */
export class RedisSignalingService {
  readonly #pubsub: PubSubManager;

  constructor(manager: RedisManager) {
    this.#pubsub = new PubSubManager(manager);
  }

  broadcastMessage(documentId: string, message: SignalingMessage): Promise<PublishResult> {
    return this.#pubsub.publish(documents({ documentId }), message);
  }

  /**
   * The messages of a document, from now on. Every client has a subscription of its own; in Redis they are one. A
   * client that reads too slowly loses its oldest messages, not the memory of this process.
   */
  listen(documentId: string): Promise<Subscription<SignalingMessage>> {
    return this.#pubsub.subscribe(documents({ documentId }), { buffer: { max: 500, overflow: 'drop-oldest' } });
  }
}
