import { integerArg } from '../number.js';
import { type EngineReply, ErrorReply, OK } from '../reply.js';
import type { CommandSpec, RunCommand } from '../server.js';
import { define, NO_KEYS } from './define.js';

function evaluate(from: 'source' | 'sha', readOnly: boolean): RunCommand {
  return (session, argv) => {
    const { scripts } = session.server;
    const count = integerArg(argv[2] as string);
    if (count > argv.length - 3) throw new ErrorReply("ERR Number of keys can't be greater than number of args");
    if (count < 0) throw new ErrorReply("ERR Number of keys can't be negative");
    const script = argv[1] as string;
    const sha = from === 'source' ? scripts.load(script) : script.toLowerCase();
    if (!scripts.has(sha)) throw new ErrorReply('NOSCRIPT No matching script. Please use EVAL.');
    return scripts.run({ session, sha, keys: argv.slice(3, 3 + count), args: argv.slice(3 + count), readOnly });
  };
}

const script: RunCommand = ({ server }, argv): EngineReply => {
  switch ((argv[1] as string).toUpperCase()) {
    case 'LOAD':
      return server.scripts.load(argv[2] as string);
    case 'EXISTS':
      return argv.slice(2).map((sha) => (server.scripts.has(sha.toLowerCase()) ? 1 : 0));
    default:
      if (argv.length > 3 || !['ASYNC', 'SYNC'].includes(argv[2]?.toUpperCase() ?? 'SYNC')) {
        throw new ErrorReply('ERR SCRIPT FLUSH only support SYNC|ASYNC option');
      }
      server.scripts.flush();
      return OK;
  }
};

export const SCRIPT_COMMANDS: readonly CommandSpec[] = [
  define('EVAL', { arity: -3, flags: ['noscript'], keys: NO_KEYS }, evaluate('source', false)),
  define('EVALSHA', { arity: -3, flags: ['noscript'], keys: NO_KEYS }, evaluate('sha', false)),
  define('EVAL_RO', { arity: -3, flags: ['noscript', 'readonly'], keys: NO_KEYS }, evaluate('source', true)),
  define('EVALSHA_RO', { arity: -3, flags: ['noscript', 'readonly'], keys: NO_KEYS }, evaluate('sha', true)),
  define(
    'SCRIPT',
    { arity: -2, flags: ['noscript'], keys: NO_KEYS, subcommands: { LOAD: 3, EXISTS: -3, FLUSH: -2 } },
    script,
  ),
];
