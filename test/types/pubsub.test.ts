import { describe, expectTypeOf, it } from 'vitest';
import type { RedisManager } from '../../src/client/index.js';
import type { StandardSchemaV1 } from '../../src/core/standard-schema.js';
import { channel, type Channel, type PubSubManager, type Subscription } from '../../src/pubsub/index.js';

interface Edit {
  readonly at: number;
}

interface Channels {
  edits: Edit;
  counts: number;
}

declare const manager: RedisManager;
declare const untyped: PubSubManager;
declare const typed: PubSubManager<Channels>;
declare const edit: StandardSchemaV1<unknown, Edit>;

/** Never called: its body is for the type checker. */
function calls(): void {
  void manager;
  expectTypeOf(untyped.subscribe('any')).resolves.toEqualTypeOf<Subscription<unknown>>();
  expectTypeOf(untyped.subscribe<Edit>('any')).resolves.toEqualTypeOf<Subscription<Edit>>();
  expectTypeOf(untyped.psubscribe<Edit>('a*')).resolves.toEqualTypeOf<Subscription<Edit>>();
  expectTypeOf(untyped.subscribe('any', { schema: edit })).resolves.toEqualTypeOf<Subscription<Edit>>();
  void untyped.publish('any', { what: 'ever' });

  const documents = channel('doc:{documentId}:{part}', { schema: edit });
  expectTypeOf(documents({ documentId: 'a', part: 1 })).toEqualTypeOf<Channel<Edit>>();
  expectTypeOf(untyped.subscribe(documents({ documentId: 'a', part: 1 }))).resolves.toEqualTypeOf<Subscription<Edit>>();
  // @ts-expect-error a parameter is missing
  documents({ documentId: 'a' });
  // @ts-expect-error a parameter that the template does not have
  documents({ documentId: 'a', part: 1, other: 2 });
  // @ts-expect-error not a message of this channel
  void untyped.publish(documents({ documentId: 'a', part: 1 }), 'text');
  expectTypeOf(channel('news', { schema: edit })()).toEqualTypeOf<Channel<Edit>>();

  expectTypeOf(typed.subscribe('counts')).resolves.toEqualTypeOf<Subscription<number>>();
  void typed.publish('edits', { at: 1 });
  // @ts-expect-error not a message of this channel
  void typed.publish('counts', 'text');
  // @ts-expect-error no such channel
  void typed.publish('other', 1);
  void typed.publish(documents({ documentId: 'a', part: 1 }), { at: 1 });
}

describe('types of pub/sub', () => {
  it('are checked by the compiler', () => {
    expectTypeOf(calls).toBeFunction();
  });
});
