/** What must hold of the data when the load has ended: no key of ours without an expiry. */
export async function keysWithoutExpiry(server) {
  const found = [];
  let cursor = '0';
  do {
    const [next, keys] = await server.command(['SCAN', cursor, 'COUNT', '1000']);
    cursor = String(next);
    for (const key of keys) if ((await server.command(['PTTL', key])) === -1) found.push(key);
  } while (cursor !== '0');
  return found;
}

/** Heap in MB after a collection; needs `--expose-gc`. */
export function heapMb() {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}
