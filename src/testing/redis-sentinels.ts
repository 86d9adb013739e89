import { checkInteger, checkKnown, checkText } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import { ConditionError } from './errors.js';
import { eventually } from './eventually.js';
import type { WaitOptions } from './redis-cluster.js';
import { RespError } from './resp.js';
import { type Group, watch } from './sentinel-setup.js';
import { ServerProcess } from './server-process.js';
import { NODE_OPTIONS, type NodeOptions, serverSettings } from './server-settings.js';

export interface RedisSentinelOptions extends NodeOptions {
  /** Replicas of the primary, 1 to 20. Default: 2. */
  readonly replicas?: number | undefined;
  /** 1 to 20. Default: 3. */
  readonly sentinels?: number | undefined;
  /** How many sentinels must miss the primary. Default: 2, or 1 where there is one sentinel. A failover takes the majority in any case. */
  readonly quorum?: number | undefined;
  /** What the sentinels call the primary. Default: `mymaster`. */
  readonly name?: string | undefined;
  /** After how long without an answer a server is missed. Default: 800 ms; more on a machine that is short of time. */
  readonly downAfter?: Duration | undefined;
}

const WITHIN = '20s';

/** Real servers on 127.0.0.1, one of them the primary, and the sentinels that watch them. */
export class RedisSentinels implements AsyncDisposable {
  /** What the sentinels call the primary. */
  readonly name: string;
  /** The servers that hold data, whether they run or not; the first began as the primary. */
  readonly servers: readonly ServerProcess[];
  readonly sentinels: readonly ServerProcess[];
  readonly #group: Group;

  private constructor(group: Group) {
    this.name = group.name;
    this.servers = group.servers;
    this.sentinels = group.sentinels;
    this.#group = group;
  }

  /** @internal */
  static async start(options: RedisSentinelOptions): Promise<RedisSentinels> {
    const group = new RedisSentinels(newGroup(options));
    try {
      await group.#begin();
      return group;
    } catch (error) {
      await group.stop();
      throw error;
    }
  }

  /** Where a client connects to: `redis-sentinel://` (`rediss-sentinel://` with TLS), every sentinel and the name. */
  get url(): string {
    const { isTls } = this.#group;
    const host = isTls ? 'localhost' : '127.0.0.1';
    const addresses = this.sentinels.map(({ port }) => `${host}:${port}`).join(',');
    return `redis${isTls ? 's' : ''}-sentinel://${addresses}/0?master=${encodeURIComponent(this.name)}`;
  }

  /** Whom the first sentinel that runs calls the primary. It may be one that was killed and not yet replaced. */
  async primary(): Promise<ServerProcess> {
    const sentinel = this.#running(this.sentinels)[0];
    if (sentinel === undefined) throw new ConditionError('No sentinel runs');
    return this.#primaryOf(sentinel);
  }

  /** All servers but the primary. */
  async replicas(): Promise<readonly ServerProcess[]> {
    const primary = await this.primary();
    return this.servers.filter((server) => server !== primary);
  }

  /**
   * Makes the sentinels choose another primary though nothing is wrong (`SENTINEL FAILOVER`), and waits until it is one,
   * all sentinels say so and all replicas follow. Writes that the old one took last may be lost.
   * @returns the new primary
   */
  async failover(options: WaitOptions = {}): Promise<ServerProcess> {
    const before = await this.primary();
    await eventually(
      async () => {
        if ((await this.primary()) !== before) return true;
        // refused while one is under way, or while there is no fresh word of a replica; given up where none would do
        await this.#running(this.sentinels)[0]?.command(['SENTINEL', 'FAILOVER', this.name]).catch(ignoreRefusal);
        return false;
      },
      { within: options.within ?? WITHIN, every: 200 },
    );
    await this.waitUntilStable(options);
    return this.primary();
  }

  /** Kills the primary and returns it. The sentinels replace it by themselves: `waitUntilStable` waits for that. */
  async killPrimary(): Promise<ServerProcess> {
    const primary = await this.primary();
    await primary.kill();
    return primary;
  }

