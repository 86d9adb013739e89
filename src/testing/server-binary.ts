import { execFileSync } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { searchPath, serversFolder } from './environment.js';
import { MissingProgramError } from './errors.js';

/** A server that can be started. */
export interface ServerBinary {
  /** The name of its folder, such as `valkey-8.1`, or `local` for one from the PATH. */
  readonly id: string;
  /** What it says it is, such as `valkey 8.1.1`. */
  readonly version: string;
  readonly path: string;
}

/**
 * The servers that there are, the newest version first. Looked for in this order, the first place that has any being
 * the one that counts: the folder that the variable REDIS_UTILS_SERVERS names, `.servers/` in the working directory
 * (both hold `ID/bin/server` and `ID/VERSION`), then `valkey-server` and `redis-server` on the PATH.
 */
export function findServers(): readonly ServerBinary[] {
  for (const folder of [serversFolder(), '.servers']) {
    const found = folder === undefined ? [] : serversIn(resolve(folder));
    if (found.length > 0) return found.sort(newestFirst);
  }
  return serversOnPath().sort(newestFirst);
}

/**
 * The server with that id, else the newest whose name and number begin so: `valkey`, `redis-7`, `redis-7.0.15`.
 * @throws MissingProgramError when there is none
 */
export function findServer(version?: string): ServerBinary {
  const all = findServers();
  const byId = all.find(({ id }) => id === version);
  const found = byId ?? all.find((server) => version === undefined || isMeant(server, version));
  if (found !== undefined) return found;
  const remedy = 'install valkey-server or redis-server, or name a folder of servers in REDIS_UTILS_SERVERS';
  const known = all.length === 0 ? remedy : `there are ${all.map(({ id }) => id).join(', ')}`;
  throw new MissingProgramError(version ?? 'Redis or Valkey server', known);
}

function isMeant({ version }: ServerBinary, wanted: string): boolean {
  const full = version.replace(' ', '-');
  return full === wanted || full.startsWith(`${wanted}-`) || full.startsWith(`${wanted}.`);
}

function newestFirst(a: ServerBinary, b: ServerBinary): number {
  const number = ({ version }: ServerBinary): string => version.replace(/^\D*/, '');
  return number(b).localeCompare(number(a), 'en', { numeric: true });
}

function serversIn(folder: string): ServerBinary[] {
  return listed(folder).flatMap((id) => {
    const path = join(folder, id, 'bin', 'server');
    const versionFile = join(folder, id, 'VERSION');
    if (!isExecutable(path) || !listed(join(folder, id)).includes('VERSION')) return [];
    return [{ id, path, version: readFileSync(versionFile, 'utf8').trim() }];
  });
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function serversOnPath(): ServerBinary[] {
  const folders = searchPath().split(delimiter);
  return ['valkey-server', 'redis-server'].flatMap((name) => {
    const path = folders.map((folder) => join(folder, name)).find(isExecutable);
    return path === undefined ? [] : [{ id: 'local', path, version: versionOf(path) }];
  });
}

/** Of what it prints: `Redis server v=7.0.15 …`. */
function versionOf(path: string): string {
  const printed = execFileSync(path, ['--version'], { encoding: 'utf8' });
  const [, name = '', version = ''] = /^(\w+) server v=(\S+)/i.exec(printed) ?? [];
  return `${name.toLowerCase()} ${version}`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
