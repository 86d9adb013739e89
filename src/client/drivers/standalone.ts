import type { Runtime } from '../../core/runtime.js';
import type { Connection, Driver, DriverEvent, NodeStatus, ReplySink, WireCommand } from '../driver.js';
import type { Settings } from '../config/settings.js';
import { Link } from './link/link.js';
import { Suspicion } from './link/suspicion.js';
import { openWire } from './wire/open.js';

/** One server, over TCP, TLS or a unix socket: a main connection that is replaced when it ends, and dedicated ones. */
export class StandaloneDriver implements Driver {
  readonly endpoint: string;
  readonly #settings: Settings;
  readonly #runtime: Runtime;
  readonly #link: Link;
  readonly #suspicion: Suspicion;
  onEvent: (event: DriverEvent) => void = () => {};

  constructor(settings: Settings, runtime: Runtime) {
    this.endpoint = settings.endpoint;
    this.#settings = settings;
    this.#runtime = runtime;
    this.#link = new Link({
      ...runtime,
      settings,
      endpoint: () => this.endpoint,
      open: (signal) => this.open(signal),
      onEvent: (event) => this.onEvent(event),
    });
    // a new connection looks the host name up again, which after a failover may lead to another server
    this.#suspicion = new Suspicion(runtime.clock, () => this.#link.replace());
  }

  connect(signal: AbortSignal | undefined): Promise<void> {
    return this.#link.connect(signal);
  }

  send(command: WireCommand, sink: ReplySink): void {
    this.#link.send(command, sink);
  }

  open(signal: AbortSignal | undefined): Promise<Connection> {
    const report = (error: unknown): void => this.onEvent({ type: 'error', error });
    return openWire(this.#settings, { ...this.#runtime, report }, signal);
  }

  suspect(): void {
    this.#suspicion.raise();
  }

  nodes(): readonly NodeStatus[] {
    return [this.#link.status()];
  }

  destroy(): void {
    this.#link.destroy();
  }
}
