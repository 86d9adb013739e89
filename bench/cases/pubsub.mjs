import { deepEqual } from 'node:assert/strict';

import { record } from '../workload.mjs';

const waiting = new Map();
let sent = 0;

/** Publishes one message and waits until it has come back through the server. */
async function roundTrip(channel) {
  const n = (sent += 1);
  const received = new Promise((resolve) => waiting.set(n, resolve));
  await channel.publish({ ...record(n) });
  return received;
}

export const pubsub = {
  id: 'pubsub',
  feature: 'pubsub',
  title: 'pub/sub: publish a small object and receive it',
  async prepare(channel) {
    await channel.onMessage((message) => {
      waiting.get(message.id)?.(message);
      waiting.delete(message.id);
    });
  },
  async check(channel) {
    for (let n = 0; n < 3; n += 1) {
      const message = await roundTrip(channel);
      deepEqual(message, record(sent));
    }
  },
  run: roundTrip,
};
