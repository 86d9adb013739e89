import { SERVER_IDS } from '../../scripts/server-ids.mjs';
import { findServers, type ServerBinary } from '../../src/testing/server-binary.js';

/** The real servers to test against: every one of the list that is there, oldest first, else whatever there is. */
export function availableServers(): readonly ServerBinary[] {
  const all = findServers();
  const listed = SERVER_IDS.flatMap((id) => all.filter((server) => server.id === id));
  return listed.length > 0 ? listed : all.slice(0, 1);
}
