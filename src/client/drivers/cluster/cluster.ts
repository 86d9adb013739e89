import type { Timer } from '../../../core/clock.js';
import { ConnectionError, ServerError } from '../../../core/errors.js';
import { keySlot, SLOTS } from '../../../core/key-slot.js';
import type { Runtime } from '../../../core/runtime.js';
import type { Connection, Driver, DriverEvent, OpenHint, ReplySink, WireCommand } from '../../driver.js';
import type { Address, Settings } from '../../settings.js';
import { Link } from '../link.js';
import { refuse } from '../refuse.js';
import { openWire } from '../wire/open.js';
import { firstKey } from '../../command-key.js';
import { askAny, askNode, type DiscoveryPorts } from './discovery.js';
import { RoutedCall, type Router } from './routed-call.js';
import { nameOfAddress, readRedirection, type SlotRange } from './topology.js';

/** Looks at the cluster are at least this far apart, however many calls ask for one. */
const REFRESH_PAUSE_MS = 200;

interface Node {
  readonly address: Address;
  readonly link: Link;
  isUp: boolean;
}

/**
 * A cluster: one shared connection to each primary, commands sent to the one that serves their key.
 *
 * `MOVED` and `ASK` are followed; both say that the command was not run. The picture of the cluster is renewed when a
 * node is lost or says that it is not what it was taken for. What waits for a node that no longer serves slots moves
 * on to its successor. Replicas are not read from.
 *
 * Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
 */
export class ClusterDriver implements Driver, Router {
  readonly endpoint: string;
  readonly #settings: Settings;
  readonly #runtime: Runtime;
  readonly #seeds: readonly Address[];
  readonly #nodes = new Map<string, Node>();
  readonly #owners: (Node | undefined)[] = new Array<Node | undefined>(SLOTS).fill(undefined);
  readonly #stop = new AbortController();
  #refreshing = false;
  #refreshedMs = -Infinity;
  #refreshLater: Timer | undefined;
  #turn = 0;
  #isUp = false;
  onEvent: (event: DriverEvent) => void = () => {};

  constructor(settings: Settings, seeds: readonly Address[], runtime: Runtime) {
    this.endpoint = settings.endpoint;
    this.#settings = settings;
    this.#seeds = seeds;
    this.#runtime = runtime;
  }

