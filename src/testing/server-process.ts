import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../core/errors.js';
import { ServerStartError } from './errors.js';
import { eventually } from './eventually.js';
import { freePorts } from './free-port.js';
import { type RawArg, RespError, type RespValue } from './resp.js';
import { serverArguments } from './server-arguments.js';
import type { ServerBinary } from './server-binary.js';
import { sendCommand, type ServerCommandOptions } from './server-command.js';
import type { ServerSettings } from './server-settings.js';
import { startProgram } from './spawned.js';
import { newFolder } from './workspace.js';

const START_ATTEMPTS = 5;

/**
 * A real server in a process of its own, without persistence. It always listens on a unix socket, whatever else it
 * listens on, so that `command` reaches it in every set-up.
 *
 * It holds neither this process nor a test runner: it is unref'd, and killed by its process id when this process ends
 * in whatever way.
 */
export class ServerProcess implements AsyncDisposable {
  /** Which server it is. */
  readonly binary: ServerBinary;
  readonly socketPath: string;
  readonly #settings: ServerSettings;
  readonly #folder: string;
  #port = 0;
  #busPort = 0;
  #process: ChildProcess | undefined;
  #isPaused = false;
  #log = '';

  /** @internal */
  constructor(settings: ServerSettings) {
    this.binary = settings.binary;
    this.#settings = settings;
    this.#folder = newFolder('server');
    this.socketPath = join(this.#folder, 's');
  }

  /** The port of 127.0.0.1 that it listens on, with TLS or without. @throws ConfigError when it has none */
  get port(): number {
    if (this.#port !== 0) return this.#port;
    throw new ConfigError([{ option: 'server.port', expected: 'true, or `tls`, to have a port', received: 'none' }]);
  }

  /** Where a client connects to: `rediss://` where there is TLS, else the port if there is one, else the socket. */
  get url(): string {
    if (this.#settings.tls !== undefined) return `rediss://localhost:${this.#port}`;
    return this.#port === 0 ? `redis+unix://${this.socketPath}` : `redis://127.0.0.1:${this.#port}`;
  }

  /** Its process id. @throws ConfigError when it does not run */
  get pid(): number {
    const pid = this.#process?.pid;
    if (pid !== undefined && this.state !== 'stopped') return pid;
    throw new ConfigError([
      { option: 'server.pid', expected: 'asked for while it runs', received: 'a stopped server' },
    ]);
  }

  get state(): 'running' | 'paused' | 'stopped' {
    const running = this.#process;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return 'stopped';
    return this.#isPaused ? 'paused' : 'running';
  }

  /** All that it has printed since it was first started. */
  get logs(): string {
    return this.#log;
  }

  /**
   * Sends one command past the library, on a connection of its own over the unix socket.
   * @throws RespError for an error reply
   * @throws TimeoutError when no reply comes, as from a paused server
   */
  async command<T = RespValue>(args: readonly RawArg[], options: ServerCommandOptions = {}): Promise<T> {
    return (await sendCommand(this.socketPath, args, { as: this.#settings.ownUser, ...options })) as T;
  }

  /** SIGSTOP: its connections stay open and nothing answers, as with a process that is out of memory or its host frozen. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
    this.#isPaused = true;
  }

  /** SIGCONT: it goes on where `pause` stopped it. */
  resume(): void {
    process.kill(this.pid, 'SIGCONT');
    this.#isPaused = false;
  }

  /** SIGKILL, paused or not: its connections are reset and all data are gone. Resolves when the process has ended. */
  async kill(): Promise<void> {
    const running = this.#process;
    if (running === undefined || this.state === 'stopped') return;
    const exited = new Promise((resolve) => running.once('exit', resolve));
    // whoever waits here keeps this process alive
    running.ref();
    running.kill('SIGKILL');
    await exited;
    rmSync(join(this.#folder, 'pid'), { force: true });
  }

  /** Kills it if it runs, and starts it again, empty, at the same addresses. Resolves when it answers. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#launch();
  }

  /** Ends it for good and removes its files. May be called again. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** @internal the port of the cluster bus; 0 outside a cluster */
  get busPort(): number {
    return this.#busPort;
  }

  /** @internal the user with all rights that the kit itself is, where there is an ACL */
  get ownUser(): ServerSettings['ownUser'] {
    return this.#settings.ownUser;
  }

  /** @internal Starts it for the first time. @throws ServerStartError */
  async begin(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (this.#settings.hasPort) await this.#choosePorts();
        await this.#launch();
        return;
      } catch (error) {
        // between finding a port and listening on it, somebody else may have taken it
        const mayRetry = this.#settings.hasPort && attempt < START_ATTEMPTS && this.#log.includes('in use');
        if (mayRetry) continue;
        await this.stop();
        throw error;
      }
    }
  }

  async #choosePorts(): Promise<void> {
    const [port = 0, busPort = 0] = await freePorts(2);
    this.#port = port;
    this.#busPort = busPort;
  }

  async #launch(): Promise<void> {
    const place = { folder: this.#folder, socketPath: this.socketPath, port: this.#port, busPort: this.#busPort };
    let hasEnded = false;
    this.#isPaused = false;
    this.#process = startProgram({
      path: this.binary.path,
      args: serverArguments(this.#settings, place),
      env: this.#settings.env,
      folder: this.#folder,
      print: (text) => (this.#log += text),
      ended: () => (hasEnded = true),
    });
    await eventually(async () => hasEnded || (await this.#answers()), { within: '10s' });
    if (hasEnded) throw new ServerStartError(this.binary.id, this.#log);
  }

  async #answers(): Promise<boolean> {
    try {
      await this.command(['PING']);
      return true;
    } catch (error) {
      // NOAUTH and NOPERM come from a server that is up; LOADING comes from one that is not yet
      return error instanceof RespError && error.replyCode !== 'LOADING';
    }
  }
}
