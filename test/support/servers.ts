import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { SERVER_IDS } from '../../scripts/server-ids.mjs';

/**
 * Which real servers there are to test against. Looked for in this order: the folder that REDIS_UTILS_SERVERS names,
 * then `.servers/` (filled by scripts/servers.sh), then `valkey-server` and `redis-server` on the PATH, as `local`.
 */

export interface ServerBinary {
  /** A name of SERVER_IDS, or `local` for one from the PATH. */
  readonly id: string;
  /** What it says it is, such as `valkey 8.1.1`; empty for `local`. */
  readonly version: string;
  readonly path: string;
}

const root = resolve(import.meta.dirname, '../..');

/** Every server of the list that is there; the one from the PATH only when none of the list is. */
export function availableServers(): readonly ServerBinary[] {
  const folders = [process.env['REDIS_UTILS_SERVERS'], join(root, '.servers')];
  for (const folder of folders) {
    if (folder === undefined || folder === '') continue;
    const found = SERVER_IDS.flatMap((id) => serverIn(folder, id));
    if (found.length > 0) return found;
  }
  return serverOnPath();
}

/** The server with this id, or the first there is; the error says how to get one. */
export function findServer(id?: string): ServerBinary {
  const found = availableServers().find((server) => id === undefined || server.id === id);
  if (found !== undefined) return found;
  throw new Error(`No ${id ?? 'Redis or Valkey'} server to test against – \`npm run servers\` fetches all of them`);
}

function serverIn(folder: string, id: string): ServerBinary[] {
  const path = join(resolve(root, folder), id, 'bin', 'server');
  const versionFile = join(resolve(root, folder), id, 'VERSION');
  if (!isExecutable(path) || !existsSync(versionFile)) return [];
  return [{ id, path, version: readFileSync(versionFile, 'utf8').trim() }];
}

function serverOnPath(): ServerBinary[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  for (const name of ['valkey-server', 'redis-server']) {
    const path = folders.map((folder) => join(folder, name)).find(isExecutable);
    if (path !== undefined) return [{ id: 'local', path, version: '' }];
  }
  return [];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
