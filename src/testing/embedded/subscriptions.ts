import type { Kind, PubSub, Subscriber } from '../../embedded/pubsub.js';
import { type EngineReply, ErrorReply } from '../../embedded/reply.js';

interface Subscribing {
  readonly kind: Kind;
  readonly begins: boolean;
}

const COMMANDS: Readonly<Record<string, Subscribing>> = {
  SUBSCRIBE: { kind: 'channel', begins: true },
  UNSUBSCRIBE: { kind: 'channel', begins: false },
  PSUBSCRIBE: { kind: 'pattern', begins: true },
  PUNSUBSCRIBE: { kind: 'pattern', begins: false },
};

/** What one connection is subscribed to, and the commands that change it. */
export class Subscriptions {
  readonly #pubsub: PubSub;
  readonly #subscriber: Subscriber;
  readonly #names = { channel: new Set<string>(), pattern: new Set<string>() };

  constructor(pubsub: PubSub, subscriber: Subscriber) {
    this.#pubsub = pubsub;
    this.#subscriber = subscriber;
  }

  get count(): number {
    return this.#names.channel.size + this.#names.pattern.size;
  }

  /** The answers to a command that subscribes or unsubscribes, one for each name; undefined for any other command. */
  run(argv: readonly string[]): EngineReply[][] | undefined {
    const name = (argv[0] as string).toUpperCase();
    const command = COMMANDS[name];
    if (command === undefined) return undefined;
    const { kind, begins } = command;
    if (begins && argv.length === 1) {
      throw new ErrorReply(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
    }
    const names: (string | null)[] = argv.length > 1 ? argv.slice(1) : [...this.#names[kind]];
    // servers answer even when there was nothing to end
    if (names.length === 0) names.push(null);
    return names.map((each) => {
      if (each !== null) this.#change(each, command);
      return [name.toLowerCase(), each, this.count];
    });
  }

  /** The connection's subscriptions have been ended for it. */
  forget(): void {
    this.#names.channel.clear();
    this.#names.pattern.clear();
  }

  #change(name: string, { kind, begins }: Subscribing): void {
    if (begins) {
      this.#names[kind].add(name);
      this.#pubsub.subscribe(kind, name, this.#subscriber);
    } else {
      this.#names[kind].delete(name);
      this.#pubsub.unsubscribe(kind, name, this.#subscriber);
    }
  }
}
