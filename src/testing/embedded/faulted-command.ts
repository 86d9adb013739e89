import { Waiter } from '../../embedded/blocking.js';
import type { InterceptedCommand } from '../../embedded/interceptor.js';
import { type EngineReply, ErrorReply } from '../../embedded/reply.js';
import type { Session } from '../../embedded/server.js';

/** What befalls one command. */
export type Fault =
  /** It does not run; this is the error reply. */
  | { readonly kind: 'error'; readonly reply: string }
  /** It runs, and the connection ends without its reply. */
  | { readonly kind: 'lost-reply' }
  /** It does not run, and the connection ends. */
  | { readonly kind: 'drop' }
  /** It runs, and its reply comes later on the engine's clock. What follows on the connection waits. */
  | { readonly kind: 'delay'; readonly delayMs: number };

type Answer = EngineReply | Waiter;

/** Runs a command as its fault says. A command that waits for a key is not delayed further. */
export function executeFaulted(fault: Fault, command: InterceptedCommand): Answer {
  switch (fault.kind) {
    case 'error':
      return refused(fault.reply, command);
    case 'drop':
      return cutOff(command);
    case 'lost-reply': {
      const answer = command.execute();
      return answer instanceof Waiter ? answer : cutOff(command);
    }
    case 'delay': {
      const answer = command.execute();
      return answer instanceof Waiter ? answer : delayed(answer, fault.delayMs, command);
    }
  }
}

/** A transaction fails with a command that is refused in it, as on a server. */
function refused(reply: string, { session, argv }: InterceptedCommand): ErrorReply {
  if (session.queue === undefined) return new ErrorReply(reply);
  if (argv[0]?.toUpperCase() !== 'EXEC') {
    session.isQueueBroken = true;
    return new ErrorReply(reply);
  }
  session.leaveTransaction();
  return new ErrorReply(`EXECABORT Transaction discarded because of: ${reply}`);
}

/** The connection ends once it waits for this reply, which therefore never comes. */
function cutOff({ session }: InterceptedCommand): Waiter {
  queueMicrotask(() => session.subscriber.destroy?.());
  return waiterOf(session);
}

function delayed(answer: EngineReply, delayMs: number, { session, clock, blocking }: InterceptedCommand): Waiter {
  const waiter = waiterOf(session);
  const timer = clock.timer(delayMs, () => {
    blocking.remove(waiter);
    waiter.settle(answer);
  });
  waiter.removed = () => timer.cancel();
  return waiter;
}

/** Waits for no key and for ever: somebody else settles it. */
function waiterOf({ database }: Session): Waiter {
  return new Waiter({ database, keys: [], timeoutMs: undefined }, () => undefined);
}
