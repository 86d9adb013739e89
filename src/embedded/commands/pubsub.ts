import { type EngineReply, ErrorReply } from '../reply.js';
import type { CommandSpec, RunCommand } from '../server.js';
import { define, NO_KEYS } from './define.js';

const pubsub: RunCommand = ({ server }, argv): EngineReply => {
  switch ((argv[1] as string).toUpperCase()) {
    case 'CHANNELS':
      if (argv.length > 3) throw new ErrorReply("ERR wrong number of arguments for 'pubsub|channels' command");
      return server.pubsub.channels(argv[2]);
    case 'NUMSUB':
      return argv.slice(2).flatMap((channel) => [channel, server.pubsub.subscriberCount(channel)]);
    default:
      return server.pubsub.patternCount;
  }
};

/** `SUBSCRIBE` and its kin are no commands here: a connection subscribes through its own method. */
export const PUBSUB_COMMANDS: readonly CommandSpec[] = [
  define('PUBLISH', { arity: 3, flags: ['fast'], keys: NO_KEYS }, ({ server }, argv) =>
    server.pubsub.publish(argv[1] as string, argv[2] as string),
  ),
  define(
    'PUBSUB',
    { arity: -2, flags: [], keys: NO_KEYS, subcommands: { CHANNELS: -2, NUMSUB: -2, NUMPAT: 2 } },
    pubsub,
  ),
];
