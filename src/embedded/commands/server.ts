import { globMatches } from '../glob.js';
import { integerArg } from '../number.js';
import { type EngineReply, ErrorReply, MapReply, OK, Status } from '../reply.js';
import type { CommandSpec, RunCommand, Session } from '../server.js';
import { define, NO_KEYS } from './define.js';
import { track, trackingInfo } from './tracking.js';

const VERSION = '7.2.4';

/** What the engine would say if it were configured; nothing here can be set. */
const SETTINGS: readonly (readonly [string, string])[] = [
  ['appendonly', 'no'],
  ['databases', '16'],
  ['maxmemory', '0'],
  ['maxmemory-policy', 'noeviction'],
  ['notify-keyspace-events', ''],
  ['proto-max-bulk-len', '536870912'],
  ['save', ''],
  ['timeout', '0'],
];

function ping(_session: Session, argv: readonly string[]): EngineReply {
  if (argv.length > 2) throw new ErrorReply("ERR wrong number of arguments for 'ping' command");
  return argv[1] ?? new Status('PONG');
}

function time({ server }: Session): EngineReply {
  const seconds = Math.floor(server.nowMs / 1000);
  return [String(seconds), String((server.nowMs - seconds * 1000) * 1000 + server.nowUs)];
}

function select(session: Session, argv: readonly string[]): EngineReply {
  const index = integerArg(argv[1] as string, 'ERR invalid DB index');
  const database = session.server.databases[index];
  if (database === undefined) throw new ErrorReply('ERR DB index is out of range');
  session.database = database;
  return OK;
}

function flush(databases: (session: Session) => Session['server']['databases']): RunCommand {
  return (session, argv) => {
    const mode = argv[1]?.toUpperCase();
    if (argv.length > 2 || (mode !== undefined && mode !== 'ASYNC' && mode !== 'SYNC'))
      throw new ErrorReply('ERR syntax error');
    for (const database of databases(session)) database.clear();
    return OK;
  };
}

function info({ server }: Session, argv: readonly string[]): EngineReply {
  const uptimeSeconds = Math.floor((server.nowMs - server.startedAtMs) / 1000);
  const keyspace = server.databases
    .filter(({ size }) => size > 0)
    .map(({ index, size, expiring }) => `db${index}:keys=${size},expires=${expiring},avg_ttl=0`);
  const sections: Readonly<Record<string, readonly string[]>> = {
    server: [
      `redis_version:${VERSION}`,
      'server_name:redis-utils-embedded',
      'redis_mode:standalone',
      'process_id:0',
      'tcp_port:0',
      `uptime_in_seconds:${uptimeSeconds}`,
    ],
    clients: [`connected_clients:${server.sessions.size}`, `blocked_clients:${server.blocking.count}`],
    memory: ['used_memory:0', 'maxmemory:0', 'maxmemory_policy:noeviction'],
    persistence: ['loading:0', 'aof_enabled:0'],
    replication: ['role:master', 'connected_slaves:0'],
    cluster: ['cluster_enabled:0'],
    keyspace,
  };
  const wanted = argv.slice(1).map((name) => name.toLowerCase());
  const isAll =
    wanted.length === 0 || wanted.some((name) => name === 'all' || name === 'default' || name === 'everything');
  return Object.entries(sections)
    .filter(([name]) => isAll || wanted.includes(name))
    .map(
      ([name, lines]) =>
        `# ${name.charAt(0).toUpperCase()}${name.slice(1)}\r\n${lines.map((line) => `${line}\r\n`).join('')}`,
    )
    .join('\r\n');
}

function client(session: Session, argv: readonly string[]): EngineReply {
  switch ((argv[1] as string).toUpperCase()) {
    case 'ID':
      return session.id;
    case 'GETNAME':
      return session.name === '' ? null : session.name;
    case 'SETNAME':
      if (/[^!-~]/.test(argv[2] as string)) {
        throw new ErrorReply('ERR Client names cannot contain spaces, newlines or special characters.');
      }
      session.name = argv[2] as string;
      return OK;
    case 'TRACKING':
      return track(session, argv);
    case 'TRACKINGINFO':
      return trackingInfo(session);
    default:
      return `id=${session.id} addr=embedded:0 laddr=embedded:0 fd=0 name=${session.name} db=${session.database.index} resp=3 lib-name=redis-utils user=default\n`;
  }
}

