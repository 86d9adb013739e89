import type { Timer } from '../../../core/clock.js';
import { ConnectionError, type ConnectionReason, ServerError } from '../../../core/errors.js';
import { keySlot } from '../../../core/key-slot.js';
import type { Runtime } from '../../../core/runtime.js';
import type { Connection, Driver, DriverEvent, NodeStatus, OpenHint, ReplySink, WireCommand } from '../../driver.js';
import type { Address, Settings } from '../../config/settings.js';
import { Link } from '../link/link.js';
import { refuse } from '../link/refuse.js';
import type { WireConnection } from '../wire/connection.js';
import { openWire } from '../wire/open.js';
import { firstKey } from '../../calls/command-key.js';
import { DedicatedConnections } from './dedicated.js';
import { Discovery } from './discovery.js';
import { Lookout } from './lookout.js';
import { type Node, Nodes } from './nodes.js';
import { RoutedCall, type Router, SUSPICIOUS } from './routed-call.js';
import { nameOfAddress, type Redirection, readRedirection, type Topology } from './topology.js';

/** Once one node is connected, the others are waited for no longer than this. */
const GRACE_MS = 500;
/** Stands for the node of a slot that none is known to serve; no address looks like it. */
const NOBODY = 'nobody';
const ASKING: WireCommand = ['ASKING'];

/**
 * A cluster: one shared connection to each primary, commands sent to the one that serves their key.
 *
 * `MOVED` and `ASK` are followed; both say that the command was not run. The picture of the cluster is renewed when a
 * node is lost or says that it is not what it was taken for, and now and then. What waits for a node that no longer
 * serves slots moves on to its successor. Replicas are not read from. A command without a key is answered by one node,
 * in turn, and for that node alone.
 *
 * Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
 */
export class ClusterDriver implements Driver, Router {
  readonly endpoint: string;
  readonly #settings: Settings;
  readonly #runtime: Runtime;
  readonly #seeds: readonly Address[];
  readonly #nodes = new Nodes((address) => this.#newLink(address));
  readonly #dedicated = new DedicatedConnections();
  readonly #discovery: Discovery;
  readonly #lookout: Lookout;
  readonly #stop = new AbortController();
  #known: Pick<Topology, 'members' | 'hostnames'> = { members: [], hostnames: new Map() };
  #condition: 'down' | 'degraded' | 'up' = 'down';
  onEvent: (event: DriverEvent) => void = () => {};
  onPrimaries: () => void = () => {};