  /**
   * Waits until all sentinels that run name the same primary, it runs and takes itself for one, and every other server
   * that runs follows it.
   * @throws ConditionError that says what is in the way
   */
  async waitUntilStable(options: WaitOptions = {}): Promise<void> {
    checkKnown('waitUntilStable', options, ['within']);
    await eventually(() => this.#expectStable(), { within: options.within ?? WITHIN, every: 20 });
  }

  /** Ends all servers and sentinels and removes their files. May be called again. */
  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((each) => each.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #begin(): Promise<void> {
    await Promise.all([...this.servers, ...this.sentinels].map((each) => each.begin()));
    const [primary, ...replicas] = this.servers as [ServerProcess, ...ServerProcess[]];
    await Promise.all(replicas.map((each) => each.command(['REPLICAOF', '127.0.0.1', primary.port])));
    await eventually(() => this.#expectFollowing(primary), { within: WITHIN, every: 20 });
    await watch(this.#group, primary);
    await this.waitUntilStable();
  }

  async #expectStable(): Promise<void> {
    const named = await Promise.all(this.#running(this.sentinels).map((each) => this.#primaryOf(each)));
    const [primary, ...others] = new Set(named);
    if (primary === undefined) throw new ConditionError('No sentinel runs');
    if (others.length > 0) throw new ConditionError('The sentinels do not agree on who is the primary');
    if (primary.state !== 'running') throw new ConditionError(`The primary at port ${primary.port} does not run`);
    await this.#expectFollowing(primary);
  }

  /** What is written from now on reaches all servers that run. */
  async #expectFollowing(primary: ServerProcess): Promise<void> {
    const running = this.#running(this.servers);
    for (const server of running) {
      const [role, , third, link] = await server.command<unknown[]>(['ROLE']);
      // a primary names the replicas to which it streams; one that is connected may still be waiting for its first copy
      const streams = Array.isArray(third) ? third.length : 0;
      const isRight =
        server === primary
          ? role === 'master' && streams >= running.length - 1
          : third === primary.port && link === 'connected';
      if (!isRight) throw new ConditionError(`The server at port ${server.port} does not follow ${primary.port} yet`);
    }
  }

  async #primaryOf(sentinel: ServerProcess): Promise<ServerProcess> {
    const address = await sentinel.command<[string, string]>(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.name]);
    const server = this.servers.find(({ port }) => port === Number(address[1]));
    if (server === undefined) throw new ConditionError(`The sentinel at port ${sentinel.port} names a stranger`);
    return server;
  }

  #running(processes: readonly ServerProcess[]): ServerProcess[] {
    return processes.filter(({ state }) => state === 'running');
  }
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof RespError)) throw error;
}

function newGroup(options: RedisSentinelOptions): Group {
  checkKnown('sentinel', options, [...NODE_OPTIONS, 'replicas', 'sentinels', 'quorum', 'name', 'downAfter']);
  const { replicas = 2, sentinels = 3, name = 'mymaster', downAfter = 800, ...node } = options;
  const quorum = options.quorum ?? Math.min(2, sentinels);
  checkInteger('sentinel.replicas', replicas, { min: 1, max: 20 });
  checkInteger('sentinel.sentinels', sentinels, { min: 1, max: 20 });
  checkInteger('sentinel.quorum', quorum, { min: 1, max: sentinels });
  checkText('sentinel.name', name);
  const { version, args, tls, acl, env } = node;
  const data = serverSettings('sentinel', { version, args, tls, acl, env, port: true });
  const watcher = serverSettings('sentinel', { version, tls, env, sentinel: true });
  return {
    name,
    quorum,
    downAfterMs: toMs(downAfter, 'sentinel.downAfter', { min: 50 }),
    isTls: data.tls !== undefined,
    servers: Array.from({ length: replicas + 1 }, () => new ServerProcess(data)),
    sentinels: Array.from({ length: sentinels }, () => new ServerProcess(watcher)),
  };
}
