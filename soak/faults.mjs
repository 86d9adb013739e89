/** What is done to the servers and to the network between. Each fault undoes itself; `cluster` may be absent. */

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** An admin's command may meet a server that is being killed; that is no failure of the soak. */
async function tell(server, ...args) {
  await server.command(args).catch(() => {});
}

export function faultsOf({ server, proxy, cluster, random }) {
  const forAWhile = async (begin, ms, end) => {
    await begin();
    await pause(ms);
    await end();
  };
  const healAfter = (begin, ms) => forAWhile(begin, ms, () => proxy.heal());
  const single = {
    'kill and restart': () => server.restart(),
    freeze: () =>
      forAWhile(
        () => server.pause(),
        200 + random.below(3_000),
        () => server.resume(),
      ),
    latency: () => healAfter(() => proxy.latency(20 + random.below(100)), 1_500),
    jitter: () => healAfter(() => proxy.jitter(100, { seed: random.below(2 ** 31) }), 1_500),
    'black hole': () => healAfter(() => proxy.blackHole(), 500 + random.below(2_500)),
    'replies lost': () => healAfter(() => proxy.blackHole('toClient'), 500 + random.below(2_500)),
    'one byte at a time': () => healAfter(() => proxy.oneByteWrites(), 500),
    reset: () => proxy.reset(),
    'refuse connections': () =>
      forAWhile(
        () => (proxy.refuse(), proxy.reset()),
        1_000,
        () => proxy.accept(),
      ),
    'reply cut off': () => healAfter(() => proxy.truncateRepliesAfter(1 + random.below(5_000)), 500),
    'reply dropped after it ran': () => healAfter(() => void proxy.loseReply({ command: 'EVALSHA' }), 500),
    'CLIENT KILL': () => tell(server, 'CLIENT', 'KILL', 'TYPE', random.pick(['normal', 'pubsub'])),
    'SCRIPT FLUSH': () => tell(server, 'SCRIPT', 'FLUSH'),
    'CLIENT PAUSE': () => tell(server, 'CLIENT', 'PAUSE', 500 + random.below(1_000), random.pick(['ALL', 'WRITE'])),
    'out of memory': () =>
      forAWhile(
        () => tell(server, 'CONFIG', 'SET', 'maxmemory', '1mb'),
        1_000,
        () => tell(server, 'CONFIG', 'SET', 'maxmemory', '0'),
      ),
    maxclients: () =>
      forAWhile(
        async () => {
          await tell(server, 'CONFIG', 'SET', 'maxclients', '1');
          proxy.reset();
        },
        1_000,
        // from inside: with one client allowed nobody else can log in to say so
        () => server.restart(),
      ),
  };
  const clustered = cluster && {
    failover: () => cluster.failover(random.below(16_384)),
    'slot moved': async () => {
      const slot = random.below(16_384);
      const owner = await cluster.nodeOf(slot);
      const primaries = [];
      for (const node of cluster.nodes) if (node !== owner && (await node.role()) === 'primary') primaries.push(node);
      await cluster.moveSlot(slot, random.pick(primaries));
    },
    'primary killed and back': async () => {
      const primary = await cluster.nodeOf(random.below(16_384));
      await primary.kill();
      await pause(4_000);
      await primary.restart();
      await cluster.waitUntilStable({ within: '40s' });
    },
    'primary frozen': async () => {
      const primary = await cluster.nodeOf(random.below(16_384));
      await forAWhile(
        () => primary.pause(),
        500 + random.below(3_000),
        () => primary.resume(),
      );
      await cluster.waitUntilStable({ within: '40s' });
    },
  };
  return { single: Object.entries(single), clustered: Object.entries(clustered ?? {}) };
}
