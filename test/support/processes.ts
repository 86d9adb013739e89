import { fork, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { afterThisTest } from './cleanup.js';

/**
 * Workers: our code in a process of its own, which can be paused and killed. A worker is a plain `.mjs` file under
 * test/workers that imports `redis-utils` by name, so it runs the built package without a loader. It talks by
 * `process.send` and `process.on('message')`; structured clone, so bigints and Maps pass.
 */

export interface WorkerOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The `node` to run it with; this process's own by default. */
  readonly execPath?: string;
}

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const root = resolve(import.meta.dirname, '../..');

/** Starts `test/workers/<name>.mjs`, or a path relative to the project. Killed when the test has finished. */
export function startWorker(name: string, options: WorkerOptions = {}): Worker {
  const file = name.includes('/') ? resolve(root, name) : resolve(root, 'test/workers', `${name}.mjs`);
  const child = fork(file, options.args ?? [], {
    cwd: root,
    env: { ...process.env, ...options.env },
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    ...(options.execPath === undefined ? {} : { execPath: options.execPath }),
  });
  const worker = new Worker(child);
  afterThisTest(async () => void (await worker.kill()));
  return worker;
}

export class Worker {
  /** Settles when the process has ended, however it did. Never rejects. */
  readonly exited: Promise<WorkerExit>;
  readonly #child: ChildProcess;
  readonly #inbox: unknown[] = [];
  readonly #waiting: { resolve(message: unknown): void; reject(error: Error): void }[] = [];
  #output = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = new Promise((resolveExit) => {
      child.once('exit', (code, signal) => resolveExit({ code, signal }));
    });
    child.once('exit', () => this.#failWaiting());
    child.on('error', () => this.#failWaiting());
    child.on('message', (message) => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#inbox.push(message);
      else next.resolve(message);
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => void (this.#output += chunk.toString()));
    }
  }

  /** What it has printed, on both streams. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('The worker did not start');
    return this.#child.pid;
  }

  send(message: Parameters<ChildProcess['send']>[0]): void {
    this.#child.send(message);
  }

  /** The next message in the order in which they came; rejects when the process ends before. */
  next<T = unknown>(): Promise<T> {
    if (this.#inbox.length > 0) return Promise.resolve(this.#inbox.shift() as T);
    return new Promise<T>((resolveNext, reject) => {
      this.#waiting.push({ resolve: (message) => resolveNext(message as T), reject });
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) this.#failWaiting();
    });
  }

  /** SIGSTOP: the process stands still, as after a long pause of garbage collection or of its machine. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** SIGKILL, paused or not. */
  kill(): Promise<WorkerExit> {
    this.#child.kill('SIGKILL');
    return this.exited;
  }

  #failWaiting(): void {
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new Error(`The worker ended without a further message. It printed:\n${this.#output}`));
    }
  }
}