  constructor(settings: Settings, seeds: readonly Address[], runtime: Runtime) {
    this.endpoint = settings.endpoint;
    this.#settings = settings;
    this.#seeds = seeds;
    this.#runtime = runtime;
    this.#nodes.onChange = () => this.onPrimaries();
    this.#lookout = new Lookout(runtime, () => this.#look());
    this.#discovery = new Discovery({
      clock: runtime.clock,
      endpoint: settings.endpoint,
      timeoutMs: settings.connectTimeoutMs,
      open: (address, signal) => this.#openAt(address, signal),
    });
  }

  /** Succeeds when the cluster is known and one of its primaries is connected; the others follow. */
  async connect(signal: AbortSignal | undefined): Promise<void> {
    const stop = this.#stop.signal;
    const either = signal === undefined ? stop : AbortSignal.any([signal, stop]);
    const topology = await this.#discovery.first(this.#shuffled(this.#seeds), either);
    either.throwIfAborted();
    this.#adopt(topology, false);
    this.#lookout.looked();
    await this.#connectAll(either);
  }

  slotOf(key: string): number {
    return keySlot(key);
  }

  nodeOf(key: string): string {
    const node = this.#nodes.ownerOf(key);
    if (node === undefined) this.suspect();
    return node?.name ?? NOBODY;
  }

  send(command: WireCommand, sink: ReplySink): void {
    const call = new RoutedCall(this, command, sink);
    const key = firstKey(command);
    const node = key === undefined ? this.#nodes.any() : this.#nodes.ownerOf(key);
    if (node !== undefined) this.#sendTo(node, call);
    else refuse(call, this.#stop.signal.aborted ? this.#closed() : notServed(sink.operation));
  }

  redirect(call: RoutedCall, error: ServerError): boolean {
    if (this.#stop.signal.aborted) return false;
    const to = this.#heed(error, call.host);
    if (to === undefined) return false;
    // by the word of the server it was not run
    call.sent = false;
    this.#sendTo(this.#nodes.at(to.to, true), call, to.kind === 'ask' ? ASKING : undefined);
    return true;
  }

  suspect(): void {
    this.#lookout.suspect();
  }

  /** A connection of its own to a node by its name, or to any. */
  async open(signal: AbortSignal | undefined, hint?: OpenHint): Promise<Connection> {
    if (this.#stop.signal.aborted) throw this.#closed();
    const node = hint === undefined ? this.#nodes.any() : this.#nodes.named(hint.node);
    if (node === undefined) throw this.#unsent('unreachable', 'has no node that is known to serve this just now');
    const { address } = node;
    try {
      const connection = await this.#openAt(address, signal);
      this.#dedicated.add(connection, address, (error, host) => void this.#heed(error, host));
      return connection;
    } catch (error) {
      this.suspect();
      throw error;
    }
  }

  nodes(): readonly NodeStatus[] {
    return this.#nodes.all.map(({ link }) => link.status());
  }

  /** With those that a redirection has led to and that no picture of the cluster shows yet: they serve keys too. */
  primaries(): readonly string[] {
    return this.#nodes.all.map(({ name }) => name);
  }

  destroy(): void {
    this.#stop.abort();
    this.#lookout.stop();
    this.#nodes.destroy();
  }

  async #connectAll(signal: AbortSignal): Promise<void> {
    const nodes = this.#nodes.all;
    let failure: unknown;
    let grace: Timer | undefined;
    await new Promise<void>((resolve) => {
      const attempts = nodes.map(async ({ link }) => {
        try {
          await link.connect(signal);
          grace ??= this.#runtime.clock.timer(GRACE_MS, resolve);
        } catch (error) {
          failure ??= error;
          link.start();
        }
      });
      void Promise.all(attempts).then(() => resolve());
    });
    grace?.cancel();
    signal.throwIfAborted();
    if (!this.#nodes.isUp) throw failure;
  }

  #sendTo({ link, address }: Node, call: RoutedCall, preface?: WireCommand): void {
    call.host = address.host;
    call.preface = preface;
    link.send(call.command, call);
  }

  /** Learns from an error reply; returns where it points to. */
  #heed(error: ServerError, host: string): Redirection | undefined {
    if (SUSPICIOUS.has(error.replyCode)) this.suspect();
    if (error.replyCode !== 'MOVED' && error.replyCode !== 'ASK') return undefined;
    const redirection = readRedirection(error.message, host);
    if (redirection?.kind !== 'moved' || this.#stop.signal.aborted) return redirection;
    this.#nodes.assign(redirection.slot, this.#nodes.at(redirection.to, true));
    this.suspect();
    return redirection;
  }

  #newLink(address: Address): Link {
    const settings = this.#settingsAt(address);
    return new Link({
      ...this.#runtime,
      settings,
      endpoint: () => settings.endpoint,
      open: (signal) => this.#openAt(address, signal),
      onEvent: (event) => this.#onLinkEvent(event),
    });
  }

  #openAt(address: Address, signal: AbortSignal | undefined): Promise<WireConnection> {
    const report = (error: unknown): void => this.onEvent({ type: 'error', error });
    return openWire(this.#settingsAt(address), { ...this.#runtime, report }, signal);
  }

  #settingsAt(address: Address): Settings {
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    const hostname = this.#known.hostnames.get(nameOfAddress(address));
    const scheme = this.#settings.tls === undefined ? 'redis' : 'rediss';
    const endpoint = `${scheme}://${host}:${address.port}/0`;
    return { ...this.#settings, target: { kind: 'tcp', ...address, hostname }, endpoint };
  }

  #onLinkEvent(event: DriverEvent): void {
    // while a node is away, each of its attempts is an occasion to see whether another has taken over
    if (event.type === 'down' || event.type === 'retry') this.suspect();
    if (event.type === 'error') return this.onEvent(event);
    if (event.type === 'retry') this.onEvent(event);
    this.#assess('cause' in event ? event.cause : undefined);
  }

  /** Tells how the cluster as a whole is doing, when that has changed: down when none of its nodes is up. */
  #assess(cause = new Error('some nodes of the cluster are away')): void {
    const { isUp, isAiling } = this.#nodes;
    const before = this.#condition;
    this.#condition = isUp ? (isAiling ? 'degraded' : 'up') : 'down';
    if (this.#condition === before) return;
    if (this.#condition === 'down') return this.onEvent({ type: 'down', cause });
    if (before === 'down') this.onEvent({ type: 'up' });
    if (this.#condition === 'degraded') this.onEvent({ type: 'degraded', cause });
    else if (before === 'degraded') this.onEvent({ type: 'recovered' });
  }

  async #look(): Promise<void> {
    try {
      const others = this.#shuffled([...this.#known.members, ...this.#seeds]);
      const topology = await this.#discovery.again(this.#nodes.up, others, this.#stop.signal);
      if (!this.#stop.signal.aborted) this.#adopt(topology, true);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.onEvent({ type: 'error', error });
      throw error;
    }
  }

  /** @param start connects to nodes that were not known before */
  #adopt(topology: Topology, start: boolean): void {
    this.#known = topology;
    for (const { command, sink } of this.#nodes.adopt(topology, start)) {
      const key = firstKey(command);
      const node = key === undefined ? this.#nodes.any() : this.#nodes.ownerOf(key);
      if (node !== undefined && sink instanceof RoutedCall) this.#sendTo(node, sink);
      else refuse(sink, notServed(sink.operation));
    }
    // a node that was away may be a part of it no more
    if (start) this.#assess();
    if (this.#dedicated.compareWith(topology)) this.suspect();
  }

  #shuffled(addresses: readonly Address[]): Address[] {
    const { random } = this.#runtime;
    return addresses
      .map((address) => ({ address, at: random.uniform() }))
      .sort((a, b) => a.at - b.at)
      .map(({ address }) => address);
  }

  #closed(): ConnectionError {
    return this.#unsent('closed', 'is closed');
  }

  #unsent(reason: ConnectionReason, what: string): ConnectionError {
    const { endpoint } = this;
    return new ConnectionError(`The connection to ${endpoint} ${what}, nothing was sent`, {
      endpoint,
      reason,
      outcome: 'not-sent',
    });
  }
}

/** What servers say of a slot that nobody serves; it passes with the next look at the cluster. */
function notServed(operation: string): ServerError {
  return new ServerError('CLUSTERDOWN No node is known to serve the slot', operation);
}
