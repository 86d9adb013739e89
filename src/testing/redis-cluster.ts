import { checkInteger, checkKnown, wrong } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import { ClusterNode } from './cluster-node.js';
import { joinNodes } from './cluster-setup.js';
import { ownersIn, topologyIn, unrestIn, viewOf } from './cluster-view.js';
import { ConditionError } from './errors.js';
import { eventually } from './eventually.js';
import { keySlot, SLOTS } from '../core/key-slot.js';
import { NODE_OPTIONS, type NodeOptions, serverSettings } from './server-settings.js';
import { complete, type MoveSlotOptions, SlotMove } from './slot-move.js';

export interface RedisClusterOptions extends NodeOptions {
  /** 1 to 100; with fewer than 3 nobody can decide that a primary has failed. Default: 3. */
  readonly primaries?: number | undefined;
  /** Replicas of each primary, 0 to 10. Default: 1. */
  readonly replicas?: number | undefined;
  /** After how long without an answer a node is taken for dead. Default: 1.5 seconds; more on a machine that is short of time. */
  readonly nodeTimeout?: Duration | undefined;
}

export interface WaitOptions {
  /** How long it may take. Default: 20 seconds. */
  readonly within?: Duration | undefined;
}

const WITHIN = '20s';

/**
 * A real cluster on 127.0.0.1. It comes up in about 2.5 seconds, of which 2 are a rest that servers insist on before
 * they serve a new cluster.
 */
export class RedisCluster implements AsyncDisposable {
  /** All its servers, whether they run or not: first those that began as primaries, then the replicas. */
  readonly nodes: readonly ClusterNode[];
  readonly #isTls: boolean;

  private constructor(nodes: readonly ClusterNode[], isTls: boolean) {
    this.nodes = nodes;
    this.#isTls = isTls;
  }

