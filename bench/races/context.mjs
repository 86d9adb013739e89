/** What a trap is given: instances of the peer as separate processes would have them, the server, and means to time things. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { FaultProxy, RedisServer } from '../../dist/testing/index.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const TTL_MS = 60_000;

export class Context {
  #endings = [];
  #keys = 0;

  constructor({ peer, adapter, server, trap }) {
    Object.assign(this, { peer, adapter, server, trap });
  }

  /** A key that no other call of it gave. */
  key() {
    this.#keys += 1;
    return `${this.trap.id}-${this.#keys}`;
  }

  /** An instance with connections of its own, as another process would have; closed when the trap is over. */
  async open(options = {}) {
    const cache = await this.adapter.open({ url: this.server.url, ttlMs: TTL_MS, ...options });
    this.atEnd(() => cache.close());
    return cache;
  }

  /** The same with a network between it and the server that can fail. */
  async openBehindProxy(options = {}) {
    const proxy = await FaultProxy.start(this.server);
    this.atEnd(() => proxy.stop());
    return { cache: await this.open({ url: proxy.url, ...options }), proxy };
  }

  /** Another process, which runs `trap.jobs[job]`. `skewMs`: how far its clock is ahead. */
  async worker(job, { skewMs = 0, ...options } = {}) {
    const task = {
      peer: this.peer,
      trapId: this.trap.id,
      job,
      options: { url: this.server.url, ttlMs: TTL_MS, ...options },
    };
    const child = fork(here('worker.mjs'), [JSON.stringify(task)], {
      execArgv: [
        ...(this.trap.nodeArgs ?? []),
        ...(skewMs === 0 ? [] : ['--import', new URL('skew.mjs', import.meta.url).href]),
      ],
      env: { ...process.env, RACES_SKEW_MS: String(skewMs) },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const said = [];
    const exited = once(child, 'exit').then(([code, signal]) => ({ exit: signal ?? code }));
    child.on('message', (message) => said.push(message));
    this.atEnd(() => child.kill('SIGKILL'));
    const worker = {
      pid: child.pid,
      exited,
      send: (message) => child.send(message),
      kill: (signal) => child.kill(signal),
      /** What it says next, or `{ exit }` if it has ended. */
      async next() {
        if (said.length === 0) await Promise.race([once(child, 'message'), exited]);
        return said.length > 0 ? said.shift() : exited;
      },
    };
    const first = await worker.next();
    if (first !== 'ready') throw new Error(`the process did not begin: ${JSON.stringify(first)}`);
    return worker;
  }

  /** A cluster of three, for the instances that are opened with what it gives. */
  async cluster() {
    const cluster = await RedisServer.startCluster({ primaries: 3, replicas: 0 });
    this.atEnd(() => cluster.stop());
    return { url: cluster.url, nodes: cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })) };
  }

  /** Sends a command past the peer, as somebody with redis-cli would. */
  raw(...args) {
    return this.server.command(args);
  }

  /** What `getOrSet` gives to an instance that has nothing in its memory; 'fresh' if it has to load. */
  async seenByOthers(key, options = {}) {
    const cache = await this.open(options);
    return cache.getOrSet === undefined ? cache.get(key) : cache.getOrSet(key, () => 'fresh');
  }

  atEnd(end) {
    this.#endings.push(end);
  }

  /** Ends all that was opened, whatever it says: a peer that cannot close is not what is looked at. */
  async close() {
    for (const end of this.#endings.toReversed()) {
      await Promise.race([
        Promise.resolve()
          .then(end)
          .catch(() => {}),
        sleep(2000, undefined, { ref: false }),
      ]);
    }
  }
}

/** A loader that says when it has been called, and that waits to be let go. */
export function gatedLoader(value) {
  const started = deferred();
  const released = deferred();
  const load = async () => {
    load.calls += 1;
    started.resolve();
    await released.promise;
    if (value instanceof Error) throw value;
    return value;
  };
  return Object.assign(load, { calls: 0, started: started.promise, release: released.resolve });
}

function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

/** For what a peer does after it has answered, such as storing what was loaded: far longer than any of it takes. */
export const settle = () => sleep(250);

/** Whether it comes to be so within the time. */
export async function becomes(condition, withinMs = 3000) {
  for (const end = Date.now() + withinMs; ; await sleep(20)) {
    if (await condition()) return true;
    if (Date.now() > end) return false;
  }
}

/** How a promise ends: `{ value }`, `{ error }`, or `{ hung: true }` when it does not within the time. */
export function outcome(promise, withinMs = 5000) {
  const ended = Promise.resolve(promise).then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  return Promise.race([ended, sleep(withinMs, { hung: true }, { ref: false })]);
}

export const fail = (what) => ({ fail: what });

/** A value as it is shown in the explanations. */
export const show = (value) => (value === undefined ? 'undefined' : JSON.stringify(value));
