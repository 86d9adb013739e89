import { ConfigError } from '../../core/errors.js';
import type { FieldValue } from './field.js';
import { databaseOf, decodePart, queryOf, refuseFragment, splitOnce } from './url-part.js';

interface ListUrl {
  /** How errors call the URL. */
  readonly name: string;
  readonly kind: 'cluster' | 'sentinel';
  readonly tls: boolean;
}

const SENTINEL_PARAMETERS = ['master', 'sentinelUsername', 'sentinelPassword'];

/**
 * The fields of `redis-cluster://` and `redis-sentinel://`, whose list of hosts with ports no URL parser of the runtime
 * takes. The addresses stay text here: they are checked where those of the options are.
 * @throws ConfigError
 */
export function parseListUrl(text: string, { name, kind, tls }: ListUrl): readonly FieldValue[] {
  const [, authority = '', path = '', search = '', hash = ''] =
    /^[^:]*:\/\/([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(text) ?? [];
  refuseFragment(hash, name);
  // the rest of a password would be read as parameters, and a name among them is shown
  if (`${path}${search}`.includes('@')) {
    const expected = 'free of @ behind the hosts, where it is written %40, and with encoded credentials before them';
    throw new ConfigError([{ option: name, expected, received: 'a malformed URL' }]);
  }
  const at = authority.lastIndexOf('@');
  const hosts = decodePart(authority.slice(at + 1), name).split(',');
  if (hosts.includes('')) {
    throw new ConfigError([{ option: name, expected: 'to name hosts, separated by commas', received: 'an empty one' }]);
  }
  const query = queryOf(search, name, kind === 'sentinel' ? SENTINEL_PARAMETERS : []);
  const sentinel = {
    nodes: hosts,
    master: query.get('master'),
    username: query.get('sentinelUsername'),
    password: query.get('sentinelPassword'),
  };
  return [
    kind === 'cluster' ? ['cluster', hosts] : ['sentinel', sentinel],
    ['db', databaseOf(path, name)],
    ['tls', tls],
    ...credentials(authority.slice(0, Math.max(at, 0)), name),
  ];
}

function credentials(text: string, name: string): readonly FieldValue[] {
  const [username = '', password = ''] = splitOnce(text, ':').map((part) => decodePart(part, name));
  return [
    ['username', username === '' ? undefined : username],
    ['password', password === '' ? undefined : password],
  ];
}