  /** Succeeds when the cluster is known and one of its primaries is connected; the others follow. */
  async connect(signal: AbortSignal | undefined): Promise<void> {
    const stop = this.#stop.signal;
    const either = signal === undefined ? stop : AbortSignal.any([signal, stop]);
    const ranges = await askAny(this.#shuffled(this.#seeds), this.#discovery(), either);
    if (stop.aborted) return;
    const nodes = this.#adopt(ranges);
    const attempts = await Promise.allSettled(nodes.map(({ link }) => link.connect(signal)));
    either.throwIfAborted();
    const failed = attempts.flatMap((attempt) => (attempt.status === 'rejected' ? [attempt.reason as Error] : []));
    if (failed.length === nodes.length) throw failed[0] ?? new Error('unreachable');
    attempts.forEach((attempt, index) => attempt.status === 'rejected' && nodes[index]?.link.start());
  }

  slotOf(key: string): number {
    return keySlot(key);
  }

  send(command: WireCommand, sink: ReplySink): void {
    const node = this.#nodeFor(firstKey(command));
    if (node !== undefined) return this.#sendTo(node, new RoutedCall(this, command, sink));
    this.suspect();
    refuse(sink, this.#stop.signal.aborted ? this.#closed() : notServed(sink.operation));
  }

  redirect(call: RoutedCall, error: ServerError): boolean {
    if (error.replyCode !== 'MOVED' && error.replyCode !== 'ASK') return false;
    const redirection = readRedirection(error.message, call.host);
    if (redirection === undefined || this.#stop.signal.aborted) return false;
    const node = this.#nodeAt(redirection.to);
    if (redirection.kind === 'moved') {
      this.#owners[redirection.slot] = node;
      this.suspect();
    } else {
      // the two stay together: one follows the other on the same connection, or in the same queue
      node.link.send(['ASKING'], dropped);
    }
    this.#sendTo(node, call);
    return true;
  }

  suspect(): void {
    if (this.#refreshing || this.#refreshLater !== undefined || this.#stop.signal.aborted) return;
    const { clock, random } = this.#runtime;
    const sinceMs = clock.monotonicMs() - this.#refreshedMs;
    const waitMs = Math.max(0, REFRESH_PAUSE_MS * (1 + random.uniform()) - sinceMs);
    this.#refreshLater = clock.timer(waitMs, () => {
      this.#refreshLater = undefined;
      void this.#refresh();
    });
  }

  nodeOf(key: string): string {
    const node = this.#nodeFor(key);
    if (node === undefined) this.suspect();
    return node === undefined ? '' : nameOfAddress(node.address);
  }

  /** A connection of its own to a node by its name, or to any. */
  async open(signal: AbortSignal | undefined, hint?: OpenHint): Promise<Connection> {
    if (this.#stop.signal.aborted) throw this.#closed();
    const node = (hint === undefined ? undefined : this.#nodes.get(hint.node)) ?? this.#anyNode();
    const address = node?.address ?? this.#shuffled(this.#seeds)[0];
    if (address === undefined) throw this.#closed();
    try {
      return await this.#openAt(address, signal);
    } catch (error) {
      this.suspect();
      throw error;
    }
  }

  destroy(): void {
    this.#stop.abort();
    this.#refreshLater?.cancel();
    for (const { link } of this.#nodes.values()) link.destroy();
    this.#nodes.clear();
    this.#owners.fill(undefined);
  }

  #nodeFor(key: string | Buffer | undefined): Node | undefined {
    return key === undefined ? this.#anyNode() : this.#owners[keySlot(key)];
  }

  /** A node that is up if there is one, in turn. */
  #anyNode(): Node | undefined {
    const nodes = [...this.#nodes.values()];
    this.#turn += 1;
    const inTurn = nodes.map((_, index) => nodes[(index + this.#turn) % nodes.length] as Node);
    return inTurn.find(({ isUp }) => isUp) ?? inTurn[0];
  }

  #sendTo({ link, address }: Node, call: RoutedCall): void {
    call.host = address.host;
    link.send(call.command, call);
  }

  #nodeAt(address: Address): Node {
    const known = this.#nodes.get(nameOfAddress(address));
    if (known !== undefined) return known;
    const node = this.#newNode(address);
    node.link.start();
    return node;
  }

  #newNode(address: Address): Node {
    const settings = this.#settingsAt(address);
    const link = new Link({
      ...this.#runtime,
      settings,
      endpoint: () => settings.endpoint,
      open: (signal) => this.#openAt(address, signal),
      onEvent: (event) => this.#onLinkEvent(node, event),
    });
    const node: Node = { address, link, isUp: false };
    this.#nodes.set(nameOfAddress(address), node);
    return node;
  }

  #openAt(address: Address, signal: AbortSignal | undefined): Promise<Connection> {
    const report = (error: unknown): void => this.onEvent({ type: 'error', error });
    return openWire(this.#settingsAt(address), { ...this.#runtime, report }, signal);
  }

  #settingsAt(address: Address): Settings {
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    const scheme = this.#settings.tls === undefined ? 'redis' : 'rediss';
    const endpoint = `${scheme}://${host}:${address.port}/0`;
    return { ...this.#settings, target: { kind: 'tcp', ...address }, endpoint };
  }

  #onLinkEvent(node: Node, event: DriverEvent): void {
    if (event.type === 'up') node.isUp = true;
    else if (event.type === 'down') node.isUp = false;
    // while a node is away, each of its attempts is an occasion to see whether another has taken over
    if (event.type === 'down' || event.type === 'retry') this.suspect();
    if (event.type === 'retry' || event.type === 'error') return this.onEvent(event);
    const isUp = [...this.#nodes.values()].some((each) => each.isUp);
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    if (isUp) this.onEvent({ type: 'up' });
    else if (event.type === 'down') this.onEvent(event);
  }

  async #refresh(): Promise<void> {
    this.#refreshing = true;
    try {
      const ranges = await this.#ask();
      if (!this.#stop.signal.aborted) for (const { link } of this.#adopt(ranges)) link.start();
    } catch (error) {
      if (!this.#stop.signal.aborted) this.onEvent({ type: 'error', error });
    } finally {
      this.#refreshedMs = this.#runtime.clock.monotonicMs();
      this.#refreshing = false;
    }
  }

  /** Asks a node that is up, another one each time; if none answers, everybody. */
  async #ask(): Promise<readonly SlotRange[]> {
    const node = this.#anyNode();
    if (node?.isUp === true) {
      try {
        const ranges = await askNode(node.link, node.address, this.#discovery());
        if (ranges.length > 0) return ranges;
      } catch {
        // somebody else is asked
      }
    }
    const known = [...this.#nodes.values()].map(({ address }) => address);
    return askAny([...this.#shuffled(known), ...this.#seeds], this.#discovery(), this.#stop.signal);
  }

  /** Takes the picture for the true one; returns the nodes that were not known before. */
  #adopt(ranges: readonly SlotRange[]): Node[] {
    const fresh: Node[] = [];
    const serving = new Set<Node>();
    this.#owners.fill(undefined);
    for (const { first, last, primary } of ranges) {
      let node = this.#nodes.get(nameOfAddress(primary));
      if (node === undefined) fresh.push((node = this.#newNode(primary)));
      serving.add(node);
      this.#owners.fill(node, first, last + 1);
    }
    for (const [name, node] of this.#nodes) {
      if (serving.has(node)) continue;
      this.#nodes.delete(name);
      // nothing that waits there has been sent: it goes where its key is served now
      for (const { command, sink } of node.link.retire()) this.#forward(command, sink);
    }
    return fresh;
  }

  #forward(command: WireCommand, sink: ReplySink): void {
    if (!(sink instanceof RoutedCall)) return refuse(sink, notServed(sink.operation));
    const node = this.#nodeFor(firstKey(command));
    if (node === undefined) refuse(sink, notServed(sink.operation));
    else this.#sendTo(node, sink);
  }

  #discovery(): DiscoveryPorts {
    return {
      clock: this.#runtime.clock,
      endpoint: this.endpoint,
      timeoutMs: this.#settings.connectTimeoutMs,
      open: (address, signal) => this.#openAt(address, signal),
    };
  }

  #shuffled(addresses: readonly Address[]): Address[] {
    const { random } = this.#runtime;
    return addresses
      .map((address) => ({ address, at: random.uniform() }))
      .sort((a, b) => a.at - b.at)
      .map(({ address }) => address);
  }

  #closed(): ConnectionError {
    const { endpoint } = this;
    return new ConnectionError(`The connection to ${endpoint} is closed, nothing was sent`, {
      endpoint,
      reason: 'closed',
      outcome: 'not-sent',
    });
  }
}

/** What servers say of a slot that nobody serves; it passes with the next look at the cluster. */
function notServed(operation: string): ServerError {
  return new ServerError('CLUSTERDOWN No node is known to serve the slot', operation);
}

/** For the answer of `ASKING`, which says nothing. */
const dropped: ReplySink = {
  operation: 'ASKING',
  mode: 'text',
  blocks: false,
  sent: false,
  abandoned: false,
  resolve: () => {},
  reject: () => {},
};
