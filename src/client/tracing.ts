import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';

/**
 * What the library tells of its work to whoever subscribes by `node:diagnostics_channel`, and to nobody else: without
 * a subscriber nothing is made up, and a call costs one look.
 *
 * Each is a tracing channel: `start`, `end`, `asyncStart`, `asyncEnd` and `error` follow one call, and get one and the
 * same object, which is the subscriber's to add to. No argument, value or reply is ever in it.
 */
interface Trace {
  /** What the call failed with, from the `error` event on. */
  error?: unknown;
}

/** `redis-utils:connect`: one attempt to connect, the greeting included. */
export interface ConnectTrace extends Trace {
  /** Without credentials. */
  readonly endpoint: string;
}

/** `redis-utils:command`: one command, from the call to its outcome. Calls that travel together are one command. */
export interface CommandTrace extends Trace {
  /** In capitals: `GET`, `EVALSHA`. */
  readonly command: string;
  /** How many words follow the name. */
  readonly args: number;
  /** How many of them are keys, as far as that is known of the command. */
  readonly keys: number;
  /** On a leased connection. */
  readonly leased: boolean;
}

/** `redis-utils:pool`: the wait for a leased connection; the numbers are those from before it. */
export interface PoolTrace extends Trace {
  readonly endpoint: string;
  readonly size: number;
  readonly idle: number;
  readonly waiting: number;
  readonly max: number;
}

/** `redis-utils:pubsub`: one message on its way out (`publish`), or being handed to its subscriptions (`deliver`). */
export interface PubSubTrace extends Trace {
  readonly kind: 'publish' | 'deliver';
  /** With its prefix, as the server knows it. */
  readonly channel: string;
  /** Of the payload, as it travels. */
  readonly bytes: number;
}

export const connectTraces = tracingChannel<unknown, ConnectTrace>('redis-utils:connect');
export const commandTraces = tracingChannel<unknown, CommandTrace>('redis-utils:command');
export const poolTraces = tracingChannel<unknown, PoolTrace>('redis-utils:pool');
export const pubSubTraces = tracingChannel<unknown, PubSubTrace>('redis-utils:pubsub');

/**
 * Runs a call with its events. Unlike `tracePromise`, tells nobody the result. Ask `hasSubscribers` first.
 * @param run must not throw
 */
export function traced<C extends Trace, T>(
  channel: TracingChannel<unknown, C>,
  context: C,
  run: () => Promise<T>,
): Promise<T> {
  return channel.start.runStores(context, () => {
    const settled = run();
    channel.end.publish(context);
    const finish = (): void => {
      channel.asyncStart.publish(context);
      channel.asyncEnd.publish(context);
    };
    settled.then(finish, (error: unknown) => {
      context.error = error;
      channel.error.publish(context);
      finish();
    });
    return settled;
  });
}
