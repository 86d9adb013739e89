// @ts-check
import { channel, PubSubManager } from 'redis-utils';

import { show } from '../screen.mjs';

/** What a schema library such as zod or valibot gives, written by hand: a Standard Schema. */
const edits = /** @type {import('redis-utils').StandardSchemaV1<unknown, { by: string; text: string }>} */ ({
  '~standard': {
    version: 1,
    vendor: 'demo',
    validate: (value) => {
      const { by, text } = /** @type {any} */ (value) ?? {};
      const ok = typeof by === 'string' && typeof text === 'string';
      return ok ? { value: { by, text } } : { issues: [{ message: 'expected { by, text }' }] };
    },
  },
});

/** @param {import('redis-utils').RedisManager} manager */
export async function messaging(manager) {
  const pubsub = new PubSubManager(manager, { prefix: `${manager.config.prefix}:` });
  const documentEdits = channel('doc:{id}', { schema: edits });

  const subscription = await pubsub.subscribe(documentEdits({ id: '7' }));
  for (const text of ['Hello', 'world']) await pubsub.publish(documentEdits({ id: '7' }), { by: 'ada', text });
  const heard = [];
  for await (const message of subscription) {
    heard.push(message.data.text);
    if (heard.length === 2) break;
  }
  show('typed channel: messages arrive in order', heard);

  const wrong = /** @type {any} */ ({ by: 'ada' });
  const refused = await pubsub.publish(documentEdits({ id: '7' }), wrong).catch((error) => error);
  show('a message that its schema rejects is not sent', refused.name);

  const everything = await pubsub.psubscribe('doc:*');
  await pubsub.publish(documentEdits({ id: '9' }), { by: 'bob', text: 'Hi' });
  for await (const message of everything) {
    show('a pattern sees every document', `${message.channel}: ${/** @type {any} */ (message.data).text}`);
    break;
  }
  await pubsub.close();
}
