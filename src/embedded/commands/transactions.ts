import { type EngineReply, ErrorReply, OK } from '../reply.js';
import type { CommandSpec, Session } from '../server.js';
import { ALL_KEYS, define, NO_KEYS } from './define.js';

function begin(session: Session): EngineReply {
  if (session.queue !== undefined) throw new ErrorReply('ERR MULTI calls can not be nested');
  session.queue = [];
  return OK;
}

function discard(session: Session): EngineReply {
  if (session.queue === undefined) throw new ErrorReply('ERR DISCARD without MULTI');
  session.leaveTransaction();
  return OK;
}

function execute(session: Session): EngineReply {
  const { queue, server } = session;
  if (queue === undefined) throw new ErrorReply('ERR EXEC without MULTI');
  server.watches.expire(session);
  const { isQueueBroken, isDirty } = session;
  session.leaveTransaction();
  if (isQueueBroken) throw new ErrorReply('EXECABORT Transaction discarded because of previous errors.');
  if (isDirty) return null;
  session.isAtomic = true;
  const replies = queue.map((argv) => attempt(session, argv));
  session.isAtomic = false;
  return replies;
}

function attempt(session: Session, argv: readonly string[]): EngineReply {
  try {
    return session.server.run(session, argv);
  } catch (error) {
    if (error instanceof ErrorReply) return error;
    throw error;
  }
}

function watch(session: Session, argv: readonly string[]): EngineReply {
  if (session.queue !== undefined) throw new ErrorReply('ERR WATCH inside MULTI is not allowed');
  for (const key of argv.slice(1)) session.server.watches.watch(session, key);
  return OK;
}

function unwatch(session: Session): EngineReply {
  session.isDirty = false;
  session.server.watches.forget(session);
  return OK;
}

export const TRANSACTION_COMMANDS: readonly CommandSpec[] = [
  define('MULTI', { arity: 1, flags: ['noscript', 'nomulti'], keys: NO_KEYS }, begin),
  define('EXEC', { arity: 1, flags: ['noscript', 'nomulti'], keys: NO_KEYS }, execute),
  define('DISCARD', { arity: 1, flags: ['noscript', 'nomulti'], keys: NO_KEYS }, discard),
  define('WATCH', { arity: -2, flags: ['noscript', 'nomulti'], keys: ALL_KEYS }, watch),
  define('UNWATCH', { arity: 1, flags: ['noscript'], keys: NO_KEYS }, unwatch),
];
