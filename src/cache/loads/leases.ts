import type { RedisManager } from '../../client/manager.js';
import type { ScriptOf } from '../../client/script.js';
import type { Clock, Timer } from '../../core/clock.js';
import { TOKEN_BYTES } from '../entries/entry-header.js';
import type { DoneReply } from '../entries/script-parts.js';
import { tagSection } from '../entries/tag-section.js';
import { namespacePart } from '../epochs/epoch-value.js';
import type { Stamp } from '../epochs/epoch.js';
import * as scripts from './lease-scripts.js';
import type { LoadedLife } from '../options.js';

/** A lease is renewed when a third of it is over, so that two renewals may fail. */
const RENEWALS = 3;

/** A load that wants to be the only one. */
export interface Claim {
  readonly key: string;
  readonly token: Buffer;
  readonly leaseMs: number;
  readonly mode: scripts.AcquireMode;
  /** The header of an entry without a value. */
  readonly placeholder: Buffer;
  /** The times of the entry as they were read (`TIMES` of its header), or none. */
  readonly seen: Buffer;
}

export type Acquired =
  /** `nowMs`: when it was granted, by the server's clock. */
  | { readonly status: 'granted'; readonly lease: Lease; readonly nowMs: number }
  | { readonly status: 'held'; readonly heldMs: number }
  | { readonly status: 'changed' | 'unleasable' };

/** Leases of entries: across all processes, at most one at a time for each, for as long as the entry is not touched. */
export class Leases {
  readonly #manager: RedisManager;
  /** Where it is told that a lease has ended that somebody waits for. */
  readonly channel: string;
  readonly #acquire: ScriptOf<typeof scripts.ACQUIRE>;
  readonly #commit: ScriptOf<typeof scripts.COMMIT>;
  readonly #refresh: ScriptOf<typeof scripts.REFRESH>;
  readonly #release: ScriptOf<typeof scripts.RELEASE>;
  readonly #renew: ScriptOf<typeof scripts.RENEW>;

  constructor(manager: RedisManager, channel: string) {
    this.#manager = manager;
    this.channel = channel;
    this.#acquire = manager.script(scripts.ACQUIRE);
    this.#commit = manager.script(scripts.COMMIT);
    this.#refresh = manager.script(scripts.REFRESH);
    this.#release = manager.script(scripts.RELEASE);
    this.#renew = manager.script(scripts.RENEW);
  }

  newToken(): Buffer {
    return this.#manager.random.bytes(TOKEN_BYTES);
  }

  /** Cost: 1 round trip. */
  async acquire({ key, token, leaseMs, mode, placeholder, seen }: Claim): Promise<Acquired> {
    const asked = this.#acquire.run([key], [token, leaseMs, mode, placeholder, seen]);
    const { status, heldMs, nowMs } = await this.#manager.serverTime.sampled(asked);
    if (status === 'granted') {
      return { status, lease: new Lease(this, this.#manager.clock, { key, token, leaseMs }), nowMs };
    }
    return status === 'held' ? { status, heldMs } : { status };
  }

  /** Replaces what is at the key and is no entry. False when there is an entry, or nothing. */
  async replace(key: string, entry: Buffer, { ttlMs, graceMs, quarantinedMs }: LoadedLife): Promise<boolean> {
    return this.#held(this.#commit.run([key], ['', entry, ttlMs, graceMs, this.channel, quarantinedMs]));
  }

  /** @internal */
  commit({ key, token }: Holding, entry: Buffer, { ttlMs, graceMs, quarantinedMs }: LoadedLife): Promise<boolean> {
    return this.#held(this.#commit.run([key], [token, entry, ttlMs, graceMs, this.channel, quarantinedMs]));
  }

  /** @internal */
  refresh(
    { key, token }: Holding,
    { ttlMs, graceMs, quarantinedMs }: LoadedLife,
    { epoch, tags }: Stamp,
  ): Promise<boolean> {
    const stamp = [namespacePart(epoch), tagSection(tags)] as const;
    return this.#held(this.#refresh.run([key], [token, ttlMs, graceMs, this.channel, ...stamp, quarantinedMs]));
  }

  /** @internal */
  release({ key, token }: Holding, pauseMs: number): Promise<boolean> {
    return this.#held(this.#release.run([key], [token, pauseMs, this.channel]));
  }

  /** @internal */
  renew({ key, token, leaseMs }: Holding): Promise<boolean> {
    // an answer that comes later than the next renewal is of no use
    return this.#held(this.#renew.run([key], [token, leaseMs], { timeout: Math.ceil(leaseMs / RENEWALS) }));
  }

  async #held(running: Promise<DoneReply>): Promise<boolean> {
    return (await this.#manager.serverTime.sampled(running)).done;
  }
}

/** Who holds which lease. */
interface Holding {
  readonly key: string;
  readonly token: Buffer;
  readonly leaseMs: number;
}

/**
 * The right to store what a load brings. It is renewed until it is used, given back or lost; a failed renewal is tried
 * again at the next third, and costs at worst that the result is not stored.
 */
export class Lease {
  readonly #leases: Leases;
  readonly #clock: Clock;
  readonly #holding: Holding;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(leases: Leases, clock: Clock, holding: Holding) {
    this.#leases = leases;
    this.#clock = clock;
    this.#holding = holding;
    this.#planRenewal();
  }

  /** It was used or given back. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Stores an entry. False: the lease was lost, and nothing was stored. Cost: 1 round trip. */
  commit(entry: Buffer, life: LoadedLife): Promise<boolean> {
    this.#end();
    return this.#leases.commit(this.#holding, entry, life);
  }

  /** Makes the value that is there fresh again. False: the lease was lost, or there is no value. Cost: 1 round trip. */
  refresh(life: LoadedLife, stamp: Stamp): Promise<boolean> {
    this.#end();
    return this.#leases.refresh(this.#holding, life, stamp);
  }

  /** Gives it back; where there is a value, nobody is to load it for `pauseMs`. Cost: 1 round trip. */
  release(pauseMs: number): Promise<boolean> {
    this.#end();
    return this.#leases.release(this.#holding, pauseMs);
  }

  #end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #planRenewal(): void {
    this.#timer = this.#clock.backgroundTimer(this.#holding.leaseMs / RENEWALS, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const isHeld = await this.#leases.renew(this.#holding).catch(() => true);
    if (isHeld && !this.#isOver) this.#planRenewal();
  }
}
