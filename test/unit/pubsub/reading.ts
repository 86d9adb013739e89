import type { StandardSchemaV1 } from '../../../src/core/standard-schema.js';
import type { Subscription } from '../../../src/pubsub/index.js';

/** Accepts what `check` accepts; answers later when told to. */
export function schemaOf<T>(
  check: (value: unknown) => boolean,
  delay?: (value: T) => Promise<void>,
): StandardSchemaV1<unknown, T> {
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => {
        const ok = check(value);
        const result = ok
          ? { value: value as T }
          : { issues: [{ message: `bad value ${JSON.stringify(value)}`, path: ['data', { key: 0 }] }] };
        return delay === undefined ? result : delay(value as T).then(() => result);
      },
    },
  };
}

export const isNumber: StandardSchemaV1<unknown, number> = schemaOf<number>((value) => typeof value === 'number');

export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export async function take<T>(subscription: Subscription<T>, count: number): Promise<T[]> {
  const iterator = subscription[Symbol.asyncIterator]();
  const taken: T[] = [];
  while (taken.length < count) {
    const { value, done } = await iterator.next();
    if (done === true) break;
    taken.push(value.data);
  }
  return taken;
}

export async function drained<T>(subscription: Subscription<T>): Promise<T[]> {
  await subscription.drain();
  const rest: T[] = [];
  for await (const message of subscription) rest.push(message.data);
  return rest;
}
