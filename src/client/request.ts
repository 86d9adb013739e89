import { commandName } from './calls/command.js';
import type { Reply, ReplyMode, ReplySink, WireCommand } from './driver.js';

/** What has a server tell a connection of the keys that begin with `prefix`. */
export function trackingCommand(prefix: string): WireCommand {
  return ['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', prefix];
}

/** Sends one command and waits for its reply for as long as the connection lives: for the library's own questions. */
export function request(
  to: { send(command: WireCommand, sink: ReplySink): void },
  command: WireCommand,
  mode: ReplyMode = 'text',
): Promise<Reply> {
  return new Promise<Reply>((resolve, reject) => {
    const operation = commandName(command);
    to.send(command, { operation, mode, blocks: false, sent: false, abandoned: false, resolve, reject });
  });
}
