import { toMs } from '../../core/duration.js';
import type { Emitter, Unsubscribe } from '../../core/emitter.js';
import { ClosedError, ConnectionError, TimeoutError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import { capabilitiesOf, requireAtMostOnce } from '../capabilities.js';
import { type Command, type CommandOptions, toWire } from './command.js';
import type { Capabilities, Driver, DriverEvent, NodeStatus, Reply } from '../driver.js';
import type { Call } from './call.js';
import { InFlight, outOfTime } from './in-flight.js';
import type { ManagerEvents, ManagerState } from '../manager-events.js';
import { type PipelineResult, toResult } from './pipeline.js';
import { Retries } from './retries.js';
import type { Settings } from '../config/settings.js';
import { ServerTime } from '../server-time.js';
import { checkShared } from './shared-commands.js';
import { TimeLimit } from '../../core/time-limit.js';

const NO_OPTIONS: CommandOptions = {};

/** The connection that all callers share: deadlines and signals per call, the state, and how it ends. */
export class SharedConnection {
  readonly #driver: Driver;
  /** The server's clock as last seen. */
  readonly serverTime: ServerTime;
  readonly #clock: Runtime['clock'];
  readonly #events: Emitter<ManagerEvents>;
  readonly #inFlight: InFlight;
  readonly #retries: Retries | undefined;
  readonly #timeoutMs: number;
  #state: ManagerState = 'connecting';
  #downCause: Error | undefined;
  #accepting = true;

  constructor(driver: Driver, runtime: Runtime, ports: { events: Emitter<ManagerEvents>; settings: Settings }) {
    this.#driver = driver;
    this.#clock = runtime.clock;
    this.serverTime = new ServerTime(runtime.clock, () => this.send(['TIME']));
    this.#events = ports.events;
    const { commandTimeoutMs, retry } = ports.settings;
    this.#timeoutMs = commandTimeoutMs;
    this.#retries = retry === undefined ? undefined : new Retries(retry, runtime);
    this.#inFlight = new InFlight({
      clock: runtime.clock,
      send: (command, sink) => driver.send(command, sink),
      explain: (call, stalled) => this.#explain(call, stalled),
      suspect: () => driver.suspect?.(),
      retries: this.#retries,
      leased: false,
    });
    driver.onEvent = (event) => this.#onDriverEvent(event);
  }

  get state(): ManagerState {
    return this.#state;
  }

  get inFlight(): number {
    return this.#inFlight.count;
  }

  get capabilities(): Capabilities {
    return capabilitiesOf(this.#driver);
  }

  /** @throws ConfigError when a command of `what` might run twice */
  requireAtMostOnce(what: string): void {
    requireAtMostOnce(this.#driver, what);
  }

  connect(signal: AbortSignal | undefined): Promise<void> {
    return this.#driver.connect(signal);
  }

  /** Checks, sends, and waits until the reply, the deadline or the signal. Rejects, never throws. */
  send(command: Command, options: CommandOptions = NO_OPTIONS): Promise<Reply> {
    try {
      const wire = toWire(command);
      checkShared(wire);
      if (!this.#accepting) throw new ClosedError('The manager', this.#driver.endpoint);
      const { timeout, signal, reply: mode = 'text', idempotent = false } = options;
      const timeoutMs = timeout === undefined ? this.#timeoutMs : toMs(timeout, 'command.timeout');
      signal?.throwIfAborted();
      this.#retries?.earn();
      return this.#inFlight.send(wire, { mode, timeoutMs, signal, blocks: false, idempotent });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends several in one write; rejects for none of them. */
  pipeline(commands: readonly Command[], options?: CommandOptions): Promise<PipelineResult[]> {
    return Promise.all(commands.map((command) => toResult(this.send(command, options))));
  }

  /** @see RedisManager.ready */
  ready({ timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal | undefined }): Promise<void> {
    const limit = new TimeLimit('ready', timeoutMs, { clock: this.#clock, signal });
    let forget: Unsubscribe | undefined;
    const settled = new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (this.#state === 'ready' || this.#state === 'degraded') resolve();
        else if (this.#state === 'draining' || this.#state === 'closed') {
          reject(new ClosedError('The manager', this.#driver.endpoint));
        }
      };
      forget = this.#events.on('state', look);
      look();
    });
    return limit.within(settled).finally(() => {
      forget?.();
      limit.end();
    });
  }

  /** How each server is doing, as far as the driver knows. */
  nodes(): readonly NodeStatus[] {
    return this.#driver.nodes?.() ?? [];
  }

  moveTo(to: ManagerState, cause?: Error): void {
    const from = this.#state;
    if (from === to) return;
    this.#state = to;
    this.#events.emit('state', { from, to, cause });
  }

  /** Takes no new commands, and resolves when those in flight have been answered. */
  drain(): Promise<void> {
    this.#accepting = false;
    return this.#inFlight.whenIdle();
  }

  /** Ends the connection; what is in flight rejects. Returns how many that were. */
  destroy(): number {
    const cut = this.#inFlight.count;
    this.#accepting = false;
    this.#driver.destroy();
    this.#inFlight.stop();
    return cut;
  }

  #onDriverEvent(event: DriverEvent): void {
    if (this.#state === 'draining' || this.#state === 'closed') return;
    if (event.type === 'error') return this.#events.emit('error', { source: 'connection', error: event.error });
    if (event.type === 'up') return this.moveTo('ready');
    if (event.type === 'recovered') return this.#state === 'degraded' ? this.moveTo('ready') : undefined;
    if (event.type === 'degraded') return this.#state === 'ready' ? this.moveTo('degraded', event.cause) : undefined;
    if (event.type === 'down') this.#downCause = event.cause;
    if (event.type === 'down') return this.moveTo('down', event.cause);
    this.#events.emit('reconnecting', { attempt: event.attempt, delayMs: event.delayMs, cause: event.cause });
  }

  /** A call that waited for a connection in vain says so: its deadline is not the point. */
  #explain(call: Call, stalled: boolean): Error {
    if (call.sent || (this.#state !== 'down' && this.#state !== 'degraded')) return outOfTime(call, stalled);
    if (this.#state === 'degraded') {
      const { timeoutMs = 0 } = call.wait;
      return new TimeoutError(call.operation, timeoutMs, { outcome: 'not-sent', diagnosis: 'network' });
    }
    const { endpoint } = this.#driver;
    const why = `is down, and was not back within ${call.wait.timeoutMs} ms; nothing was sent`;
    const facts = { endpoint, reason: 'lost', outcome: 'not-sent', cause: this.#downCause } as const;
    return new ConnectionError(`The connection to ${endpoint} ${why}`, facts);
  }
}
