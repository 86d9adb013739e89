import type { Runtime } from '../../../core/runtime.js';
import { formatAddress } from '../../config/address.js';
import type { Connection, Driver, DriverEvent, NodeStatus, ReplySink, WireCommand } from '../../driver.js';
import type { Address, Settings } from '../../config/settings.js';
import { Link } from '../link/link.js';
import { Suspicion } from '../link/suspicion.js';
import type { WireConnection } from '../wire/connection.js';
import { PrimaryFinder } from './finder.js';
import { Sentinels, type SentinelTarget } from './sentinels.js';
import { SwitchWatch } from './watch.js';

interface Opened {
  readonly connection: WireConnection;
  /** The server's `host:port`. */
  readonly name: string;
}

/**
 * The primary that sentinels name, and the one that follows it.
 *
 * For each connection the sentinels are asked anew, and the server is asked whether it is a primary, before anything
 * else is sent there. Another primary is noticed by the news of one sentinel (at once), by the end of the connection,
 * and by the refusal of a write (`READONLY`); then all connections to the old one are ended: what was not answered is
 * rejected with outcome `unknown`, and what comes meanwhile waits as in any outage. Replicas are not read from.
 *
 * Addresses are used as the sentinels report them: where those are not reachable from here (NAT, containers), let the
 * servers and sentinels announce others (`replica-announce-ip`, `sentinel announce-ip`). With TLS, a certificate must
 * carry the address that is reported, unless `tls.servername` names another.
 *
 * Not guaranteed: that a write which a primary acknowledged outlives it, because replication does not wait. A primary
 * that is cut off from the sentinels together with this client takes writes that are lost when it comes back.
 */
export class SentinelDriver implements Driver {
  readonly endpoint: string;
  readonly #sentinels: Sentinels;
  readonly #finder: PrimaryFinder;
  readonly #watch: SwitchWatch;
  readonly #link: Link;
  readonly #suspicion: Suspicion;
  readonly #dedicated = new Set<Opened>();
  #main: Opened | undefined;
  onEvent: (event: DriverEvent) => void = () => {};

  constructor(settings: Settings & { readonly target: SentinelTarget }, runtime: Runtime) {
    this.endpoint = settings.endpoint;
    const report = (error: unknown): void => this.onEvent({ type: 'error', error });
    const { endpoint } = this;
    this.#sentinels = new Sentinels(settings.target, settings, runtime);
    this.#finder = new PrimaryFinder(this.#sentinels, settings, { ...runtime, report });
    const onPrimary = (address: Address): void => this.#follow(formatAddress(address));
    this.#watch = new SwitchWatch({ ...runtime, endpoint, report, sentinels: this.#sentinels, onPrimary });
    this.#link = new Link({
      ...runtime,
      settings,
      endpoint: () => this.#main?.connection.endpoint ?? endpoint,
      open: (signal) => this.#openMain(signal),
      onEvent: (event) => this.onEvent(event),
    });
    this.#suspicion = new Suspicion(runtime.clock, () => this.#link.replace());
  }

  async connect(signal: AbortSignal | undefined): Promise<void> {
    await this.#link.connect(signal);
    if (!this.#sentinels.stopped) this.#watch.start();
  }

  send(command: WireCommand, sink: ReplySink): void {
    this.#link.send(command, sink);
  }

  async open(signal: AbortSignal | undefined): Promise<Connection> {
    const opened = await this.#finder.connect(signal);
    this.#dedicated.add(opened);
    opened.connection.whenEnded(() => this.#dedicated.delete(opened));
    if (opened.name !== this.#main?.name) this.suspect();
    return opened.connection;
  }

  suspect(): void {
    this.#suspicion.raise();
  }

  nodes(): readonly NodeStatus[] {
    return [this.#link.status()];
  }

  destroy(): void {
    this.#link.destroy();
    this.#sentinels.stop();
    this.#watch.stop();
  }

  async #openMain(signal: AbortSignal): Promise<Connection> {
    const opened = await this.#finder.connect(signal);
    this.#main = opened;
    this.#leave(this.#dedicated, opened.name);
    return opened.connection;
  }

  /** A sentinel says who is the primary. */
  #follow(name: string): void {
    const main = this.#main;
    if (main?.name === name && main.connection.alive) return;
    this.#finder.moved();
    this.#leave(this.#dedicated, name);
    if (main !== undefined) this.#leave([main], name);
    this.#link.hurry();
  }

  /** Ends the connections to other servers than the primary. */
  #leave(opened: Iterable<Opened>, primary: string): void {
    for (const { connection, name } of [...opened]) {
      if (name !== primary) connection.destroy('lost', new Error(`${name} is not the primary any more, ${primary} is`));
    }
  }
}
