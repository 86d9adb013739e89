import type { FaultProxy } from '../../support/fault-proxy.js';
import type { RedisServer } from '../../support/redis-server.js';

export interface Place {
  readonly server: RedisServer;
  readonly proxy: FaultProxy;
}

export interface Fault {
  readonly name: string;
  strike(place: Place): Promise<void> | void;
  /** Absent: the fault passes by itself. */
  heal?(place: Place): Promise<void> | void;
}

const tell = async ({ server }: Place, ...args: string[]): Promise<void> => void (await server.command(args));

/** The rows of docs/faults.md. */
export const FAULTS: readonly Fault[] = [
  {
    name: 'the server is killed, and comes back empty',
    strike: ({ server }) => server.kill(),
    heal: ({ server }) => server.restart(),
  },
  { name: 'the server is restarted at once', strike: ({ server }) => server.restart() },
  { name: 'the server freezes', strike: ({ server }) => server.pause(), heal: ({ server }) => server.resume() },
  { name: 'the link swallows everything', strike: ({ proxy }) => proxy.blackHole(), heal: ({ proxy }) => proxy.heal() },
  {
    name: 'the link swallows replies',
    strike: ({ proxy }) => proxy.blackHole('toClient'),
    heal: ({ proxy }) => proxy.heal(),
  },
  {
    name: 'the link swallows commands',
    strike: ({ proxy }) => proxy.blackHole('toServer'),
    heal: ({ proxy }) => proxy.heal(),
  },
  { name: 'connections are reset', strike: ({ proxy }) => proxy.reset() },
  {
    name: 'connections are reset and refused',
    strike({ proxy }) {
      proxy.refuse();
      proxy.reset();
    },
    heal: ({ proxy }) => proxy.accept(),
  },
  {
    name: 'the reply of a script is lost after it ran',
    strike: ({ proxy }) => void proxy.loseReply({ command: 'EVALSHA' }),
    heal: ({ proxy }) => proxy.heal(),
  },
  {
    name: 'a reply is cut off in the middle',
    strike: ({ proxy }) => proxy.truncateRepliesAfter(200),
    heal: ({ proxy }) => proxy.heal(),
  },
  { name: 'bytes come one at a time', strike: ({ proxy }) => proxy.oneByteWrites(), heal: ({ proxy }) => proxy.heal() },
  {
    name: 'the link is slow and uneven',
    strike: ({ proxy }) => proxy.jitter('150ms', { seed: 1 }),
    heal: ({ proxy }) => proxy.heal(),
  },
  {
    name: 'the server closes all connections',
    async strike(place) {
      await tell(place, 'CLIENT', 'KILL', 'TYPE', 'normal');
      await tell(place, 'CLIENT', 'KILL', 'TYPE', 'pubsub');
    },
  },
  { name: 'the server pauses its clients', strike: (place) => tell(place, 'CLIENT', 'PAUSE', '1000', 'ALL') },
  { name: 'the server forgets all scripts', strike: (place) => tell(place, 'SCRIPT', 'FLUSH') },
  {
    name: 'the server is out of memory',
    strike: (place) => tell(place, 'CONFIG', 'SET', 'maxmemory', '1'),
    heal: (place) => tell(place, 'CONFIG', 'SET', 'maxmemory', '0'),
  },
  {
    name: 'the server takes no further clients',
    async strike(place) {
      await tell(place, 'CONFIG', 'SET', 'maxclients', '1');
      place.proxy.reset();
    },
    // with one client allowed nobody else can log in to take it back
    heal: ({ server }) => server.restart(),
  },
];