  /** @internal */
  static async start(options: RedisClusterOptions): Promise<RedisCluster> {
    checkKnown('cluster', options, [...NODE_OPTIONS, 'primaries', 'replicas', 'nodeTimeout']);
    const { primaries = 3, replicas = 1, nodeTimeout = 1500, args = [], ...node } = options;
    checkInteger('cluster.primaries', primaries, { min: 1, max: 100 });
    checkInteger('cluster.replicas', replicas, { min: 0, max: 10 });
    const timeoutMs = toMs(nodeTimeout, 'cluster.nodeTimeout', { min: 100 });
    const settings = serverSettings('cluster', { ...node, args: [...steady(timeoutMs), ...args], cluster: true });
    const nodes = Array.from({ length: primaries * (1 + replicas) }, () => new ClusterNode(settings));
    const cluster = new RedisCluster(nodes, settings.tls !== undefined);
    try {
      await Promise.all(nodes.map((each) => each.begin()));
      await joinNodes(nodes, primaries);
      await cluster.waitUntilStable();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Where a client connects to: `redis-cluster://` (`rediss-cluster://` with TLS) and every node. */
  get url(): string {
    return this.urlOf(...this.nodes);
  }

  /** The same with these nodes only, from which a client has to find the others. */
  urlOf(...nodes: readonly ClusterNode[]): string {
    const host = this.#isTls ? 'localhost' : '127.0.0.1';
    return `redis${this.#isTls ? 's' : ''}-cluster://${nodes.map(({ port }) => `${host}:${port}`).join(',')}`;
  }

  /** The primary of a key, or of a slot if it is a number, in the eyes of the first node that runs. */
  async nodeOf(keyOrSlot: string | number): Promise<ClusterNode> {
    const slot = typeof keyOrSlot === 'string' ? keySlot(keyOrSlot) : keyOrSlot;
    checkInteger('slot', slot, { min: 0, max: SLOTS - 1 });
    const [witness] = this.#running();
    const owner = witness === undefined ? undefined : ownersIn(await viewOf(witness))[slot];
    return this.#node(owner, `slot ${slot} has no owner`);
  }

  /** The replicas of a primary, in the eyes of the first node that runs. Those that do not run are among them. */
  async replicasOf(primary: ClusterNode): Promise<readonly ClusterNode[]> {
    const [witness] = this.#running();
    const view = witness === undefined ? [] : await viewOf(witness);
    const ids = new Set(view.filter(({ primaryId }) => primaryId === primary.id).map(({ id }) => id));
    return this.nodes.filter(({ id }) => ids.has(id));
  }

  /**
   * Makes a replica the primary, and waits until all nodes agree. Of a primary that runs no write is lost
   * (`CLUSTER FAILOVER`); one that is paused or dead is taken over (`FORCE`), with what its replica has.
   * @param target a slot, a key, or the primary itself
   * @returns the new primary
   */
  async failover(target: number | string | ClusterNode, options: WaitOptions = {}): Promise<ClusterNode> {
    const primary = target instanceof ClusterNode ? target : await this.nodeOf(target);
    const replica = (await this.replicasOf(primary)).find(({ state }) => state === 'running');
    if (replica === undefined) throw new ConditionError(`The primary at port ${primary.port} has no replica that runs`);
    const how = primary.state === 'running' ? [] : ['FORCE'];
    await eventually(
      async () => {
        if ((await replica.role()) === 'primary') return true;
        await replica.command(['CLUSTER', 'FAILOVER', ...how]);
        return false;
      },
      { within: options.within ?? WITHIN, every: 200 },
    );
    await this.waitUntilStable(options);
    return replica;
  }

  /**
   * Moves a slot with its keys to another primary, as `redis-cli --cluster reshard` does, and waits until all nodes
   * agree. Clients may use the cluster meanwhile.
   */
  async moveSlot(slot: number, to: ClusterNode, options: MoveSlotOptions = {}): Promise<void> {
    checkKnown('moveSlot', options, ['pauseBetweenStates']);
    await complete(await this.beginSlotMove(slot, to), options);
    await this.waitUntilStable();
  }

  /** Begins to move a slot and stops there: the rest is up to you. */
  async beginSlotMove(slot: number, to: ClusterNode): Promise<SlotMove> {
    const from = await this.nodeOf(slot);
    if (from === to) throw wrong('to', 'another node than the owner of the slot', slot);
    const others: ClusterNode[] = [];
    for (const node of this.#running()) {
      if (node !== from && node !== to && (await node.role()) === 'primary') others.push(node);
    }
    return SlotMove.begin({ slot, from, to, others });
  }

  /**
   * Waits until every node that runs says that the cluster is in order, knows all others that run, sees each slot at
   * a node that runs, and all agree on which and on who follows whom. A primary that was killed is replaced by then.
   * @throws ConditionError that says what is in the way
   */
  async waitUntilStable(options: WaitOptions = {}): Promise<void> {
    checkKnown('waitUntilStable', options, ['within']);
    await eventually(() => this.#expectStable(), { within: options.within ?? WITHIN, every: 20 });
  }

  /** Ends all servers and removes their files. May be called again. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #expectStable(): Promise<void> {
    const running = this.#running();
    const views = await Promise.all(running.map(viewOf));
    for (const [index, view] of views.entries()) {
      const unrest = unrestIn(view, running);
      if (unrest !== undefined) throw new ConditionError(`The node at port ${running[index]?.port}: ${unrest}`);
    }
    if (new Set(views.map((view) => topologyIn(view, running))).size > 1) {
      throw new ConditionError('The nodes do not agree on who owns which slot and who follows whom');
    }
    await Promise.all(running.map(expectServing));
  }

  #running(): ClusterNode[] {
    return this.nodes.filter(({ state }) => state === 'running');
  }

  #node(id: string | undefined, otherwise: string): ClusterNode {
    const node = this.nodes.find((each) => each.id === id);
    if (node === undefined) throw new ConditionError(otherwise);
    return node;
  }
}

async function expectServing(node: ClusterNode): Promise<void> {
  const info = await node.command<string>(['CLUSTER', 'INFO']);
  if (!info.includes('cluster_state:ok')) throw new ConditionError(`The node at port ${node.port} does not serve`);
  const replication = await node.command<string>(['INFO', 'replication']);
  if (!replication.includes('master_link_status:down')) return;
  throw new ConditionError(`The replica at port ${node.port} has no link to its primary`);
}

/** Quick to notice a failure, and the same topology until a test changes it. */
function steady(nodeTimeoutMs: number): string[] {
  const timing = ['--cluster-node-timeout', String(nodeTimeoutMs), '--repl-ping-replica-period', '1'];
  return [...timing, '--cluster-allow-replica-migration', 'no', '--cluster-replica-validity-factor', '0'];
}