const CLIENT_SUBCOMMANDS = { ID: 2, GETNAME: 2, SETNAME: 3, INFO: 2, TRACKING: -3, TRACKINGINFO: 2 };

function configGet(_session: Session, argv: readonly string[]): EngineReply {
  const patterns = argv.slice(2).map((pattern) => pattern.toLowerCase());
  return new MapReply(SETTINGS.filter(([name]) => patterns.some((pattern) => globMatches(pattern, name))).flat());
}

function describe(spec: CommandSpec): EngineReply {
  const flags = spec.flags.filter((flag) => flag !== 'nomulti').map((flag) => new Status(flag));
  return [spec.name.toLowerCase(), spec.arity, flags, ...spec.keys];
}

function describeCommands({ server }: Session, argv: readonly string[]): EngineReply {
  switch (argv[1]?.toUpperCase()) {
    case undefined:
      return [...server.commands.values()].map(describe);
    case 'COUNT':
      return server.commands.size;
    default:
      return argv.slice(2).map((name) => {
        const spec = server.commands.get(name.toUpperCase());
        return spec === undefined ? null : describe(spec);
      });
  }
}

function hello(session: Session, argv: readonly string[]): EngineReply {
  if (argv[1] !== undefined && argv[1] !== '3') throw new ErrorReply('NOPROTO unsupported protocol version');
  const setName = argv.findIndex((word) => word.toUpperCase() === 'SETNAME');
  if (setName !== -1) session.name = argv[setName + 1] ?? '';
  return new MapReply([
    'server',
    'redis',
    'version',
    VERSION,
    'proto',
    3,
    'id',
    session.id,
    'mode',
    'standalone',
    'role',
    'master',
    'modules',
    [],
  ]);
}

function reset(session: Session): EngineReply {
  session.leaveTransaction();
  session.server.pubsub.unsubscribeAll(session.subscriber);
  session.server.tracking.stop(session.subscriber);
  session.database = session.server.databases[0] as Session['database'];
  session.name = '';
  return new Status('RESET');
}

export const SERVER_COMMANDS: readonly CommandSpec[] = [
  define('PING', { arity: -1, flags: ['fast'], keys: NO_KEYS }, ping),
  define('ECHO', { arity: 2, flags: ['fast'], keys: NO_KEYS }, (_session, argv) => argv[1] as string),
  define('TIME', { arity: 1, flags: ['fast'], keys: NO_KEYS }, time),
  define('SELECT', { arity: 2, flags: ['fast'], keys: NO_KEYS }, select),
  define('DBSIZE', { arity: 1, flags: ['readonly'], keys: NO_KEYS }, ({ database }) => database.size),
  define(
    'FLUSHDB',
    { arity: -1, flags: ['write'], keys: NO_KEYS },
    flush(({ database }) => [database]),
  ),
  define(
    'FLUSHALL',
    { arity: -1, flags: ['write'], keys: NO_KEYS },
    flush(({ server }) => server.databases),
  ),
  define('INFO', { arity: -1, flags: [], keys: NO_KEYS }, info),
  define('CLIENT', { arity: -2, flags: ['noscript'], keys: NO_KEYS, subcommands: CLIENT_SUBCOMMANDS }, client),
  define('CONFIG', { arity: -2, flags: ['noscript'], keys: NO_KEYS, subcommands: { GET: -3 } }, configGet),
  define('COMMAND', { arity: -1, flags: [], keys: NO_KEYS, subcommands: { COUNT: 2, INFO: -2 } }, describeCommands),
  define('HELLO', { arity: -1, flags: ['noscript', 'nomulti'], keys: NO_KEYS }, hello),
  define('RESET', { arity: 1, flags: ['noscript', 'nomulti'], keys: NO_KEYS }, reset),
];
