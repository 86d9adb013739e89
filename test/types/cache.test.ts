import { describe, expectTypeOf, it } from 'vitest';
import type { CacheManager, Definition, DefinitionSpec } from '../../src/cache/index.js';
import type { StandardSchemaV1 } from '../../src/core/standard-schema.js';

interface User {
  readonly name: string;
}

declare const cache: CacheManager;
declare const users: StandardSchemaV1<unknown, User>;
declare const find: (ids: readonly number[]) => Promise<Map<number, User>>;

/** Never called: its body is for the type checker. */
function calls(): void {
  const one = cache.define({ name: 'user', load: async (id: number): Promise<User> => ({ name: `${id}` }) });
  expectTypeOf(one).toEqualTypeOf<Definition<number, User>>();
  expectTypeOf(one.get(1)).resolves.toEqualTypeOf<User>();
  expectTypeOf(one.peek(1)).resolves.toEqualTypeOf<User | undefined>();
  // @ts-expect-error not an id
  void one.get('1');
  // @ts-expect-error not a value
  void one.set(1, 'Ada');

  const many = cache.define({
    name: 'user',
    schema: users,
    key: (id) => id,
    tags: (id: number) => [id.toFixed(0)],
    loadMany: (ids, { of }) => {
      expectTypeOf(ids).toEqualTypeOf<number[]>();
      of(1).notFound();
      return find(ids);
    },
  });
  // what `loadMany` leaves out has no value
  expectTypeOf(many.get(1)).resolves.toEqualTypeOf<User | undefined>();
  expectTypeOf(many.getMany([1])).resolves.toEqualTypeOf<Map<number, User>>();
  // @ts-expect-error a miss cannot be stored
  void many.set(1, undefined);
  // @ts-expect-error tags are the definition's
  void many.set(1, { name: 'Ada' }, { tags: [] });

  const maybe = cache.define({
    name: 'user',
    load: async (id: string, { notFound }) => (id === '' ? notFound() : { name: id }),
  });
  expectTypeOf(maybe.get('1')).resolves.toEqualTypeOf<{ name: string } | undefined>();

  const load = (id: number): User => ({ name: `${id}` });
  // @ts-expect-error one loader only
  void ({ name: 'user', load, loadMany: find } satisfies DefinitionSpec<number, User>);
  // @ts-expect-error none
  void ({ name: 'user' } satisfies DefinitionSpec<number, User>);
  // @ts-expect-error a single load has no batch
  void ({ name: 'user', load, maxBatch: 5 } satisfies DefinitionSpec<number, User>);
}

describe('types of the cache', () => {
  it('are checked by the compiler', () => {
    expectTypeOf(calls).toBeFunction();
  });
});
