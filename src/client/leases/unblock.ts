import type { Connection, ConnectionIdentity, Reply } from '../driver.js';
import { request } from '../request.js';

/**
 * Has the server answer the blocking commands of these connections as if their time had come. Cutting them instead
 * could lose an element that the server has just taken for one of them.
 *
 * A number of a connection means something to one server only, and after a failover another may answer: so the address
 * that belongs to the number is compared first, and where it is not ours, or cannot be known, nothing is done.
 *
 * Cost: 1 connection and 2 round trips, for all of them. Needs the permission for `CLIENT LIST` and `CLIENT UNBLOCK`.
 */
export async function unblock(blocked: readonly Connection[], open: () => Promise<Connection>): Promise<void> {
  const known = blocked.flatMap(({ identity }) => (identity === undefined ? [] : [identity]));
  if (known.length === 0) return;
  const aside = await open();
  try {
    const list = await request(aside, ['CLIENT', 'LIST', 'ID', ...known.map(({ id }) => String(id))]);
    const ours = known.filter((identity) => isListed(list, identity));
    await Promise.all(ours.map(({ id }) => request(aside, ['CLIENT', 'UNBLOCK', String(id), 'TIMEOUT'])));
  } finally {
    aside.destroy();
  }
}

function isListed(list: Reply, { id, address }: ConnectionIdentity): boolean {
  // Valkey 9.1 writes the address of a unix socket as if it were a host with a port
  const beginnings = [`id=${id} addr=${address} `, `id=${id} addr=[${address}]:0 `];
  const isOurs = (line: string): boolean => beginnings.some((beginning) => line.startsWith(beginning));
  return typeof list === 'string' && list.split('\n').some(isOurs);
}
