import { type Duration, toMs } from '../core/duration.js';
import type { ClusterNode } from './cluster-node.js';
import { pause } from './eventually.js';

export interface SlotMovePlan {
  readonly slot: number;
  readonly from: ClusterNode;
  readonly to: ClusterNode;
  /** The nodes that are told who owns the slot, besides these two. */
  readonly others: readonly ClusterNode[];
}

const ALL = 2 ** 31 - 1;
const TIMEOUT_MS = 5000;

/**
 * A slot on its way from one primary to another, stopped between two states: it is `MIGRATING` at the old owner and
 * `IMPORTING` at the new one. Clients get `ASK` for keys that have moved or do not exist, and `TRYAGAIN` for several
 * keys of which only some have.
 */
export class SlotMove {
  readonly slot: number;
  readonly from: ClusterNode;
  readonly to: ClusterNode;
  readonly #others: readonly ClusterNode[];

  private constructor({ slot, from, to, others }: SlotMovePlan) {
    this.slot = slot;
    this.from = from;
    this.to = to;
    this.#others = others;
  }

  /** @internal */
  static async begin(plan: SlotMovePlan): Promise<SlotMove> {
    const { slot, from, to } = plan;
    await to.command(['CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id]);
    await from.command(['CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id]);
    return new SlotMove(plan);
  }

  /** Moves up to `count` keys, all by default, in one `MIGRATE`. Returns how many. */
  async migrateKeys(count: number = ALL): Promise<number> {
    const keys = await this.from.command<Buffer[]>(['CLUSTER', 'GETKEYSINSLOT', this.slot, count], { reply: 'bytes' });
    if (keys.length === 0) return 0;
    const user = this.to.ownUser;
    const credentials = user === undefined ? [] : ['AUTH2', user.username, user.password];
    const target = ['127.0.0.1', this.to.port, '', 0, TIMEOUT_MS];
    await this.from.command(['MIGRATE', ...target, ...credentials, 'KEYS', ...keys]);
    return keys.length;
  }

  /** Moves the keys that are left and makes the new owner official, at every node that runs. */
  async finish(): Promise<void> {
    await this.migrateKeys();
    // the new owner first: it alone may raise the epoch that the others believe
    for (const node of [this.to, this.from]) await this.#assign(node);
    await Promise.all(this.#others.map((node) => this.#assign(node)));
  }

  /** Leaves the slot with its old owner. Keys that have moved are lost to clients until the slot moves again. */
  async cancel(): Promise<void> {
    for (const node of [this.from, this.to]) await node.command(['CLUSTER', 'SETSLOT', this.slot, 'STABLE']);
  }

  async #assign(node: ClusterNode): Promise<void> {
    await node.command(['CLUSTER', 'SETSLOT', this.slot, 'NODE', this.to.id]);
  }
}

export interface MoveSlotOptions {
  /** How long the move rests half done: before the first key goes, and again before the new owner is official. Default: not at all. */
  readonly pauseBetweenStates?: Duration | undefined;
}

/** Takes a move that has begun to its end. */
export async function complete(move: SlotMove, { pauseBetweenStates = 0 }: MoveSlotOptions): Promise<void> {
  const restMs = toMs(pauseBetweenStates, 'moveSlot.pauseBetweenStates', { min: 0 });
  await pause(restMs);
  await move.migrateKeys();
  await pause(restMs);
  await move.finish();
}
