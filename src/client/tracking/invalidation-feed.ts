import type { OpenHint } from '../driver.js';
import { TrackedNode, type TrackedNodeListener, type TrackingPorts } from './tracked-node.js';

/** Who keeps copies of what is in Redis. */
export interface InvalidationSink {
  /** From now on changes are told: what is read from here on may be kept. */
  onArmed(): void;
  /** Changes are not told any more, or not all of them: nothing that is kept counts, and nothing may be kept. */
  onBlind(cause: Error): void;
  /** These keys were changed or removed, or have expired; undefined stands for all keys. Called only while armed. */
  onInvalidate(keys: readonly string[] | undefined): void;
}

export interface FeedPorts extends TrackingPorts {
  /** The nodes that keys are read from; undefined where there is one for all. */
  readonly primaries: (() => readonly string[]) | undefined;
}

/**
 * News of changed keys under one prefix, from every server that has such keys. It is armed while all of them tell, and
 * blind as soon as one does not.
 */
export class InvalidationFeed implements TrackedNodeListener {
  readonly #ports: FeedPorts;
  readonly #nodes = new Map<string | undefined, TrackedNode>();
  readonly #sinks = new Set<InvalidationSink>();
  #coherentAsOfMs = -Infinity;

  constructor(ports: FeedPorts) {
    this.#ports = ports;
    this.follow();
  }

  /**
   * On the monotonic clock of the manager: everything that was changed before has been told. `-Infinity` while blind.
   * So a copy that was made while armed, and has not been told of, is at most as old as this.
   */
  get coherentAsOfMs(): number {
    return this.#coherentAsOfMs;
  }

  get isArmed(): boolean {
    return this.#coherentAsOfMs !== -Infinity;
  }

  get isIdle(): boolean {
    return this.#sinks.size === 0;
  }

  add(sink: InvalidationSink): void {
    this.#sinks.add(sink);
    if (this.isArmed) this.#tell(sink, () => sink.onArmed());
  }

  remove(sink: InvalidationSink): void {
    this.#sinks.delete(sink);
  }

  /** Turns to the primaries that there are now. */
  follow(): void {
    const names: readonly (string | undefined)[] = this.#ports.primaries?.() ?? [undefined];
    const isSame = names.length === this.#nodes.size && names.every((name) => this.#nodes.has(name));
    if (isSame) return;
    this.#goBlind(new Error('the primaries of the cluster are others than before'));
    for (const [name, node] of [...this.#nodes]) {
      if (names.includes(name)) continue;
      this.#nodes.delete(name);
      node.close();
    }
    for (const name of names) {
      if (this.#nodes.has(name)) continue;
      const hint: OpenHint | undefined = name === undefined ? undefined : { node: name };
      this.#nodes.set(name, new TrackedNode(this.#ports, hint, this));
    }
    // those that are left may all be armed
    this.onProgress();
  }

  close(cause: Error): void {
    for (const node of this.#nodes.values()) node.close();
    this.#nodes.clear();
    this.#goBlind(cause);
    this.#sinks.clear();
  }

  onProgress(): void {
    const wasArmed = this.isArmed;
    let asOfMs = Infinity;
    for (const node of this.#nodes.values()) asOfMs = Math.min(asOfMs, node.coherentAsOfMs);
    this.#coherentAsOfMs = this.#nodes.size === 0 ? -Infinity : asOfMs;
    if (wasArmed || !this.isArmed) return;
    for (const sink of [...this.#sinks]) this.#tell(sink, () => sink.onArmed());
  }

  onLost(cause: Error): void {
    this.#goBlind(cause);
  }

  onInvalidate(keys: readonly string[] | undefined): void {
    if (!this.isArmed) return;
    for (const sink of this.#sinks) this.#tell(sink, () => sink.onInvalidate(keys));
  }

  #goBlind(cause: Error): void {
    if (!this.isArmed) return;
    this.#coherentAsOfMs = -Infinity;
    for (const sink of [...this.#sinks]) this.#tell(sink, () => sink.onBlind(cause));
  }

  /** A sink may have left meanwhile. */
  #tell(sink: InvalidationSink, call: () => void): void {
    if (!this.#sinks.has(sink)) return;
    try {
      call();
    } catch (error) {
      this.#ports.report(error);
    }
  }
}
