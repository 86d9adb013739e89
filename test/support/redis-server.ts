import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterThisTest } from './cleanup.js';
import { eventually } from './eventually.js';
import { RawConnection, RespError, asText, type RawArg, type RespValue } from './resp.js';
import { findServer, type ServerBinary } from './servers.js';
import type { Certificates } from './tls.js';

export interface RedisServerOptions {
  /** An id of servers.ts. By default the one that the vitest project names, else the first there is. */
  readonly server?: string | undefined;
  /** Further arguments, such as `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
  /** Also listen on a port of 127.0.0.1, which stays the same across restarts. */
  readonly port?: boolean;
  /** Also listen with TLS, on a port of its own; `url` is then a `rediss://` one. */
  readonly tls?: { readonly certificates: Certificates; readonly requireClientCertificate?: boolean };
  /** Lines of an ACL file, such as `user app on >secret ~* &* +@all`. */
  readonly acl?: readonly string[];
  /** Who stops it: `test` (the default) when the current test has finished, `caller` by `stop()`. */
  readonly stoppedBy?: 'test' | 'caller';
  /** Further environment, such as `SERVER_PRELOAD`. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Where clean-up after a crashed test run looks for servers; set by global-setup.ts. */
const runFolder = process.env['REDIS_UTILS_TEST_RUN'] ?? tmpdir();

/**
 * A real server of its own, without persistence, that can be paused, killed and restarted at the same address. It always
 * listens on a unix socket, whatever else it listens on, so that `raw` reaches it in every set-up.
 */
export class RedisServer {
  readonly binary: ServerBinary;
  readonly socketPath: string;
  readonly #folder: string;
  readonly #options: RedisServerOptions;
  #port = 0;
  #process: ChildProcess | undefined;
  #log = '';

  private constructor(options: RedisServerOptions) {
    const fromProject = process.env['TEST_TARGET'];
    this.binary = findServer(options.server ?? (fromProject === 'embedded' ? undefined : fromProject));
    this.#options = options;
    this.#folder = mkdtempSync(join(runFolder, 'ru-'));
    this.socketPath = join(this.#folder, 's');
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(options);
    if (options.stoppedBy !== 'caller') afterThisTest(() => server.stop());
    const listensOnPort = options.port === true || options.tls !== undefined;
    for (let attempt = 1; ; attempt++) {
      if (listensOnPort) server.#port = await freePort();
      try {
        await server.#launch();
        return server;
      } catch (error) {
        // Between finding a port and listening on it, somebody else may have taken it.
        if (!listensOnPort || attempt === 5 || !server.#log.includes('in use')) throw error;
      }
    }
  }

  /** The port of 127.0.0.1 that it listens on, with TLS or without. */
  get port(): number {
    if (this.#port === 0) throw new Error('This server has no port: start it with `port: true` or `tls`');
    return this.#port;
  }

  /** Where the library connects to: with TLS if there is TLS, else the port, else the socket. */
  get url(): string {
    if (this.#options.tls !== undefined) return `rediss://localhost:${this.#port}`;
    return this.#port === 0 ? `redis+unix://${this.socketPath}` : `redis://127.0.0.1:${this.#port}`;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('The server does not run');
    return pid;
  }

  /** All that it has printed since it was first started. */
  get logs(): string {
    return this.#log;
  }

  /** Sends one command on a connection of its own; replies as text. Error replies reject with `RespError`. */
  async raw(args: readonly RawArg[]): Promise<RespValue> {
    return asText(await this.rawBytes(args));
  }

  async rawBytes(args: readonly RawArg[]): Promise<RespValue> {
    const connection = await RawConnection.connect({ path: this.socketPath });
    try {
      return await connection.send(args);
    } finally {
      connection.close();
    }
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** SIGKILL. All data is gone. */
  async kill(): Promise<void> {
    const running = this.#process;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exited = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await exited;
  }

  /** Kills it if it runs, and starts it again, empty, at the same addresses. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#launch();
  }

  /** Ends it for good and removes its files. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #launch(): Promise<void> {
    const running = spawn(this.binary.path, this.#arguments(), {
      env: { ...process.env, ...this.#options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = running;
    running.unref();
    const collect = (chunk: Buffer): void => void (this.#log += chunk.toString());
    for (const stream of [running.stdout, running.stderr]) {
      stream.on('data', collect);
      (stream as unknown as { unref(): void }).unref();
    }
    writeFileSync(join(this.#folder, 'pid'), String(running.pid));
    let exited = false;
    running.once('exit', () => (exited = true));
    await eventually(async () => exited || (await this.#answers()), { within: 10_000 });
    if (exited) throw new Error(`${this.binary.id} did not start:\n${this.#log}`);
  }

  async #answers(): Promise<boolean> {
    try {
      await this.raw(['PING']);
      return true;
    } catch (error) {
      // NOAUTH and NOPERM come from a server that is up; LOADING comes from one that is not yet.
      return error instanceof RespError && error.replyCode !== 'LOADING';
    }
  }

  #arguments(): string[] {
    const { args = [], tls, acl } = this.#options;
    const all = ['--dir', this.#folder, '--unixsocket', this.socketPath, '--save', '', '--appendonly', 'no'];
    all.push('--bind', '127.0.0.1', '--port', tls === undefined ? String(this.#port) : '0');
    if (tls !== undefined) {
      const { ca, server } = tls.certificates;
      all.push('--tls-port', String(this.#port), '--tls-ca-cert-file', ca.certFile);
      all.push('--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile);
      all.push('--tls-auth-clients', tls.requireClientCertificate === true ? 'yes' : 'no');
    }
    if (acl !== undefined) {
      const file = join(this.#folder, 'users.acl');
      writeFileSync(file, `${acl.join('\n')}\n`);
      all.push('--aclfile', file);
    }
    return [...all, ...args];
  }
}

/** A port of 127.0.0.1 on which nobody listens right now. */
export async function freePort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  return port;
}
