/** Another process of the service: runs one job of a trap with an instance of its own. */
import { once } from 'node:events';

import { traps } from './traps/index.mjs';

const { peer, trapId, job, options } = JSON.parse(process.argv[2]);
const adapter = await import(`./adapters/${peer}.mjs`);
const trap = traps.find(({ id }) => id === trapId);

for (const event of ['unhandledRejection', 'uncaughtException']) {
  process.on(event, (error) => {
    process.send({ crash: event, message: String(error?.message ?? error) }, () => process.exit(1));
  });
}
// without its parent there is nothing to do
process.on('disconnect', () => process.exit(1));

const heard = [];
process.on('message', (message) => heard.push(message));

const cache = await adapter.open(options);
process.send('ready');
const answer = await trap.jobs[job]({
  cache,
  say: (message) => process.send(message),
  async heard() {
    if (heard.length === 0) await once(process, 'message');
    return heard.shift();
  },
});
process.send({ done: answer });
