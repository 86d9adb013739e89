import { ServerProcess } from './server-process.js';

/** One server of a `RedisCluster`: all that a `RedisServer` can, and who it is among the others. */
export class ClusterNode extends ServerProcess {
  #id = '';

  /** Its name in the cluster, 40 hexadecimal digits. It keeps it over a restart. */
  get id(): string {
    return this.#id;
  }

  /** What it takes itself for. It asks the server. */
  async role(): Promise<'primary' | 'replica'> {
    const [role] = await this.command<string[]>(['ROLE']);
    return role === 'master' ? 'primary' : 'replica';
  }

  /** @internal */
  override async begin(): Promise<void> {
    await super.begin();
    this.#id = await this.command<string>(['CLUSTER', 'MYID']);
  }
}
