import { RedisCluster, type RedisClusterOptions } from './redis-cluster.js';
import { RedisSentinels, type RedisSentinelOptions } from './redis-sentinels.js';
import { ServerProcess } from './server-process.js';
import { type RedisServerOptions, serverSettings } from './server-settings.js';

/**
 * A real server for a test, or a cluster of them, or one behind sentinels:
 *
 * ```ts
 * await using server = await RedisServer.start({ version: 'valkey' });
 * ```
 */
export class RedisServer extends ServerProcess {
  /**
   * Starts a server without persistence. Resolves when it answers, after 20 to 50 ms.
   * @throws ConfigError for an option that cannot be used
   * @throws MissingProgramError when no such server, or with `tls` no `openssl`, is there
   * @throws ServerStartError when it ends at once, with what it printed
   */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(serverSettings('server', options));
    await server.begin();
    return server;
  }

  /**
   * Starts a cluster. Resolves when all nodes agree and serve.
   * @throws as `start` does; ConditionError when the nodes do not come to agree
   */
  static startCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
    return RedisCluster.start(options);
  }

  /**
   * Starts a primary with replicas and the sentinels that watch it. Resolves when all know of each other.
   * @throws as `start` does; ConditionError when they do not come to know of each other
   */
  static startSentinel(options: RedisSentinelOptions = {}): Promise<RedisSentinels> {
    return RedisSentinels.start(options);
  }
}
