import { checkInteger, checkKnown, checkText, wrong } from '../../core/check.js';
import { ConfigError } from '../../core/errors.js';
import { checkHost, checkPort, formatAddress, parseAddresses } from './address.js';
import { checkSecret, checkUser } from './credentials.js';
import type { Draft } from './draft.js';
import { PLACES } from './field.js';
import { checkEach, partsOf } from './issues.js';
import type { SentinelOptions } from './redis-options.js';
import type { Address, Settings, Target } from './settings.js';

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26_379;

/** The one place to connect to, and the database there. @throws ConfigError with all issues at once */
export function checkTarget(draft: Draft): { target: Target; db: number } {
  const place = draft.place;
  return checkEach<{ target: Target; db: number }>(
    { target: () => targetOf(draft, place), db: () => checkDb(draft.get('db', 0), place) },
    () => {
      // host and port are two halves of one place
      const given = PLACES.filter((name) => draft.get(name) !== undefined && name !== place);
      const other = given.find((name) => !(place === 'host' && name === 'port'));
      if (other === undefined) return;
      const expected = `unset, because \`${draft.nameOf(place)}\` already says where to connect to`;
      throw new ConfigError([{ option: other, expected, received: 'another place' }]);
    },
  );
}

function targetOf(draft: Draft, place: Draft['place']): Target {
  const value = draft.get(place);
  switch (place) {
    case 'memory':
      return Object.freeze({ kind: 'memory', name: checkText('memory', value) });
    case 'socketPath':
      return Object.freeze({ kind: 'unix', path: checkText('socketPath', value) });
    case 'cluster':
      return Object.freeze({ kind: 'cluster', seeds: parseAddresses('cluster', value, DEFAULT_PORT) });
    case 'sentinel':
      return checkSentinel(value);
    default:
      return checkEach<Extract<Target, { kind: 'tcp' }>>({
        kind: () => 'tcp',
        host: () => checkHost('host', draft.get('host', DEFAULT_HOST)),
        port: () => checkPort('port', draft.get('port', DEFAULT_PORT)),
      });
  }
}

function checkSentinel(value: unknown): Target {
  const { nodes, master, username, password } = partsOf<SentinelOptions>(value);
  return checkEach<Extract<Target, { kind: 'sentinel' }>>(
    {
      kind: () => 'sentinel',
      sentinels: () => parseAddresses('sentinel.nodes', nodes, DEFAULT_SENTINEL_PORT),
      master: () => checkText('sentinel.master', master),
      username: () => (username === undefined ? undefined : checkText('sentinel.username', username)),
      password: () => (password === undefined ? undefined : checkSecret('sentinel.password', password)),
    },
    () => checkKnown('sentinel', value, ['nodes', 'master', 'username', 'password']),
    () => checkUser('sentinel.password', { username, password }),
  );
}

function checkDb(value: unknown, place: Draft['place']): number {
  const db = checkInteger('db', value, { min: 0, max: 1_000_000 });
  if (place === 'cluster' && db !== 0) throw wrong('db', '0, the only database of a cluster', db);
  return db;
}

/** Where it points to, as a URL without credentials that leads to the same place. */
export function describeTarget({ target, db, tls }: Pick<Settings, 'target' | 'db' | 'tls'>): string {
  const scheme = tls === undefined ? 'redis' : 'rediss';
  switch (target.kind) {
    case 'memory':
      return `memory://${escapePath(target.name)}`;
    case 'unix':
      return `redis+unix://${escapePath(target.path)}?db=${db}`;
    case 'cluster':
      return `${scheme}-cluster://${listOf(target.seeds)}`;
    case 'sentinel': {
      const master = encodeURIComponent(target.master);
      return `${scheme}-sentinel://${listOf(target.sentinels)}/${db}?master=${master}`;
    }
    case 'tcp':
      return `${scheme}://${listOf([target])}/${db}`;
  }
}

/** The zone of an IPv6 address begins with a percent sign. */
function listOf(addresses: readonly Address[]): string {
  return addresses.map(formatAddress).join(',').replaceAll('%', '%25');
}

/** Leaves what stands in paths readable. */
function escapePath(path: string): string {
  return encodeURI(path).replace(/[?#]/g, encodeURIComponent);
}
