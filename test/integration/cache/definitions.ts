import { CacheManager, type CacheOptions, type ManyLoadContext } from '../../../src/cache/index.js';
import type { StandardSchemaV1 } from '../../../src/core/standard-schema.js';
import { connect, uniquePrefix } from '../../support/target.js';
import { gate } from './gate.js';

export async function open(options?: CacheOptions, prefix = uniquePrefix()): Promise<CacheManager> {
  return new CacheManager(await connect({ prefix }), '5m', options);
}

export async function openTwo(): Promise<{ a: CacheManager; b: CacheManager }> {
  const prefix = uniquePrefix();
  const [a, b] = await Promise.all([open({}, prefix), open({}, prefix)]);
  return { a, b };
}

export function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

export function sorted(ids: readonly number[]): number[] {
  return ids.toSorted((one, other) => one - other);
}

/** A loader of many ids that keeps what it was asked for. */
export function loader<K>(value: (id: K) => string = (id) => `loaded ${String(id)}`) {
  const asked: K[][] = [];
  const loadMany = async (ids: K[]): Promise<Map<K, string>> => {
    asked.push([...ids]);
    return new Map(ids.map((id) => [id, value(id)]));
  };
  return { asked, loadMany };
}

/** Loads many ids when the test says so. */
export function slowLoader() {
  const begun = gate<{ ids: number[]; context: ManyLoadContext<number> }>();
  const result = gate<Map<number, string>>();
  const loadMany = (ids: number[], context: ManyLoadContext<number>): Promise<Map<number, string>> => {
    begun.open({ ids: [...ids], context });
    return result.opened;
  };
  return { loadMany, begun: begun.opened, land: result.open, fail: result.fail };
}

/** Takes texts that do not begin with `bad`. */
export function schema(
  validate: (value: unknown) => Promise<void> | void = () => {},
): StandardSchemaV1<unknown, string> {
  const answer = (value: unknown) =>
    typeof value === 'string' && !value.startsWith('bad') ? { value } : { issues: [{ message: 'no' }] };
  const check = (value: unknown) => {
    const wait = validate(value);
    return wait instanceof Promise ? wait.then(() => answer(value)) : answer(value);
  };
  return { '~standard': { version: 1, vendor: 'test', validate: check } };
}
