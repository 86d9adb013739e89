/** What is done to the servers and to the network between. Each fault undoes itself. */

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function forAWhile(ms, begin, end) {
  await begin();
  await pause(ms);
  await end();
}

/** An admin's command may meet a server that is being killed; that is no failure of the soak. */
async function tell(server, ...args) {
  await server.command(args).catch(() => {});
}

/** What networks do, to the proxy in front of the single server. */
export function networkFaults({ proxy, random }) {
  const healAfter = (ms, begin) => forAWhile(ms, begin, () => proxy.heal());
  const refuse = () => {
    proxy.refuse();
    proxy.reset();
  };
  return {
    latency: () => healAfter(1_500, () => proxy.latency(20 + random.below(100))),
    jitter: () => healAfter(1_500, () => proxy.jitter(100, { seed: random.below(2 ** 31) })),
    'black hole': () => healAfter(500 + random.below(2_500), () => proxy.blackHole()),
    'replies lost': () => healAfter(500 + random.below(2_500), () => proxy.blackHole('toClient')),
    'one byte at a time': () => healAfter(500, () => proxy.oneByteWrites()),
    reset: () => proxy.reset(),
    'connections refused': () => forAWhile(1_000, refuse, () => proxy.accept()),
    'reply cut off': () => healAfter(500, () => proxy.truncateRepliesAfter(1 + random.below(5_000))),
    'reply dropped after it ran': () => healAfter(500, () => void proxy.loseReply({ command: 'EVALSHA' })),
  };
}

/** What happens to the single server itself. */
export function serverFaults({ server, proxy, random }) {
  const oneClient = async () => {
    await tell(server, 'CONFIG', 'SET', 'maxclients', '1');
    proxy.reset();
  };
  const memory = (limit) => () => tell(server, 'CONFIG', 'SET', 'maxmemory', limit);
  return {
    'kill and restart': () => server.restart(),
    freeze: () =>
      forAWhile(
        200 + random.below(3_000),
        () => server.pause(),
        () => server.resume(),
      ),
    'CLIENT KILL': () => tell(server, 'CLIENT', 'KILL', 'TYPE', random.pick(['normal', 'pubsub'])),
    'SCRIPT FLUSH': () => tell(server, 'SCRIPT', 'FLUSH'),
    'CLIENT PAUSE': () => tell(server, 'CLIENT', 'PAUSE', 500 + random.below(1_000), random.pick(['ALL', 'WRITE'])),
    'out of memory': () => forAWhile(1_000, memory('1mb'), memory('0')),
    // with one client allowed nobody else can log in to take it back
    maxclients: () => forAWhile(1_000, oneClient, () => server.restart()),
  };
}

export function clusterFaults({ cluster, random }) {
  const somePrimary = () => cluster.nodeOf(random.below(16_384));
  const back = () => cluster.waitUntilStable({ within: '40s' });
  return {
    failover: () => cluster.failover(random.below(16_384)),
    'slot moved': async () => {
      const slot = random.below(16_384);
      const owner = await cluster.nodeOf(slot);
      const others = [];
      for (const node of cluster.nodes) if (node !== owner && (await node.role()) === 'primary') others.push(node);
      await cluster.moveSlot(slot, random.pick(others));
    },
    'primary killed and back': async () => {
      const primary = await somePrimary();
      await forAWhile(
        4_000,
        () => primary.kill(),
        () => primary.restart(),
      );
      await back();
    },
    'primary frozen': async () => {
      const primary = await somePrimary();
      await forAWhile(
        500 + random.below(3_000),
        () => primary.pause(),
        () => primary.resume(),
      );
      await back();
    },
  };
}

export function sentinelFaults({ group, random }) {
  const back = () => group.waitUntilStable({ within: '40s' });
  const downAndBack = async (server) => {
    await forAWhile(
      3_000,
      () => server.kill(),
      () => server.restart(),
    );
    await back();
  };
  return {
    'sentinels choose another': () => group.failover({ within: '40s' }),
    'watched primary killed and back': async () => downAndBack(await group.primary()),
    'watched primary frozen': async () => {
      const primary = await group.primary();
      await forAWhile(
        300 + random.below(3_000),
        () => primary.pause(),
        () => primary.resume(),
      );
      await back();
    },
    'replica killed and back': async () => downAndBack(random.pick(await group.replicas())),
    'sentinel killed and back': () => downAndBack(random.pick(group.sentinels)),
  };
}
