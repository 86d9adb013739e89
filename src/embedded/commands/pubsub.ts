import { type EngineReply, ErrorReply } from '../reply.js';
import type { CommandSpec, RunCommand } from '../server.js';
import { define, NO_KEYS } from './define.js';

const pubsub: RunCommand = ({ server }, argv): EngineReply => {
  const word = (argv[1] as string).toUpperCase();
  if (word === 'CHANNELS' && argv.length <= 3) return server.pubsub.channels(argv[2]);
  if (word === 'NUMSUB') {
    return argv.slice(2).flatMap((channel) => [channel, server.pubsub.subscriberCount(channel)]);
  }
  if (word === 'NUMPAT' && argv.length === 2) return server.pubsub.patternCount;
  throw new ErrorReply(`ERR unknown subcommand or wrong number of arguments for '${argv[1]}'. Try PUBSUB HELP.`);
};

/** `SUBSCRIBE` and its kin are no commands here: a connection subscribes through its own method. */
export const PUBSUB_COMMANDS: readonly CommandSpec[] = [
  define('PUBLISH', { arity: 3, flags: ['fast'], keys: NO_KEYS }, ({ server }, argv) =>
    server.pubsub.publish(argv[1] as string, argv[2] as string),
  ),
  define('PUBSUB', { arity: -2, flags: [], keys: NO_KEYS }, pubsub),
];
